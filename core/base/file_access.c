/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/file_access.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

const char *file_weakness(const struct stat *info, const struct file_user *self, bool above)
{
	if (!above && info->st_uid != 0 && info->st_uid != self->user)
		return "another user's";
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
