/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/service_match.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/text_file.h"
#include "core/client/json_text.h"

/* Far more than the name of an instance, and what may stand behind it. */
#define INSTANCE_FILE_LIMIT 4096

enum match { MATCH_UNKNOWN, MATCH_NO, MATCH_YES };

/* Compares the first line of the file with the name. */
static enum match match_file(const char *folder, const char *file, const char *name)
{
	char path[4200];
	size_t length;
	struct stat info;
	if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
		return MATCH_UNKNOWN;
	char *text = text_file_read(path, INSTANCE_FILE_LIMIT, &length, &info);
	if (text == NULL)
		return MATCH_UNKNOWN;
	text[strcspn(text, "\n")] = '\0';
	bool same = strcmp(text, name) == 0;
	free(text);
	return same ? MATCH_YES : MATCH_NO;
}

/* Looks for the name in the files instance-* of the state folder. */
static enum match match_name(const char *folder, const char *name)
{
	DIR *listing = opendir(folder);
	const struct dirent *found;
	enum match match = MATCH_UNKNOWN;
	while (listing != NULL && match != MATCH_YES && (found = readdir(listing)) != NULL) {
		enum match one = strncmp(found->d_name, "instance-", strlen("instance-")) == 0
		                     ? match_file(folder, found->d_name, name)
		                     : MATCH_UNKNOWN;
		match = one > match ? one : match;
	}
	if (listing != NULL)
		closedir(listing);
	return match;
}

static bool is_same_folder(const char *one, const char *other)
{
	struct stat mine, others;
	return strcmp(one, other) == 0 || (stat(one, &mine) == 0 && stat(other, &others) == 0 &&
	                                   mine.st_dev == others.st_dev && mine.st_ino == others.st_ino);
}

/* The state folder of the service that answers; "": it does not say. */
static const char *answered_folder(const json_t *answer)
{
	size_t i;
	const json_t *check;
	json_array_foreach(json_object_get(answer, "checks"), i, check)
	{
		if (strcmp(json_member(check, "thing"), "state folder") == 0)
			return json_member(check, "name");
	}
	return "";
}

bool service_match(const struct config *config, const json_t *answer, char *why, size_t size)
{
	const char *name = json_member(answer, "instance"), *folder = answered_folder(answer);
	if (!config_is_set(config, "postprocessing", "state_dir") || config->state_dir == NULL || name[0] == '\0' ||
	    folder[0] == '\0')
		return true;
	enum match match = match_name(config->state_dir, name);
	if (match == MATCH_YES || (match == MATCH_UNKNOWN && is_same_folder(config->state_dir, folder)))
		return true;
	snprintf(
		why, size,
		"%s: another service answers there: it is %s, with the state folder %s; that of [postprocessing] state_dir is %s",
		config->http_addr, name, folder, config->state_dir);
	return false;
}
