/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/nearest.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"
#include "core/config/module_table.h"

struct module_key {
	struct pp_key key;
	const char *text; /* NULL: unset */
	const char *place;
	int64_t number;
};

struct pp_setup {
	const struct config *config;
	const struct step_config *step;
	struct problems *problems;
	char section[sizeof STEP_PREFIX + STEP_NAME_MAX];
	struct module_key *key;
	size_t count;
};

static const struct module_key *find(const struct pp_setup *setup, const char *name)
{
	for (size_t i = 0; name != NULL && i < setup->count; i++)
		if (strcmp(setup->key[i].key.name, name) == 0)
			return &setup->key[i];
	return NULL;
}

/* Where to look for what is wrong: the key's place, else the step's section. */
static const char *place_of(const struct pp_setup *setup, const struct module_key *key)
{
	if (key != NULL && key->place != NULL)
		return key->place;
	const struct section *section = setup->step->section;
	return section != NULL && section->place != NULL ? section->place : setup->step->place;
}

/* Where to set it: the section, which need not exist yet, or a variable. */
static void explain_missing(const struct pp_setup *setup, const struct module_key *key)
{
	char name[VARIABLE_NAME_SIZE] = "";
	bool own = variable_name(name, setup->section, key->key.name);
	bool more = key->key.environment != NULL && key->key.environment[0] != '\0';
	problems_add(setup->problems, "%s: %s: required in [%s] (variable: %s%s%.*s)", place_of(setup, key), key->key.name,
	             setup->section, own ? name : "", own && more ? ", or " : "",
	             more ? (int)strcspn(key->key.environment, " ") : 0, more ? key->key.environment : "");
}

static void read_key(struct pp_setup *setup, struct module_key *key)
{
	char why[VALUE_WHY_SIZE];
	struct found found = source_find(setup->config->source, setup->section, &key->key, true);
	key->place = found.place;
	key->text = found.value;
	if (found.value == NULL && key->key.fallback != NULL)
		key->text = key->key.fallback;
	bool empty = key->text == NULL || *key->text == '\0';
	if (key->key.required != 0 && empty) {
		explain_missing(setup, key);
	} else if (key->text != NULL && !value_parse(&key->key, key->text, &key->number, why, sizeof why)) {
		problems_add(setup->problems, "%s: %s: %s", place_of(setup, key), key->key.name, why);
		key->text = NULL;
		key->number = 0;
	}
}

/* Copies what the module declares; its struct may be longer than ours. */
static void read_keys(struct pp_setup *setup, const struct pp_key *keys, size_t key_size)
{
	const char *at = (const char *)keys;
	size_t count = 0;
	while (count < MODULE_KEYS_MAX && ((const struct pp_key *)(const void *)(at + count * key_size))->name != NULL)
		count++;
	setup->key = calloc(count + 1, sizeof *setup->key);
	if (setup->key == NULL) {
		problems_add(setup->problems, "out of memory");
		return;
	}
	for (; setup->count < count; setup->count++) {
		memcpy(&setup->key[setup->count].key, at + setup->count * key_size, sizeof(struct pp_key));
		read_key(setup, &setup->key[setup->count]);
	}
}

/* "; did you mean KEY?", if it is one of the step's keys that was meant. */
static const char *suggest_key(const struct pp_setup *setup, const char *wrong, char words[NEAREST_WORDS_SIZE])
{
	struct nearest nearest = {0};
	for (const struct config_key *key = step_keys; key->section != NULL; key++)
		nearest_offer(&nearest, wrong, key->key.name);
	for (size_t i = 0; i < setup->count; i++)
		nearest_offer(&nearest, wrong, setup->key[i].key.name);
	return nearest_words(&nearest, "", "", words);
}

static void check_unknown_keys(const struct pp_setup *setup)
{
	const struct section *section = setup->step->section;
	char words[NEAREST_WORDS_SIZE];
	for (size_t i = 0; section != NULL && i < section->count; i++) {
		const struct setting *setting = &section->setting[i];
		if (step_keys_find(setting->name) != NULL || find(setup, setting->name) != NULL)
			continue;
		problems_add(setup->problems, "%s: %s: unknown key in [%s] (module %s)%s", setting->place, setting->name,
		             setup->section, setup->step->module, suggest_key(setup, setting->name, words));
	}
}

