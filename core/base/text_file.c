/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t file_read_all(int fd, char *bytes, size_t size)
{
	size_t used = 0;
	while (used < size) {
		ssize_t count = read(fd, bytes + used, size - used);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		used += (size_t)count;
	}
	return (ssize_t)used;
}

static char *read_regular(int fd, size_t limit, size_t *length, struct stat *info)
{
	if (fstat(fd, info) != 0)
		return NULL;
	if (!S_ISREG(info->st_mode)) {
		errno = S_ISDIR(info->st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	if (info->st_size < 0 || (uintmax_t)info->st_size > limit) {
		errno = EFBIG;
		return NULL;
	}
	/* One byte more than the limit reveals a file that has grown beyond it. */
	size_t size = (size_t)info->st_size + 1;
	char *bytes = malloc(size + 1);
	if (bytes == NULL)
		return NULL;
	ssize_t count = file_read_all(fd, bytes, size); /* the end may have moved since fstat() */
	if (count < 0 || (size_t)count > limit) {
		int error = count < 0 ? errno : EFBIG;
		free(bytes);
		errno = error;
		return NULL;
	}
	bytes[count] = '\0';
	*length = (size_t)count;
	return bytes;
}

char *text_file_read(const char *path, size_t limit, size_t *length, struct stat *info)
{
	/* Non-blocking, so that a FIFO is rejected instead of waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return NULL;
	char *bytes = read_regular(fd, limit, length, info);
	int error = errno;
	close(fd);
	errno = error;
	return bytes;
}
