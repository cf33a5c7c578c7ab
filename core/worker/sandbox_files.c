/* SPDX-License-Identifier: Apache-2.0
 * Landlock: only system libraries and data can be read, and nothing can be written. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/worker/sandbox_private.h"

/* The kernel's interface as of ABI 7. The headers of Debian 12 end at ABI 2. */
struct ruleset {
	uint64_t files, network, scoped;
};

struct __attribute__((packed)) rule {
	uint64_t allowed;
	int32_t parent;
};

enum { RULE_PATH_BENEATH = 1, FLAG_VERSION = 1 };

enum {
	FILE_EXECUTE = 1 << 0,
	FILE_WRITE = 1 << 1,
	FILE_READ = 1 << 2,
	FOLDER_READ = 1 << 3,
	/* Removing and making files of each kind are bits 4 to 12. */
	MAKE_CHARACTER_DEVICE = 1 << 6,
	MAKE_SOCKET = 1 << 9,
	MAKE_BLOCK_DEVICE = 1 << 11,
	FILE_REFER = 1 << 13,    /* ABI 2 */
	FILE_TRUNCATE = 1 << 14, /* ABI 3 */
	FILE_IOCTL = 1 << 15,    /* ABI 5 */
	SCOPE_ABSTRACT_UNIX = 1, /* ABI 6 */
	SCOPE_SIGNAL = 2,
	ALL_OF_ABI_1 = (1 << 13) - 1
};

/* Read by the loader, by the C library and by the libraries for TLS. Not all of /etc: the service's own secrets may be
 * there. */
static const char *const readable[] = {
	"/usr",
	"/lib",
	"/lib32",
	"/lib64",
	"/libx32",
	"/etc/alternatives",
	"/etc/ca-certificates",
	"/etc/gai.conf",
	"/etc/group",
	"/etc/host.conf",
	"/etc/hosts",
	"/etc/ld.so.cache",
	"/etc/ld.so.conf",
	"/etc/ld.so.conf.d",
	"/etc/localtime",
	"/etc/magic",
	"/etc/magic.mime",
	"/etc/mime.types",
	"/etc/nsswitch.conf",
	"/etc/passwd",
	"/etc/pki",
	"/etc/protocols",
	"/etc/resolv.conf",
	"/etc/services",
	"/etc/ssl",
	"/etc/timezone",
	"/dev/full",
	"/dev/random",
	"/dev/urandom",
	"/dev/zero",
	"/proc/cpuinfo",
	"/proc/meminfo",
	"/proc/self",
	"/proc/stat",
	"/proc/sys/kernel",
	"/proc/sys/vm",
	"/sys/devices/system/cpu",
	"/sys/fs/cgroup",
	"/sys/kernel/mm/transparent_hugepage",
};

static uint64_t known_rights(long abi)
{
	uint64_t rights = ALL_OF_ABI_1;
	if (abi >= 2)
		rights |= FILE_REFER;
	if (abi >= 3)
		rights |= FILE_TRUNCATE;
	if (abi >= 5)
		rights |= FILE_IOCTL;
	return rights;
}

static bool add_rule(int ruleset, int parent, uint64_t rights)
{
	const struct rule rule = {rights, parent};
	return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0;
}

/* A path that does not exist grants nothing. */
static bool allow(int ruleset, const char *path, uint64_t rights)
{
	int file = open(path, O_PATH | O_CLOEXEC), folder = open(path, O_PATH | O_CLOEXEC | O_DIRECTORY);
	bool good = file < 0 || add_rule(ruleset, file, folder >= 0 ? rights | FOLDER_READ : rights);
	if (file >= 0)
		close(file);
	if (folder >= 0)
		close(folder);
	return good;
}

/* The value of a key that names a path: if there is no such file, its first word, as in a command with arguments. */
static bool allow_named(int ruleset, const char *path, uint64_t rights)
{
	char first[4096];
	size_t length = strcspn(path, " \t");
	if (path[length] == '\0' || length >= sizeof first || access(path, F_OK) == 0)
		return allow(ruleset, path, rights);
	memcpy(first, path, length);
	first[length] = '\0';
	return allow(ruleset, first, rights);
}

/* The folder of temporary files. Nothing in it can be executed. */
static bool allow_scratch(int ruleset, const char *path, uint64_t known)
{
	const uint64_t refused =
		FILE_EXECUTE | MAKE_CHARACTER_DEVICE | MAKE_BLOCK_DEVICE | MAKE_SOCKET | (uint64_t)FILE_IOCTL;
	return path == NULL || allow(ruleset, path, known & ~refused);
}

static bool allow_all(int ruleset, const struct start_message *start, uint64_t known)
{
	const uint64_t rights = FILE_READ | ((start->grants & GRANT_EXEC) != 0 ? FILE_EXECUTE : 0);
	bool good = add_rule(ruleset, WORKER_MODULE, FILE_READ) && allow(ruleset, "/dev/null", FILE_READ | FILE_WRITE);
	if (good && start->copies_folder >= 0)
		good = add_rule(ruleset, start->copies_folder, FILE_READ);
	for (size_t i = 0; good && i < sizeof readable / sizeof readable[0]; i++)
		good = allow(ruleset, readable[i], rights);
	if (good && (start->grants & GRANT_EXEC) != 0)
		good = allow(ruleset, "/bin", rights) && allow(ruleset, "/sbin", rights);
	for (size_t i = 0; good && i < start->readable_count; i++)
		good = allow_named(ruleset, start->readable[i], rights);
	return good && (start->folder == NULL || allow(ruleset, start->folder, rights)) &&
	       allow_scratch(ruleset, start->scratch, known);
}

bool files_restrict(const struct start_message *start, bool *active, char *why, size_t size)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, FLAG_VERSION);
	*active = abi > 0;
	if (abi <= 0)
		return true;
	const struct ruleset wanted = {known_rights(abi), 0, abi >= 6 ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : 0};
	/* An older kernel knows a shorter struct, and refuses a longer one only if its end is not zero. */
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &wanted, abi >= 6 ? sizeof wanted : sizeof wanted.files, 0);
	bool good = ruleset >= 0 && allow_all(ruleset, start, known_rights(abi)) &&
	            syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	if (!good)
		snprintf(why, size, "cannot restrict the file system: %s", strerror(errno));
	if (ruleset >= 0)
		close(ruleset);
	return good;
}
