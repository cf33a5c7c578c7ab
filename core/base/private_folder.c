/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/private_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file_access.h"

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

/* The reason why others can change what is in the folder, and what to do. */
static void explain(const char *path, const char *weakness, const struct stat *status, bool foreign, char *why,
                    size_t size)
{
	char text[FILE_TEXT_SIZE];
	snprintf(why, size,
	         "%s: %s (%s), so other users could change the service's files: %s, or choose another folder, "
	         "for example one inside it",
	         path, weakness, file_describe(status, text),
	         foreign ? "run the service as that user, or give the folder to this one" : "run chmod go-w on it");
}

int private_folder_open(const char *path, char *why, size_t size)
{
	const struct file_user self = {geteuid(), getegid()};
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
	const char *weakness = file_weakness(&status, &self, false);
	if (weakness == NULL)
		return folder;
	explain(path, weakness, &status, status.st_uid != 0 && status.st_uid != self.user, why, size);
	close(folder);
	errno = EPERM;
	return -1;
}

bool private_folder_check(const char *path, char *why, size_t size)
{
	struct stat status;
	if (stat(path, &status) != 0) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return errno == ENOENT || errno == EACCES;
	}
	if (!S_ISDIR(status.st_mode)) {
		snprintf(why, size, "%s: %s", path, strerror(ENOTDIR));
		return false;
	}
	/* A folder of root's may be one of a service whose group it has. */
	bool own = geteuid() != 0 && status.st_uid == geteuid();
	const struct file_user owner = {status.st_uid, own ? getegid() : status.st_gid};
	const char *weakness = file_weakness(&status, &owner, false);
	if (weakness != NULL)
		explain(path, weakness, &status, false, why, size);
	return weakness == NULL;
}

bool private_folder_writable(const char *path, char *why, size_t size)
{
	char text[FILE_TEXT_SIZE], name[32];
	struct stat status;
	if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0)
		return true;
	int reason = errno;
	const struct passwd *user = getpwuid(geteuid());
	snprintf(name, sizeof name, "%u", (unsigned)geteuid());
	if (reason != EACCES || stat(path, &status) != 0)
		snprintf(why, size, "%s: %s", path, strerror(reason));
	else
		snprintf(
			why, size,
			"%s: the user %s cannot write to it (%s): give the folder to the user of the service, or choose another "
			"folder",
			path, user != NULL ? user->pw_name : name, file_describe(&status, text));
	return false;
}

/* Checks one of the parent folders. */
static bool is_open_to_others(const char *path, bool next, char *why, size_t size)
{
	const struct file_user self = {geteuid(), getegid()};
	char text[FILE_TEXT_SIZE];
	struct stat status;
	if (stat(path, &status) != 0)
		return false;
	const char *weakness = file_weakness(&status, &self, true);
	if (weakness == NULL && status.st_uid != 0 && status.st_uid != self.user)
		weakness = "owned by another user";
	if (weakness != NULL)
		snprintf(why, size, "%s is %s (%s), so other users can replace it", path, weakness,
		         file_describe(&status, text));
	else if (next && (status.st_mode & S_IWOTH) != 0)
		snprintf(why, size, "it is in %s, which everybody can write to and which is often emptied", path);
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