static bool is_variable_of(const struct pp_setup *setup, const char *variable)
{
	char name[VARIABLE_NAME_SIZE];
	for (const struct config_key *key = step_keys; key->section != NULL; key++)
		if (variable_name(name, setup->section, key->key.name) && strcmp(name, variable) == 0)
			return true;
	for (size_t i = 0; i < setup->count; i++)
		if (variable_name(name, setup->section, setup->key[i].key.name) && strcmp(name, variable) == 0)
			return true;
	return false;
}

/* Whether the variable is another step's, whose name begins as this one's does: POSTPROCESSING_STEP_VIRUS_SCAN_… is not
 * about the step "virus" where there is a step "virus-scan". */
static bool is_of_longer_step(const struct pp_setup *setup, const char *variable, size_t length)
{
	for (size_t i = 0; i < setup->config->step_count; i++) {
		char name[VARIABLE_NAME_SIZE];
		if (!variable_name(name, "step", setup->config->step[i].name))
			continue;
		size_t other = strlen(name);
		if (other > length && strncmp(variable, name, other) == 0 && variable[other] == '_')
			return true;
	}
	return false;
}

static void check_unknown_variables(const struct pp_setup *setup)
{
	char prefix[VARIABLE_NAME_SIZE], words[NEAREST_WORDS_SIZE];
	const struct config_source *source = setup->config->source;
	if (!variable_name(prefix, "step", setup->step->name))
		return;
	size_t length = strlen(prefix);
	for (size_t i = 0; i < source->variable_count; i++) {
		const char *name = source->variable[i].name;
		if (strncmp(name, prefix, length) == 0 && name[length] == '_' && !is_variable_of(setup, name) &&
		    !is_of_longer_step(setup, name, length) && !variable_is_service_link(&source->variable[i])) {
			problems_add(setup->problems, "%s: no such key in [%s] (module %s)%s", name, setup->section,
			             setup->step->module, suggest_key(setup, name + length + 1, words));
		}
	}
}

struct pp_setup *step_setup_create(const struct config *config, const struct step_config *step,
                                   const struct pp_key *keys, size_t key_size, struct problems *problems)
{
	struct pp_setup *setup = calloc(1, sizeof *setup);
	if (setup == NULL)
		return NULL;
	setup->config = config;
	setup->step = step;
	setup->problems = problems;
	snprintf(setup->section, sizeof setup->section, STEP_PREFIX "%s", step->name);
	if (keys != NULL && (key_size < sizeof(struct pp_key) || key_size % _Alignof(struct pp_key) != 0))
		problems_add(problems, "%s: module %s: its list of keys cannot be read (%zu bytes each)", place_of(setup, NULL),
		             step->module, key_size);
	else if (keys != NULL)
		read_keys(setup, keys, key_size);
	check_unknown_keys(setup);
	check_unknown_variables(setup);
	return setup;
}

void step_setup_free(struct pp_setup *setup)
{
	if (setup == NULL)
		return;
	free(setup->key);
	free(setup);
}

bool step_setup_key(const struct pp_setup *setup, size_t number, struct pp_key *key)
{
	if (number >= setup->count)
		return false;
	*key = setup->key[number].key;
	return true;
}

const char *step_setup_string(const struct pp_setup *setup, const char *key)
{
	const struct module_key *found = find(setup, key);
	return found == NULL ? NULL : found->text;
}

int64_t step_setup_number(const struct pp_setup *setup, const char *key)
{
	const struct module_key *found = find(setup, key);
	if (found != NULL)
		return found->number;
	if (key != NULL && strcmp(key, "max_wait") == 0)
		return setup->step->max_wait;
	return key != NULL && strcmp(key, "deadline") == 0 ? setup->step->deadline : 0;
}

const char *step_setup_longest(const struct pp_setup *setup, nanos *duration)
{
	const struct module_key *longest = NULL;
	for (size_t i = 0; i < setup->count; i++) {
		const struct module_key *key = &setup->key[i];
		if (key->key.type == PP_KEY_DURATION && (longest == NULL || key->number > longest->number))
			longest = key;
	}
	if (longest != NULL)
		*duration = longest->number;
	return longest != NULL ? longest->key.name : NULL;
}

const char *step_setup_name(const struct pp_setup *setup)
{
	return setup->step->name;
}

void step_setup_reject(struct pp_setup *setup, const char *key, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	const char *place = place_of(setup, find(setup, key));
	if (key == NULL)
		problems_add(setup->problems, "%s: %s", place, text);
	else
		problems_add(setup->problems, "%s: %s: %s", place, key, text);
}
