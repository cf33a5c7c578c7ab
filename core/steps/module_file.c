/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/module_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file_access.h"
#include "core/base/nearest.h"
#include "core/steps/builtin.h"

#define HEADERS_LIMIT 256

/* The names of the available modules, for a message: "delay, remote". */
struct names {
	const char *wrong;
	char text[512], nearest[256];
	size_t used, distance;
};

static void add_name(void *closure, const char *name, const char *path)
{
	struct names *names = closure;
	(void)path;
	if (names->used < sizeof names->text)
		names->used += (size_t)snprintf(names->text + names->used, sizeof names->text - names->used, "%s%s",
		                                names->used > 0 ? ", " : "", name);
	struct nearest nearest = {names->nearest[0] != '\0' ? names->nearest : NULL, names->distance};
	nearest_offer(&nearest, names->wrong, name);
	if (nearest.name == name) {
		snprintf(names->nearest, sizeof names->nearest, "%s", name);
		names->distance = nearest.distance;
	}
}

/* Lists the available modules, beginning with the most similar name. */
static void explain_missing(char *const *plugin_dir, const char *name, char *why, size_t size)
{
	struct names names = {.wrong = name}, builtin = {.wrong = name};
	for (size_t i = 0; builtin_name(i) != NULL; i++)
		add_name(&builtin, builtin_name(i), "");
	memcpy(names.nearest, builtin.nearest, sizeof names.nearest);
	names.distance = builtin.distance;
	module_files_list(plugin_dir, add_name, &names);
	bool near = names.nearest[0] != '\0';
	size_t used =
		(size_t)snprintf(why, size, "not found%s%s%s", near ? "; did you mean " : "", names.nearest, near ? "?" : ".");
	for (char *const *dir = plugin_dir; *dir != NULL && used < size; dir++)
		used += (size_t)snprintf(why + used, size - used, "%s%s", dir == plugin_dir ? " Modules in " : ", ", *dir);
	if (used < size)
		used += (size_t)snprintf(why + used, size - used, ": %s; built in: %s", names.used > 0 ? names.text : "none",
		                         builtin.text);
	if (used < size && !near)
		snprintf(why + used, size - used, ". For a step that another service on the bus performs, set module = remote");
}

char *module_file_find(char *const *plugin_dir, const char *name, uid_t user, char *why, size_t size)
{
	for (char *const *dir = plugin_dir; *dir != NULL; dir++) {
		char path[PATH_MAX];
		struct stat info;
		if (**dir != '/' || snprintf(path, sizeof path, "%s/%s.so", *dir, name) >= (int)sizeof path)
			continue;
		if (stat(path, &info) == 0) {
			char *absolute = S_ISREG(info.st_mode) ? realpath(path, NULL) : NULL;
			if (absolute == NULL)
				snprintf(why, size, "%s: %s", path, S_ISREG(info.st_mode) ? strerror(errno) : "not a regular file");
			/* The path as configured, and its target. */
			if (absolute == NULL ||
			    (file_is_trusted(path, user, why, size) && file_is_trusted(absolute, user, why, size)))
				return absolute;
			free(absolute);
			return NULL;
		}
		if (errno != ENOENT && errno != ENOTDIR) {
			snprintf(why, size, "%s: %s", path, strerror(errno));
			return NULL;
		}
	}
	explain_missing(plugin_dir, name, why, size);
	return NULL;
}

/* The end of the object's parts in the file; 0: it has none. */
static uintmax_t object_end(int fd, const ElfW(Ehdr) * head)
{
	ElfW(Phdr) part[HEADERS_LIMIT];
	uintmax_t end = 0;
	if (head->e_phnum == 0 || head->e_phnum > HEADERS_LIMIT || head->e_phentsize != sizeof part[0])
		return 0;
	ssize_t length = (ssize_t)(head->e_phnum * sizeof part[0]);
	if (pread(fd, part, (size_t)length, (off_t)head->e_phoff) != length)
		return UINTMAX_MAX; /* the list itself is beyond the end */
	for (size_t i = 0; i < head->e_phnum; i++) {
		uintmax_t stop = (uintmax_t)part[i].p_offset + part[i].p_filesz;
		end = part[i].p_type == PT_LOAD && stop > end ? stop : end;
	}
	return end;
}

bool module_file_whole(const char *path, char *why, size_t size)
{
	ElfW(Ehdr) head;
	struct stat info = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &info) != 0) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	ssize_t length = pread(fd, &head, sizeof head, 0);
	bool object = length == (ssize_t)sizeof head && memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_type == ET_DYN;
	uintmax_t end = object ? object_end(fd, &head) : 0;
	close(fd);
	if (!object || end == 0)
		snprintf(why, size, "%s: not a shared object%s", path, info.st_size == 0 ? ": the file is empty" : "");
	else if (end == UINTMAX_MAX)
		snprintf(why, size, "%s: truncated: the file has only %jd bytes", path, (intmax_t)info.st_size);
	else if (end > (uintmax_t)info.st_size)
		snprintf(why, size, "%s: truncated: the file has %jd bytes of at least %ju", path, (intmax_t)info.st_size, end);
	else
		return true;
	return false;
}

static int is_module(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 3, ".so") == 0;
}

/* Not alphasort(), whose order depends on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Whether a folder before `dir` contains a file of this name. */
static bool shadowed(char *const *plugin_dir, char *const *dir, const char *file)
{
	for (char *const *earlier = plugin_dir; earlier < dir; earlier++) {
		char path[PATH_MAX];
		struct stat info;
		if (snprintf(path, sizeof path, "%s/%s", *earlier, file) < (int)sizeof path && stat(path, &info) == 0)
			return true;
	}
	return false;
}

void module_files_list(char *const *plugin_dir, void (*each)(void *closure, const char *name, const char *path),
                       void *closure)
{
	for (char *const *dir = plugin_dir; *dir != NULL; dir++) {
		struct dirent **entry;
		int count = **dir == '/' ? scandir(*dir, &entry, is_module, by_name) : -1;
		for (int i = 0; i < count; i++) {
			char path[PATH_MAX], name[256];
			int length = (int)strlen(entry[i]->d_name) - 3;
			bool fits = snprintf(path, sizeof path, "%s/%s", *dir, entry[i]->d_name) < (int)sizeof path;
			snprintf(name, sizeof name, "%.*s", length, entry[i]->d_name);
			if (fits && !shadowed(plugin_dir, dir, entry[i]->d_name))
				each(closure, name, path);
			free(entry[i]);
		}
		if (count >= 0)
			free(entry);
	}
}
