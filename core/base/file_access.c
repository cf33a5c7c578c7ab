/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/file_access.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

const char *file_weakness(const struct stat *info, const struct file_user *self, bool above)
{
	if (!above && info->st_uid != 0 && info->st_uid != self->user)
		return "owned by another user";
	if ((info->st_mode & S_IWOTH) != 0 && !(above && (info->st_mode & S_ISVTX) != 0))
		return "writable by everybody";
	if (!above && (info->st_mode & S_IWGRP) != 0 && info->st_gid != 0 && info->st_gid != self->group)
		return "writable by its group";
	return NULL;
}

const char *file_describe(const struct stat *info, char text[FILE_TEXT_SIZE])
{
	const struct passwd *user = getpwuid(info->st_uid);
	const struct group *group = getgrgid(info->st_gid);
	char owner[24], members[24];
	snprintf(owner, sizeof owner, "%u", (unsigned)info->st_uid);
	snprintf(members, sizeof members, "%u", (unsigned)info->st_gid);
	snprintf(text, FILE_TEXT_SIZE, "owner %.60s, group %.60s, mode %04o", user != NULL ? user->pw_name : owner,
	         group != NULL ? group->gr_name : members, (unsigned)(info->st_mode & 07777));
	return text;
}

static bool check_one(const char *path, bool above, char *why, size_t size)
{
	static const struct file_user root = {0, 0};
	struct stat info;
	char text[FILE_TEXT_SIZE];
	if (stat(path, &info) != 0) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return false;
	}
	const char *weakness = file_weakness(&info, &root, above);
	if (weakness != NULL)
		snprintf(why, size, "%s: %s (%s), and root runs only files that nobody else can change", path, weakness,
		         file_describe(&info, text));
	return weakness == NULL;
}

bool file_is_trusted(const char *path, uid_t user, char *why, size_t size)
{
	char folder[PATH_MAX];
	if (user != 0)
		return true;
	if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder) {
		snprintf(why, size, "%s", strerror(ENAMETOOLONG));
		return false;
	}
	bool trusted = check_one(folder, false, why, size);
	for (bool above = false; trusted && strcmp(folder, "/") != 0; above = true) {
		dirname(folder);
		trusted = check_one(folder, above, why, size);
	}
	return trusted;
}
