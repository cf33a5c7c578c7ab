/* SPDX-License-Identifier: Apache-2.0
 * What is different in a configuration that was read again. */
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"

static bool is_same(const struct config_key *row, const void *one, const void *other)
{
	const char *mine = (const char *)one + row->offset, *others = (const char *)other + row->offset;
	switch (row->key.type) {
	case PP_KEY_BOOL:
		return *(const bool *)mine == *(const bool *)others;
	case PP_KEY_DURATION:
		return *(const nanos *)(const void *)mine == *(const nanos *)(const void *)others;
	case PP_KEY_SIZE:
		return *(const int64_t *)(const void *)mine == *(const int64_t *)(const void *)others;
	case PP_KEY_INTEGER:
	case PP_KEY_CHOICE:
		return *(const unsigned *)(const void *)mine == *(const unsigned *)(const void *)others;
	default:
		return text_same(*(char *const *)(const void *)mine, *(char *const *)(const void *)others);
	}
}

bool config_step_same(const struct step_config *one, const struct step_config *other)
{
	bool same = strcmp(one->name, other->name) == 0;
	for (const struct config_key *row = step_keys; same && row->section != NULL; row++)
		same = row->offset == offsetof(struct step_config, enable) || is_same(row, one, other);
	return same;
}

/* The store's settings follow from those of the events, unless they are set. */
static bool is_inherited(const struct config *config, const struct config_key *row)
{
	static const char lead[] = "as [events] ";
	const struct derived *derived = source_derived(config->source, row->section, row->key.name);
	return derived != NULL && strncmp(derived->origin, lead, sizeof lead - 1) == 0;
}

static bool is_same_start(const struct config_key *row, const struct config *before, const struct config *after)
{
	if (row->offset == offsetof(struct config_draft, copy_dir))
		return text_same(before->content.copy_dir, after->content.copy_dir);
	/* Texts that are kept only while the configuration is read show in other keys: a file in its password. */
	if (row->offset >= sizeof(struct config))
		return true;
	/* A token is a part of the URL. */
	return is_same(row, before, after) && (row->offset != offsetof(struct config, events.endpoint) ||
	                                       text_same(before->events.token, after->events.token));
}

void config_each_fixed_change(const struct config *before, const struct config *after,
                              void (*each)(void *closure, const char *key), void *closure)
{
	char name[128];
	for (const struct config_key *row = config_keys; row->section != NULL; row++) {
		if ((row->flags & KEY_START) == 0 || is_inherited(before, row) || is_inherited(after, row) ||
		    is_same_start(row, before, after))
			continue;
		snprintf(name, sizeof name, "[%s] %s", row->section, row->key.name);
		each(closure, name);
	}
}

nanos config_changed_at(const struct config *config)
{
	nanos youngest = 0;
	for (size_t i = 0; i < config->source->file_count; i++) {
		const struct timespec *at = &config->source->file[i].info.st_mtim;
		nanos changed = at->tv_sec * SECOND + at->tv_nsec;
		youngest = changed > youngest ? changed : youngest;
	}
	return youngest;
}

void config_check_settled(const struct config *config, struct problems *problems)
{
	for (size_t i = 0; i < config->source->file_count; i++) {
		const struct read_file *file = &config->source->file[i];
		struct stat now;
		if (stat(file->path, &now) != 0 || now.st_ino != file->info.st_ino || now.st_dev != file->info.st_dev ||
		    now.st_size != file->info.st_size || now.st_mtim.tv_sec != file->info.st_mtim.tv_sec ||
		    now.st_mtim.tv_nsec != file->info.st_mtim.tv_nsec)
			problems_add(problems, "%s: changed while it was being read; try again when that is over", file->path);
	}
}

const char *config_copy(const struct config *config)
{
	const struct variable *folder = source_variable(config->source, "CREDENTIALS_DIRECTORY");
	size_t length = folder != NULL ? strlen(folder->value) : 0;
	for (size_t i = 0; length > 0 && i < config->source->file_count; i++) {
		const struct read_file *file = &config->source->file[i];
		if (strncmp(file->path, folder->value, length) == 0 && file->path[length] == '/')
			return file->path;
	}
	return NULL;
}
