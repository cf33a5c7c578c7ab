/* SPDX-License-Identifier: Apache-2.0 */

#include "core/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool private_folder_make(const char *path)
{
	char *copy = strdup(path);
	if (copy == NULL)
		return false;
	bool made = *copy != '\0';
	for (char *slash = copy + 1; made; slash++) {
		slash += strcspn(slash, "/");
		char kept = *slash;
		*slash = '\0';
		made = mkdir(copy, 0700) == 0 || errno == EEXIST;
		*slash = kept;
		if (kept == '\0')
			break;
	}
	int reason = *copy == '\0' ? ENOENT : errno;
	free(copy);
	errno = reason;
	return made;
}

static bool write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		length -= (size_t)written;
	}
	return true;
}

bool private_file_write(int folder, const char *name, const void *bytes, size_t length)
{
	char beside[64];
	int named = snprintf(beside, sizeof beside, "%s.new", name);
	if (named < 0 || (size_t)named >= sizeof beside) {
		errno = ENAMETOOLONG;
		return false;
	}
	/* What a killed service left half done; O_EXCL then makes sure that nothing of anybody else is written to. */
	if (unlinkat(folder, beside, 0) != 0 && errno != ENOENT)
		return false;
	int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool written = write_all(fd, bytes, length);
	int reason = errno;
	if (close(fd) != 0 && written) {
		reason = errno;
		written = false;
	}
	if (written && renameat(folder, beside, folder, name) == 0)
		return true;
	if (written)
		reason = errno;
	unlinkat(folder, beside, 0);
	errno = reason;
	return false;
}

ssize_t private_file_read(int folder, const char *name, char *text, size_t size)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -1;
	size_t used = 0;
	ssize_t got = 1;
	int reason = 0;
	while (used < size && got > 0) {
		got = read(fd, text + used, size - used);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			reason = errno;
		else
			used += (size_t)got;
	}
	if (reason == 0 && used == size)
		reason = EFBIG;
	close(fd);
	errno = reason;
	if (reason != 0)
		return -1;
	text[used] = '\0';
	return (ssize_t)used;
}
