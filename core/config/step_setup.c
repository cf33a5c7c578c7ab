/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/module_table.h"
#include "core/abi/setup.h"
#include "core/base/alloc.h"
#include "core/base/nearest.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"

struct module_key {
	struct pp_key key;
	const char *place;
	char *text;     /* NULL: the value is the source's */
	char **item;    /* of a list */
	bool unusable;  /* it is set, and there is a problem */
	char *file_key; /* PP_KEY_SECRET: NAME_file, the key that names a file with it; NULL: there is none */
};

struct step_setup {
	struct pp_setup host; /* its values: those of `key`, in the same order, then those that each step has */
	struct config *config;
	const struct step_config *step;
	struct problems *problems;
	char section[sizeof STEP_PREFIX + STEP_NAME_MAX];
	struct module_key *key;
	struct setup_value *value;
	size_t count; /* of keys */
};

static const struct module_key *find(const struct step_setup *setup, const char *name)
{
	for (size_t i = 0; name != NULL && i < setup->count; i++)
		if (strcmp(setup->key[i].key.name, name) == 0)
			return &setup->key[i];
	for (size_t i = 0; name != NULL && i < setup->count; i++)
		if (setup->key[i].file_key != NULL && strcmp(setup->key[i].file_key, name) == 0)
			return &setup->key[i];
	return NULL;
}

/* Where to look for what is wrong: the key's place, else the step's section. */
static const char *place_of(const struct step_setup *setup, const struct module_key *key)
{
	if (key != NULL && key->place != NULL)
		return key->place;
	const struct section *section = setup->step->section;
	return section != NULL && section->place != NULL ? section->place : setup->step->place;
}

/* Where to set it: the section, which need not exist yet, or a variable. */
static void explain_missing(const struct step_setup *setup, const struct module_key *key)
{
	char name[VARIABLE_NAME_SIZE] = "";
	bool own = variable_name(name, setup->section, key->key.name);
	bool more = key->key.environment != NULL && key->key.environment[0] != '\0';
	problems_add(setup->problems, "%s: %s: required in [%s] (variable: %s%s%.*s)", place_of(setup, key), key->key.name,
	             setup->section, own ? name : "", own && more ? ", or " : "",
	             more ? (int)strcspn(key->key.environment, " ") : 0, more ? key->key.environment : "");
}

/* Warns of a file that everybody can read although it has a secret. If the key's name shows that, it was said when the
 * file was read. */
static void warn_readable(struct step_setup *setup, const struct module_key *key)
{
	const struct setting *setting = section_find(setup->step->section, key->key.name);
	const struct config_source *source = setup->config->source;
	if (setting == NULL || setting->rank == RANK_ENVIRONMENT || setting_is_secret(setup->section, setting->name, ""))
		return;
	for (size_t i = 0; i < source->file_count; i++)
		if (source->file[i].number == setting->file && (source->file[i].info.st_mode & S_IROTH) != 0)
			access_warn_readable(&setup->config->warnings, setting, &source->file[i]);
}

/* The text of a secret, or of its file. */
static void read_secret(struct step_setup *setup, struct module_key *key, struct setup_value *value)
{
	const char *why;
	const struct pp_key file_key = {.name = key->file_key, .type = PP_KEY_PATH};
	struct found file = {0};
	if (key->file_key != NULL)
		file = source_find(setup->config->source, setup->section, &file_key, true);
	bool set = value->text != NULL && value->text != key->key.fallback;
	if (set)
		warn_readable(setup, key);
	if (file.value == NULL || *file.value == '\0')
		return;
	if (set) {
		problems_add(setup->problems, "%s: %s: %s is set too (%s)", file.place, key->file_key, key->key.name,
		             place_of(setup, key));
		return;
	}
	value->text = NULL;
	char *path = path_resolve(setup->config->source, file.value, &why);
	if (path == NULL || !path_is_absolute(file.value))
		problems_add(setup->problems, "%s: %s: %s", file.place, key->file_key,
		             path == NULL ? why : "expected an absolute path");
	else
		value->text = key->text =
			secret_file_read(path, file.place, key->file_key, &setup->config->warnings, setup->problems);
	key->place = file.place;
	key->unusable = key->text == NULL;
	free(path);
}

