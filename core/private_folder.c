/* SPDX-License-Identifier: Apache-2.0 */
#include "core/private_folder.h"

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

static bool is_trusted(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

int private_folder_open(const char *path, char *why, size_t size)
{
	struct stat status;
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || fstat(folder, &status) != 0) {
		int reason = errno;
		snprintf(why, size, "%s: %s", path, strerror(reason));
		if (folder >= 0)
			close(folder);
		errno = reason;
		return -1;
	}
	if (!is_trusted(status.st_uid))
		snprintf(why, size, "%s: it belongs to another user (%u), who could change what the service keeps there: run the service as that user, or "
		         "give it to this one (%u), or name another folder", path, (unsigned)status.st_uid, (unsigned)geteuid());
	else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		snprintf(why, size, "%s: others may write to it (mode %04o), and so change what the service keeps there: chmod go-w it, or name a folder below "
		         "it, which the service then makes", path, (unsigned)status.st_mode & 07777);
	else
		return folder;
	close(folder);
	errno = EPERM;
	return -1;
}

/* Looks at one of the folders above. */
static bool is_open_to_others(const char *path, bool next, char *why, size_t size)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return false;
	bool sticky = (status.st_mode & S_ISVTX) != 0, writable = (status.st_mode & S_IWOTH) != 0;
	if (!is_trusted(status.st_uid))
		snprintf(why, size, "%s belongs to another user (%u), who can put another folder in its place", path, (unsigned)status.st_uid);
	else if (writable && !sticky)
		snprintf(why, size, "everybody may write to %s, and so put another folder in its place", path);
	else if (writable && next)
		snprintf(why, size, "it is in %s, which everybody may write to, and which is often emptied", path);
	else
		return false;
	return true;
}

bool private_folder_exposed(const char *path, char *why, size_t size)
{
	char *above = realpath(path, NULL);
	bool exposed = false, next = true;
	char *slash;
	while (!exposed && above != NULL && (slash = strrchr(above, '/')) != NULL && slash[1] != '\0') {
		slash[slash == above ? 1 : 0] = '\0';
		exposed = is_open_to_others(above, next, why, size);
		next = false;
	}
	free(above);
	return exposed;
}
