/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above any real configuration; they bound what a search costs. */
#define SECTIONS_MAX 2048
#define SETTINGS_MAX 256

static const char no_memory[] = "out of memory";

static void setting_free(struct setting *setting)
{
	free(setting->name);
	free(setting->value);
	free(setting->place);
}

static void section_free(struct section *section)
{
	if (section == NULL)
		return;
	for (size_t i = 0; i < section->count; i++)
		setting_free(&section->setting[i]);
	free(section->setting);
	free(section->place);
	free(section->name);
	free(section);
}

static bool copy_variable(struct config_source *source, const char *text)
{
	const char *equals = strchr(text, '=');
	if (equals == NULL || equals == text || equals[1 + strspn(equals + 1, " \t\r\n\v\f")] == '\0')
		return true;
	struct variable copy = {strndup(text, (size_t)(equals - text)), strdup(equals + 1)};
	if (copy.name == NULL || copy.value == NULL) {
		free(copy.name);
		free(copy.value);
		return false;
	}
	source->variable[source->variable_count++] = copy;
	return true;
}

struct config_source *config_source_create(char *const *environment)
{
	struct config_source *source = calloc(1, sizeof *source);
	if (source == NULL)
		return NULL;
	size_t count = 0;
	while (environment != NULL && environment[count] != NULL)
		count++;
	source->variable = calloc(count + 1, sizeof *source->variable);
	bool copied = source->variable != NULL;
	for (size_t i = 0; copied && i < count; i++)
		copied = copy_variable(source, environment[i]);
	if (!copied) {
		config_source_free(source);
		return NULL;
	}
	return source;
}

void config_source_free(struct config_source *source)
{
	if (source == NULL)
		return;
	for (size_t i = 0; i < source->count; i++)
		section_free(source->section[i]);
	free(source->section);
	for (size_t i = 0; i < source->variable_count; i++) {
		free(source->variable[i].name);
		free(source->variable[i].value);
	}
	for (size_t i = 0; i < source->file_count; i++)
		free(source->file[i].path);
	free(source->file);
	free(source->variable);
	free(source);
}

void source_file_add(struct config_source *source, const char *path, unsigned number, const struct stat *info,
                     struct problems *problems)
{
	struct read_file *grown = realloc(source->file, (source->file_count + 1) * sizeof *grown);
	if (grown != NULL)
		source->file = grown;
	char *copy = grown == NULL ? NULL : strdup(path);
	if (copy == NULL)
		problems_add(problems, "%s", no_memory);
	else
		grown[source->file_count++] = (struct read_file){copy, number, *info};
}

struct section *source_section(const struct config_source *source, const char *name)
{
	for (size_t i = 0; i < source->count; i++)
		if (strcmp(source->section[i]->name, name) == 0)
			return source->section[i];
	return NULL;
}

struct section *source_step_section(const struct config_source *source, const char *step)
{
	for (size_t i = 0; i < source->count; i++) {
		const char *name = source->section[i]->name;
		if (strncmp(name, STEP_PREFIX, strlen(STEP_PREFIX)) == 0 && strcmp(name + strlen(STEP_PREFIX), step) == 0)
			return source->section[i];
	}
	return NULL;
}

static struct section *section_create(const char *name, const char *place)
{
	struct section *section = calloc(1, sizeof *section);
	if (section == NULL)
		return NULL;
	section->name = strdup(name);
	section->place = place == NULL ? NULL : strdup(place);
	if (section->name == NULL || (place != NULL && section->place == NULL)) {
		section_free(section);
		return NULL;
	}
	return section;
}

struct section *source_section_add(struct config_source *source, const char *name, const char *place,
                                   struct problems *problems)
{
	struct section *section = source_section(source, name);
	if (section != NULL)
		return section;
	if (source->count == SECTIONS_MAX) {
		problems_add(problems, "%s: more than %d sections", place == NULL ? name : place, SECTIONS_MAX);
		return NULL;
	}
	struct section **grown = realloc(source->section, (source->count + 1) * sizeof(struct section *));
	if (grown != NULL)
		source->section = grown;
	section = grown == NULL ? NULL : section_create(name, place);
	if (section == NULL) {
		problems_add(problems, "%s", no_memory);
		return NULL;
	}
	source->section[source->count++] = section;
	return section;
}

const struct setting *section_find(const struct section *section, const char *name)
{
	for (size_t i = 0; section != NULL && i < section->count; i++)
		if (strcmp(section->setting[i].name, name) == 0)
			return &section->setting[i];
	return NULL;
}

/* Where the setting goes: its old place, emptied, or a new one at the end. NULL: nowhere. */
static struct setting *section_slot(struct section *section, const struct setting *setting, struct problems *problems)
{
	struct setting *old = (struct setting *)section_find(section, setting->name);
	bool again = old != NULL && old->rank == setting->rank && old->file == setting->file;
	if (again)
		problems_add(problems, "%s: %s: already set (%s)", setting->place, setting->name, old->place);
	if (again || (old != NULL && old->rank > setting->rank))
		return NULL;
	if (old != NULL) {
		setting_free(old);
		return old;
	}
	if (section->count == SETTINGS_MAX) {
		problems_add(problems, "%s: more than %d keys in [%s]", setting->place, SETTINGS_MAX, section->name);
		return NULL;
	}
	struct setting *grown = realloc(section->setting, (section->count + 1) * sizeof *grown);
	if (grown == NULL) {
		problems_add(problems, "%s", no_memory);
		return NULL;
	}
	section->setting = grown;
	return &grown[section->count++];
}

void section_set(struct section *section, const struct setting *setting, struct problems *problems)
{
	struct setting copy = {strdup(setting->name), strdup(setting->value), strdup(setting->place), setting->rank,
	                       setting->file};
	bool copied = copy.name != NULL && copy.value != NULL && copy.place != NULL;
	if (!copied)
		problems_add(problems, "%s", no_memory);
	struct setting *slot = copied ? section_slot(section, setting, problems) : NULL;
	if (slot == NULL)
		setting_free(&copy);
	else
		*slot = copy;
}