/* What the value's type makes of its text. */
static void finish_value(struct step_setup *setup, struct module_key *key, struct setup_value *value)
{
	const char *why;
	size_t length = 0;
	const char *word = value_word(&key->key, value->number, &length);
	if (word != NULL) {
		/* What the module needs is decided by it. */
		key->text = alloc_bytes(length + 1);
		snprintf(key->text, length + 1, "%s", word);
		value->text = key->text;
	} else if (key->key.type == PP_KEY_LIST) {
		key->item = list_items(value->text);
		value->item = (const char *const *)key->item;
	} else if (key->key.type == PP_KEY_PATH) {
		value->text = key->text = path_resolve(setup->config->source, value->text, &why);
		if (key->text == NULL)
			problems_add(setup->problems, "%s: %s: %s", place_of(setup, key), key->key.name, why);
	}
}

static void read_key(struct step_setup *setup, struct module_key *key, struct setup_value *value)
{
	char why[VALUE_WHY_SIZE];
	struct found found = source_find(setup->config->source, setup->section, &key->key, true);
	key->place = found.place;
	value->key = key->key.name;
	value->text = found.value;
	if (found.value == NULL && key->key.fallback != NULL)
		value->text = key->key.fallback;
	if (value->text != NULL && *value->text == '\0' && (key->key.type == PP_KEY_SECRET || key->key.type == PP_KEY_PATH))
		value->text = NULL;
	if (key->key.type == PP_KEY_SECRET)
		read_secret(setup, key, value);
	bool empty = value->text == NULL || *value->text == '\0';
	if (key->key.required != 0 && empty && !key->unusable) {
		explain_missing(setup, key);
	} else if (value->text != NULL && !value_parse(&key->key, value->text, &value->number, why, sizeof why)) {
		problems_add(setup->problems, "%s: %s: %s", place_of(setup, key), key->key.name, why);
		value->text = NULL;
		value->number = 0;
	} else if (value->text != NULL) {
		finish_value(setup, key, value);
	}
}

/* A module's own key of that name comes first. */
static void name_file_key(const struct step_setup *setup, struct module_key *key)
{
	size_t size = strlen(key->key.name) + sizeof "_file";
	char *name = alloc_bytes(size);
	snprintf(name, size, "%s_file", key->key.name);
	if (find(setup, name) == NULL && step_keys_find(name) == NULL)
		key->file_key = name;
	else
		free(name);
}

/* What a module learns beside the keys that it declares. */
#define STEP_VALUES 5

/* Copies what the module declares; its struct may be longer than ours. */
static void read_keys(struct step_setup *setup, const struct pp_key *keys, size_t key_size)
{
	const char *at = (const char *)keys;
	size_t count = 0;
	while (keys != NULL && count < MODULE_KEYS_MAX &&
	       ((const struct pp_key *)(const void *)(at + count * key_size))->name != NULL)
		count++;
	setup->key = alloc_zeroed(count + 1, sizeof *setup->key);
	setup->value = alloc_zeroed(count + STEP_VALUES, sizeof *setup->value);
	for (; setup->count < count; setup->count++)
		memcpy(&setup->key[setup->count].key, at + setup->count * key_size, sizeof(struct pp_key));
	for (size_t i = 0; i < count; i++)
		if (setup->key[i].key.type == PP_KEY_SECRET)
			name_file_key(setup, &setup->key[i]);
	for (size_t i = 0; i < count; i++)
		read_key(setup, &setup->key[i], &setup->value[i]);
	/* A module's own key of the same name comes first, and is found. */
	setup->value[count] = (struct setup_value){.key = "deadline", .number = setup->step->deadline};
	setup->value[count + 1] = (struct setup_value){.key = "max_wait", .number = setup->step->max_wait};
	setup->value[count + 2] = (struct setup_value){.key = "quarantine", .number = setup->config->quarantined};
	setup->value[count + 3] = (struct setup_value){.key = "on_exhausted", .number = setup->step->on_exhausted};
	setup->value[count + 4] = (struct setup_value){.key = "workers", .number = setup->step->workers};
	setup->host.value = setup->value;
	setup->host.count = count + STEP_VALUES;
}

