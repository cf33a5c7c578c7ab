/* SPDX-License-Identifier: Apache-2.0 */
#include "core/content/content_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/encoding.h"

#define SCHEME "file://"
#define RACES_MAX 8

/* Returns what is wrong with the URL, or NULL. */
static const char *decode_path(const char *url, char path[PATH_MAX])
{
	const char *from = url + strlen(SCHEME);
	if (strncasecmp(from, "localhost/", 10) == 0)
		from += 9;
	if (*from != '/')
		return "a file:// URL must have three slashes, or localhost as its host";
	size_t used = 0;
	while (*from != '\0') {
		if (used == PATH_MAX - 1)
			return "the path of the file:// URL is too long";
		if (*from == '?' || *from == '#')
			return "a file:// URL cannot have a query or a fragment";
		if (!percent_read(&from, &path[used++]))
			return "the file:// URL has an invalid percent-encoding";
	}
	path[used] = '\0';
	return NULL;
}

/* The part of `path` beneath `root`; NULL: it is not beneath it. */
static const char *below(const char *path, const char *root)
{
	size_t length = strlen(root);
	while (length > 0 && root[length - 1] == '/')
		length--;
	if (root[0] != '/' || strncmp(path, root, length) != 0 || path[length] != '/')
		return NULL;
	path += length;
	while (*path == '/')
		path++;
	return *path == '\0' ? NULL : path;
}

static int open_below(const char *root, const char *path)
{
	int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -1;
	/* O_NONBLOCK: a FIFO without a writer would hang the open. */
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long file = -1;
	/* EAGAIN: something was renamed while ".." was resolved. */
	for (int i = 0; i < RACES_MAX; i++) {
		file = syscall(SYS_openat2, folder, path, &how, sizeof how);
		if (file >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	int number = errno;
	close(folder);
	errno = number;
	return (int)file;
}

static void describe(int number, char *error, size_t size)
{
	if (number == EXDEV || number == ELOOP)
		snprintf(error, size, "the path leads outside its folder in [content] file_roots");
	else if (number == ENOSYS)
		snprintf(error, size, "file:// requires the system call openat2 (Linux 5.6 or newer)");
	else
		snprintf(error, size, "cannot open the file: %s", strerror(number));
}

int content_file_open(const char *url, char *const *roots, int64_t *bytes, char *error, size_t size)
{
	char path[PATH_MAX];
	const char *problem = decode_path(url, path);
	if (problem != NULL) {
		snprintf(error, size, "%s", problem);
		return -1;
	}
	snprintf(error, size, "the file is not in any folder of [content] file_roots");
	int file = -1;
	for (; roots != NULL && *roots != NULL && file < 0; roots++) {
		const char *rest = below(path, *roots);
		if (rest == NULL)
			continue;
		file = open_below(*roots, rest);
		if (file < 0)
			describe(errno, error, size);
	}
	if (file < 0)
		return -1;
	struct stat status;
	if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
		snprintf(error, size, "the file:// URL does not name a regular file");
		close(file);
		return -1;
	}
	error[0] = '\0';
	*bytes = status.st_size;
	return file;
}
