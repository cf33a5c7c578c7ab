/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/file_access.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"

/* The name of a module's key may show that it is a secret: before the module is known, and for those that do not use
 * PP_KEY_SECRET. */
static bool sounds_secret(const char *key)
{
	static const char *const words[] = {"password",   "passwd",  "secret",     "token",
	                                    "credential", "api_key", "private_key"};
	size_t length = strlen(key);
	bool file = length > 5 && strcasecmp(key + length - 5, "_file") == 0; /* where it is, not what */
	for (size_t i = 0; !file && i < sizeof words / sizeof words[0]; i++)
		if (strcasestr(key, words[i]) != NULL)
			return true;
	return false;
}

/* user:password@host, with a scheme before it or not; in a broker's address a token may stand alone before the @. */
static bool has_credentials(const char *section, const char *key, const char *value)
{
	bool broker = (strcmp(section, "events") == 0 && strcmp(key, "endpoint") == 0) ||
	              (strcmp(section, "store") == 0 && strcmp(key, "nodes") == 0);
	const char *at = value == NULL ? NULL : strrchr(value, '@');
	return at != NULL && (broker || memchr(value, ':', (size_t)(at - value)) != NULL);
}

bool setting_is_secret(const char *section, const char *key, const char *value)
{
	const struct config_key *row = config_keys_find(section, key);
	return has_credentials(section, key, value) || (row != NULL && (row->flags & KEY_SECRET) != 0) ||
	       (section_step(section) != NULL && step_keys_find(key) == NULL && sounds_secret(key));
}

static struct file_user whoami(void)
{
	return (struct file_user){geteuid(), getegid()};
}

/* Checks the folder of a file, in which others could replace the file. `lead` is the beginning of the line. */
static void warn_folder(struct problems *warnings, const char *lead, const char *path, const char *what)
{
	char folder[PATH_MAX], text[FILE_TEXT_SIZE];
	const struct file_user self = whoami();
	struct stat info;
	if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder)
		return;
	const char *parent = dirname(folder);
	if (stat(parent, &info) != 0)
		return;
	const char *weakness = file_weakness(&info, &self, true);
	if (weakness != NULL)
		problems_add(warnings, "%s%s: %s (%s): other users can replace %s", lead, parent, weakness,
		             file_describe(&info, text), what);
}

void access_warn_named(struct problems *warnings, const char *place, const char *key, const char *path,
                       const struct stat *info, bool secret)
{
	const struct file_user self = whoami();
	const char *weakness = file_weakness(info, &self, false);
	char text[FILE_TEXT_SIZE], lead[512];
	snprintf(lead, sizeof lead, "%s: %s: ", place, key);
	if (weakness != NULL)
		problems_add(warnings, "%s%s: %s (%s): other users can change it", lead, path, weakness,
		             file_describe(info, text));
	else
		warn_folder(warnings, lead, path, path);
	if (secret && (info->st_mode & S_IROTH) != 0)
		problems_add(warnings, "%s%s: readable by everybody (%s): run chmod o-rwx on it", lead, path,
		             file_describe(info, text));
}

/* The first secret setting of a file; NULL: none. */
static const struct setting *secret_of(const struct config_source *source, unsigned number)
{
	for (size_t i = 0; i < source->count; i++) {
		const struct section *section = source->section[i];
		for (size_t j = 0; j < section->count; j++) {
			const struct setting *setting = &section->setting[j];
			if (setting->file == number && setting->value[0] != '\0' &&
			    setting_is_secret(section->name, setting->name, setting->value))
				return setting;
		}
	}
	return NULL;
}

void access_warn_readable(struct problems *warnings, const struct setting *setting, const struct read_file *file)
{
	char text[FILE_TEXT_SIZE];
	problems_add(warnings, "%s: %s: a secret in a file that everybody can read (%s): run chmod o-rwx %s",
	             setting->place, setting->name, file_describe(&file->info, text), file->path);
}

void access_warn_files(struct config *config)
{
	const struct file_user self = whoami();
	for (size_t i = 0; i < config->source->file_count; i++) {
		const struct read_file *file = &config->source->file[i];
		const char *weakness = file_weakness(&file->info, &self, false);
		const struct setting *secret = file->number == 0 ? NULL : secret_of(config->source, file->number);
		char text[FILE_TEXT_SIZE];
		if (weakness != NULL)
			problems_add(&config->warnings, "%s: %s (%s): other users can change the configuration", file->path,
			             weakness, file_describe(&file->info, text));
		else
			warn_folder(&config->warnings, "", file->path, "the configuration");
		if (secret != NULL && (file->info.st_mode & S_IROTH) != 0)
			access_warn_readable(&config->warnings, secret, file);
	}
}