/* "; did you mean KEY?", if it is one of the step's keys that was meant. */
static const char *suggest_key(const struct step_setup *setup, const char *wrong, char words[NEAREST_WORDS_SIZE])
{
	struct nearest nearest = {0};
	for (const struct config_key *key = step_keys; key->section != NULL; key++)
		nearest_offer(&nearest, wrong, key->key.name);
	for (size_t i = 0; i < setup->count; i++) {
		nearest_offer(&nearest, wrong, setup->key[i].key.name);
		if (setup->key[i].file_key != NULL)
			nearest_offer(&nearest, wrong, setup->key[i].file_key);
	}
	return nearest_words(&nearest, "", "", words);
}

static void check_unknown_keys(const struct step_setup *setup)
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

static bool is_variable_of(const struct step_setup *setup, const char *variable)
{
	char name[VARIABLE_NAME_SIZE];
	for (const struct config_key *key = step_keys; key->section != NULL; key++)
		if (variable_name(name, setup->section, key->key.name) && strcmp(name, variable) == 0)
			return true;
	for (size_t i = 0; i < setup->count; i++) {
		const char *file_key = setup->key[i].file_key;
		if ((variable_name(name, setup->section, setup->key[i].key.name) && strcmp(name, variable) == 0) ||
		    (file_key != NULL && variable_name(name, setup->section, file_key) && strcmp(name, variable) == 0))
			return true;
	}
	return false;
}

/* Whether the variable is another step's, whose name begins as this one's does: POSTPROCESSING_STEP_VIRUS_SCAN_… is not
 * about the step "virus" where there is a step "virus-scan". */
static bool is_of_longer_step(const struct step_setup *setup, const char *variable, size_t length)
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

static void check_unknown_variables(const struct step_setup *setup)
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

/* What the module says is wrong. */
static void reject(void *closure, const char *key, const char *text)
{
	const struct step_setup *setup = closure;
	const char *place = place_of(setup, find(setup, key));
	if (key == NULL)
		problems_add(setup->problems, "%s: %s", place, text);
	else
		problems_add(setup->problems, "%s: %s: %s", place, key, text);
}

struct step_setup *step_setup_create(struct config *config, const struct step_config *step, const struct pp_key *keys,
                                     size_t key_size, struct problems *problems)
{
	struct step_setup *setup = alloc_zeroed(1, sizeof *setup);
	setup->host = (struct pp_setup){.step = step->name, .reject = reject, .closure = setup};
	setup->config = config;
	setup->step = step;
	setup->problems = problems;
	snprintf(setup->section, sizeof setup->section, STEP_PREFIX "%s", step->name);
	bool readable = keys == NULL || (key_size >= sizeof(struct pp_key) && key_size % _Alignof(struct pp_key) == 0);
	if (!readable)
		problems_add(problems, "%s: module %s: its list of keys cannot be read (%zu bytes each)", place_of(setup, NULL),
		             step->module, key_size);
	read_keys(setup, readable ? keys : NULL, key_size);
	check_unknown_keys(setup);
	check_unknown_variables(setup);
	return setup;
}

void step_setup_free(struct step_setup *setup)
{
	if (setup == NULL)
		return;
	for (size_t i = 0; i < setup->count; i++) {
		free(setup->key[i].text);
		free(setup->key[i].item);
		free(setup->key[i].file_key);
	}
	free(setup->key);
	free(setup->value);
	free(setup);
}

struct pp_setup *step_setup_host(struct step_setup *setup)
{
	return &setup->host;
}

bool step_setup_key(const struct step_setup *setup, size_t number, struct pp_key *key, const char **file_key)
{
	if (number >= setup->count)
		return false;
	*key = setup->key[number].key;
	*file_key = setup->key[number].file_key;
	return true;
}

const char *step_setup_longest(const struct step_setup *setup, nanos *duration)
{
	const char *longest = NULL;
	for (size_t i = 0; i < setup->count; i++) {
		if (setup->key[i].key.type == PP_KEY_DURATION && (longest == NULL || setup->value[i].number > *duration)) {
			longest = setup->key[i].key.name;
			*duration = setup->value[i].number;
		}
	}
	return longest;
}
