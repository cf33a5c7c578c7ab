/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config_source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"

/* Far above any real configuration; they bound what a search costs. */
#define SECTIONS_MAX 2048
#define SETTINGS_MAX 256

static void setting_free(struct setting *setting)
{
	free(setting->name);
	free(setting->value);
	free(setting->place);
}

static void section_free(struct section *section)
{
	for (size_t i = 0; i < section->count; i++)
		setting_free(&section->setting[i]);
	free(section->setting);
	free(section->place);
	free(section->name);
	free(section);
}

static void copy_variable(struct config_source *source, const char *text)
{
	const char *equals = strchr(text, '=');
	if (equals != NULL && equals != text && equals[1 + strspn(equals + 1, " \t\r\n\v\f")] != '\0')
		source->variable[source->variable_count++] =
			(struct variable){alloc_text_part(text, (size_t)(equals - text)), alloc_text(equals + 1)};
}

struct config_source *config_source_create(char *const *environment)
{
	struct config_source *source = alloc_zeroed(1, sizeof *source);
	size_t count = 0;
	while (environment != NULL && environment[count] != NULL)
		count++;
	source->variable = alloc_zeroed(count + 1, sizeof *source->variable);
	for (size_t i = 0; i < count; i++)
		copy_variable(source, environment[i]);
	return source;
}

void config_source_free(struct config_source *source)
{
	for (size_t i = 0; i < source->count; i++)
		section_free(source->section[i]);
	free(source->section);
	for (size_t i = 0; i < source->variable_count; i++) {
		free(source->variable[i].name);
		free(source->variable[i].value);
	}
	for (size_t i = 0; i < source->file_count; i++)
		free(source->file[i].path);
	for (size_t i = 0; i < source->derived_count; i++) {
		free(source->derived[i].value);
		free(source->derived[i].origin);
	}
	free(source->derived);
	free(source->file);
	free(source->variable);
	free(source);
}

void source_file_add(struct config_source *source, const char *path, unsigned number, const struct stat *info)
{
	source->file = alloc_resized(source->file, (source->file_count + 1) * sizeof *source->file);
	source->file[source->file_count++] = (struct read_file){alloc_text(path), number, *info};
}

void source_derive(struct config_source *source, const char *section, const char *key, const char *value,
                   const char *format, ...)
{
	char origin[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(origin, sizeof origin, format, arguments);
	va_end(arguments);
	source->derived = alloc_resized(source->derived, (source->derived_count + 1) * sizeof *source->derived);
	source->derived[source->derived_count++] =
		(struct derived){section, key, value != NULL ? alloc_text(value) : NULL, alloc_text(origin)};
}

const struct derived *source_derived(const struct config_source *source, const char *section, const char *key)
{
	for (size_t i = source->derived_count; i-- > 0;)
		if (strcmp(source->derived[i].section, section) == 0 && strcmp(source->derived[i].key, key) == 0)
			return &source->derived[i];
	return NULL;
}

struct section *source_section(const struct config_source *source, const char *name)
{
	for (size_t i = 0; i < source->count; i++)
		if (strcmp(source->section[i]->name, name) == 0)
			return source->section[i];
	return NULL;
}

const char *step_section(const char *step, char section[STEP_SECTION_SIZE])
{
	snprintf(section, STEP_SECTION_SIZE, STEP_PREFIX "%s", step);
	return section;
}

const char *section_step(const char *section)
{
	return strncmp(section, STEP_PREFIX, strlen(STEP_PREFIX)) == 0 ? section + strlen(STEP_PREFIX) : NULL;
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
	section = alloc_zeroed(1, sizeof *section);
	section->name = alloc_text(name);
	section->place = place == NULL ? NULL : alloc_text(place);
	source->section = alloc_resized(source->section, (source->count + 1) * sizeof(struct section *));
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
	section->setting = alloc_resized(section->setting, (section->count + 1) * sizeof *section->setting);
	return &section->setting[section->count++];
}

void section_set(struct section *section, const struct setting *setting, struct problems *problems)
{
	struct setting *slot = section_slot(section, setting, problems);
	if (slot != NULL)
		*slot = (struct setting){alloc_text(setting->name), alloc_text(setting->value), alloc_text(setting->place),
		                         setting->rank, setting->file};
}
