/* SPDX-License-Identifier: Apache-2.0 */

#include "core/base/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file_access.h"
#include "core/base/text_file.h"

/* The errno values for an unacceptable file, besides those of open(), such as ELOOP for a symbolic link. */
#define NOT_REGULAR EINVAL
#define LINKED EMLINK
#define NOT_PRIVATE EPERM

const char *private_file_reason(int error)
{
	switch (error) {
	case ELOOP:
		return "it is a symbolic link";
	case NOT_REGULAR:
	case EISDIR:
	case ENXIO:
		return "it is not a regular file";
	case LINKED:
		return "it has another name (a hard link)";
	case NOT_PRIVATE:
		return "it belongs to another user, or other users can write to it";
	default:
		return strerror(error);
	}
}

/* Whether only the owner of the folder, root or this user can have created the file. False: errno has the reason. */
static bool check_private(int folder, int fd, bool in_place)
{
	struct stat file, around;
	if (fstat(fd, &file) != 0 || fstat(folder, &around) != 0)
		return false;
	const struct file_user self = {geteuid(), getegid()}, theirs = {around.st_uid, around.st_gid};
	if (!S_ISREG(file.st_mode))
		errno = NOT_REGULAR;
	else if (file_weakness(&file, &self, false) != NULL && file_weakness(&file, &theirs, false) != NULL)
		errno = NOT_PRIVATE;
	else if (in_place && file.st_nlink > 1)
		errno = LINKED;
	else
		return true;
	return false;
}

static int open_checked(int folder, const char *name, int flags, bool in_place)
{
	/* Non-blocking, so that a FIFO is rejected instead of waited for. */
	int fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0 || check_private(folder, fd, in_place))
		return fd;
	int reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

int private_file_open(int folder, const char *name)
{
	return open_checked(folder, name, O_RDWR | O_CREAT, true);
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
	/* Remove the temporary file of a killed service. O_EXCL then makes sure that no other file is written to. */
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
	int fd = open_checked(folder, name, O_RDONLY, false);
	if (fd < 0)
		return -1;
	ssize_t used = file_read_all(fd, text, size);
	int reason = used < 0 ? errno : (size_t)used == size ? EFBIG : 0;
	close(fd);
	errno = reason;
	if (reason != 0)
		return -1;
	text[used] = '\0';
	return used;
}
