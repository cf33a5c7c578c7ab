/* SPDX-License-Identifier: Apache-2.0 */

#include "core/broker/broker_home.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/private_file.h"
#include "core/base/private_folder.h"

/* The threads of a killed service may keep its descriptors open for a moment. */
#define OWNER_LIMIT (1 * SECOND)
/* The system may offer a port again that has just become free. */
#define CHOICES 64
#define STORE_LIMIT (15 * SECOND)

/* With less room, the store cannot be written. */
#define ROOM_LEAST (UINT64_C(1) << 20)

/* An event contains names and IDs and has a kilobyte or two. The default of nats-server is 1 MB, and it warns above 8
 * MB. */
#define MAX_PAYLOAD "8MB"

/* Takes a lock, retrying until the limit. */
static bool lock_file(int fd, nanos limit)
{
	nanos end = clock_monotonic() + limit;
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || clock_monotonic() > end)
			return false;
		poll(NULL, 0, 20);
	}
	return true;
}

/* False: failed; `why` has the reason. */
static bool open_folder(struct broker_home *home, const char *state_dir, char *why, size_t size)
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof path, "%s/broker", state_dir);
	bool fits = length >= 0 && (size_t)length < sizeof path;
	if (!fits)
		errno = ENAMETOOLONG;
	home->path = fits && private_folder_make(path) ? realpath(path, NULL) : NULL;
	if (home->path == NULL) {
		snprintf(why, size, "cannot create the folder %s/broker: %s", state_dir, strerror(errno));
		return false;
	}
	home->folder = private_folder_open(home->path, why, size);
	/* The folder contains passwords: no other user may enter it. */
	if (home->folder >= 0 && fchmod(home->folder, 0700) != 0)
		snprintf(why, size, "%s: %s", home->path, strerror(errno));
	return why[0] == '\0';
}

static void take_locks(struct broker_home *home, char *why, size_t size)
{
	char pid[32] = "?";
	home->owner = private_file_open(home->folder, "owner");
	if (home->owner >= 0)
		home->lock = private_file_open(home->folder, "lock");
	if (home->lock < 0) {
		snprintf(why, size, "%s/%s: %s", home->path, home->owner < 0 ? "owner" : "lock", private_file_reason(errno));
		return;
	}
	if (!lock_file(home->owner, OWNER_LIMIT)) {
		if (private_file_read(home->folder, "owner", pid, sizeof pid) <= 0)
			snprintf(pid, sizeof pid, "?");
		snprintf(why, size,
		         "%s is in use by another service (process %.*s): give this service its own state folder "
		         "([postprocessing] state_dir, POSTPROCESSING_STATE_DIR)",
		         home->path, (int)strcspn(pid, "\n"), pid);
		return;
	}
	if (!lock_file(home->lock, STORE_LIMIT)) {
		if (private_file_read(home->folder, "nats.pid", pid, sizeof pid) <= 0)
			snprintf(pid, sizeof pid, "?");
		snprintf(why, size, "%s: the nats-server of an earlier service (process %.*s) is still running", home->path,
		         (int)strcspn(pid, "\n"), pid);
		return;
	}
	/* For the message above; written in place, because a renamed file would be another lock. */
	int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(home->owner, 0) != 0 || pwrite(home->owner, pid, (size_t)length, 0) != length)
		snprintf(why, size, "%s/owner: %s", home->path, strerror(errno));
}

bool broker_home_open(struct broker_home *home, const char *state_dir, char *why, size_t size)
{
	*home = (struct broker_home)BROKER_HOME_NONE;
	why[0] = '\0';
	if (open_folder(home, state_dir, why, size))
		take_locks(home, why, size);
	if (why[0] == '\0')
		return true;
	broker_home_close(home);
	return false;
}

void broker_home_close(struct broker_home *home)
{
	int fd[] = {home->lock, home->owner, home->folder};
	for (size_t i = 0; i < sizeof fd / sizeof fd[0]; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	free(home->path);
	*home = (struct broker_home)BROKER_HOME_NONE;
}

/* Listens for a moment. Returns the port; 0: it is in use. */
static unsigned try_port(unsigned port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	/* Like nats-server itself: remains of old connections on the port are ignored. */
	bool got = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	           bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 1) == 0 &&
	           getsockname(fd, (struct sockaddr *)&address, &size) == 0;
	close(fd);
	return got ? ntohs(address.sin_port) : 0;
}

bool broker_port_free(unsigned port)
{
	return try_port(port) != 0;
}

unsigned broker_port_choose(unsigned former)
{
	unsigned port = try_port(0);
	for (unsigned i = 0; i < CHOICES && port == former; i++)
		port = try_port(0);
	return port;
}

bool broker_home_has_room(const struct broker_home *home)
{
	struct statvfs status;
	return fstatvfs(home->folder, &status) != 0 || (uint64_t)status.f_bavail * status.f_frsize >= ROOM_LEAST;
}

/* Writes a string of nats-server's configuration. */
static void put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

bool broker_home_configure(const struct broker_home *home, unsigned port, const char *username, const char *password)
{
	char *text = NULL, pid_file[PATH_MAX + 16];
	size_t length = 0;
	if (home->path[strcspn(home->path, "\n\r\t")] != '\0') {
		errno = EINVAL;
		return false;
	}
	snprintf(pid_file, sizeof pid_file, "%s/nats.pid", home->path);
	FILE *out = alloc_checked(open_memstream(&text, &length));
	fprintf(out, "# Written by postprocessing at each start.\nlisten: \"127.0.0.1:%u\"\nmax_payload: " MAX_PAYLOAD "\n",
	        port);
	fprintf(out, "authorization { user: \"%s\", password: \"%s\" }\njetstream { store_dir: ", username, password);
	put_quoted(out, home->path);
	fputs(" }\npid_file: ", out);
	put_quoted(out, pid_file);
	fputc('\n', out);
	alloc_checked(ferror(out) == 0 && fclose(out) == 0 ? text : NULL);
	bool whole = private_file_write(home->folder, "nats.conf", text, length);
	int reason = errno;
	OPENSSL_cleanse(text, length);
	free(text);
	errno = reason;
	return whole;
}

int broker_home_open_log(const struct broker_home *home)
{
	if (renameat(home->folder, "nats.log", home->folder, "nats.log.1") != 0 && errno != ENOENT)
		return -1;
	return openat(home->folder, "nats.log", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
}

char *broker_home_last_words(const struct broker_home *home, char *text, size_t size)
{
	char tail[2049];
	text[0] = '\0';
	int fd = openat(home->folder, "nats.log", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	if (fd < 0)
		return text;
	off_t limit = sizeof tail - 1;
	off_t start = fstat(fd, &status) == 0 && status.st_size > limit ? status.st_size - limit : 0;
	ssize_t got = pread(fd, tail, sizeof tail - 1, start);
	close(fd);
	tail[got > 0 ? got : 0] = '\0';
	/* Only fatal messages: other lines may contain data that must not be logged. */
	for (char *found = tail; (found = strstr(found, "[FTL] ")) != NULL;) {
		found += strlen("[FTL] ");
		snprintf(text, size, "%.*s", (int)strcspn(found, "\n"), found);
	}
	return text;
}
