/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/module_table.h"
#include "core/base/alloc.h"
#include "core/base/nearest.h"
#include "core/base/text.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"

#define OWN_PREFIX "POSTPROCESSING_"
#define LIST_SIZE 512

struct search {
	struct config *config;
	const struct pp_step_module *const *known; /* of each step; NULL: refused */
	char *const *module;
	char **name; /* that a variable of ours can have */
	size_t count;
	size_t used; /* the first of them are read; the others would be if their module had a step */
};

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void add_name(struct search *search, const char *name, size_t length)
{
	search->name = alloc_resized(search->name, (search->count + 1) * sizeof *search->name);
	search->name[search->count++] = alloc_text_part(name, length);
}

static void add_list(struct search *search, const char *list)
{
	size_t length;
	for (const char *name; (name = text_next_word(&list, &length)) != NULL;)
		add_name(search, name, length);
}

static void add_own(struct search *search, const char *section, const char *key)
{
	char name[VARIABLE_NAME_SIZE];
	if (variable_name(name, section, key))
		add_name(search, name, strlen(name));
}

/* The variables of one step: those of every step, and of its module's keys. */
static void add_step(struct search *search, const char *step, const struct pp_step_module *table)
{
	char section[STEP_SECTION_SIZE];
	step_section(step, section);
	for (const struct config_key *key = step_keys; key->section != NULL; key++)
		add_own(search, section, key->key.name);
	const struct pp_key *key = table == NULL ? NULL : table->keys;
	for (; key != NULL && key->name != NULL; key = module_table_next_key(table, key)) {
		add_own(search, section, key->name);
		add_list(search, key->environment);
	}
}

static void add_names(struct search *search)
{
	for (const struct config_section *variable = config_variables; variable->name != NULL; variable++)
		add_list(search, variable->name);
	for (const struct config_key *key = config_keys; key->section != NULL; key++) {
		if ((key->flags & KEY_NO_VARIABLE) == 0)
			add_own(search, key->section, key->key.name);
		add_list(search, key->key.environment);
	}
	add_list(search, LEGACY_WORKERS);
	for (size_t i = 0; i < search->config->step_count; i++)
		add_step(search, search->config->step[i].name, search->known[i]);
	search->used = search->count;
	for (char *const *module = search->module; *module != NULL; module++)
		add_step(search, *module, NULL);
}

static bool is_used(const struct search *search, const char *variable)
{
	for (size_t i = 0; i < search->used; i++)
		if (strcmp(search->name[i], variable) == 0)
			return true;
	return false;
}

/* Only what stands behind the prefix that both have is compared, or everything would be near. */
static struct nearest find_nearest(const struct search *search, const char *variable)
{
	struct nearest nearest = {0};
	for (size_t i = 0; i < search->count; i++) {
		bool own = begins(variable, OWN_PREFIX) && begins(search->name[i], OWN_PREFIX);
		size_t skipped = own ? strlen(OWN_PREFIX) : 0;
		nearest_offer(&nearest, variable + skipped, search->name[i] + skipped);
		if (nearest.name == search->name[i] + skipped)
			nearest.name = search->name[i];
	}
	return nearest;
}

/* Adds a name to a list for people; what does not fit is left out, which "…" says. */
static void list_add(char list[LIST_SIZE], const char *name)
{
	size_t used = strlen(list), length = strlen(name);
	if (used + length + 8 < LIST_SIZE)
		snprintf(list + used, LIST_SIZE - used, "%s%s", used > 0 ? ", " : "", name);
	else if (used < strlen("…") || strcmp(list + used - strlen("…"), "…") != 0)
		snprintf(list + used, LIST_SIZE - used, ", …");
}

/* Whether the variables of the replaced service can be told apart: a step has its module, which has been looked at. */
static bool knows_legacy(const struct search *search)
{
	bool known = false;
	for (size_t i = 0; i < search->config->step_count; i++) {
		if (strcmp(search->config->step[i].module, LEGACY_MODULE) == 0 && search->known[i] == NULL)
			return false;
		known = known || strcmp(search->config->step[i].module, LEGACY_MODULE) == 0;
	}
	return known;
}

/* The step whose variables begin as this one does, the longest name if there are several; SIZE_MAX: none. */
static size_t step_of(const struct search *search, const char *variable)
{
	size_t found = SIZE_MAX, longest = 0;
	for (size_t i = 0; i < search->config->step_count; i++) {
		char prefix[VARIABLE_NAME_SIZE];
		size_t length = variable_name(prefix, "step", search->config->step[i].name) ? strlen(prefix) : 0;
		if (length > longest && begins(variable, prefix) && variable[length] == '_') {
			found = i;
			longest = length;
		}
	}
	return found;
}

static void check_variable(const struct search *search, const struct variable *variable)
{
	char words[NEAREST_WORDS_SIZE];
	bool ours = begins(variable->name, OWN_PREFIX) || (begins(variable->name, LEGACY_PREFIX) && knows_legacy(search));
	if (!ours || variable_is_service_link(variable) || replaced_find(variable->name) != NULL ||
	    is_used(search, variable->name))
		return;
	/* An error already, or not to be told before its module can be used. */
	if (step_of(search, variable->name) != SIZE_MAX)
		return;
	const struct nearest nearest = find_nearest(search, variable->name);
	bool about_step = nearest.name == NULL && begins(variable->name, OWN_PREFIX "STEP_");
	problems_add(&search->config->warnings, "%s: nothing uses this variable%s%s", variable->name,
	             nearest_words(&nearest, "", "", words), about_step ? ": no configured step matches it" : "");
}

/* What was meant for the step that the replaced service was: said once, with all the variables. */
static void check_legacy_step(const struct search *search)
{
	const struct config *config = search->config;
	char list[LIST_SIZE] = "";
	const char *elsewhere = NULL; /* the module that does the step of that name */
	for (size_t i = 0; i < config->step_count; i++) {
		if (strcmp(config->step[i].module, LEGACY_MODULE) == 0)
			return;
		if (strcmp(config->step[i].name, LEGACY_MODULE) == 0)
			elsewhere = config->step[i].module;
	}
	for (size_t i = 0; i < config->source->variable_count; i++) {
		const struct variable *variable = &config->source->variable[i];
		if (begins(variable->name, LEGACY_PREFIX) && !variable_is_service_link(variable) &&
		    replaced_find(variable->name) == NULL)
			list_add(list, variable->name);
	}
	if (list[0] != '\0' && elsewhere != NULL)
		problems_add(&search->config->notes,
		             "%s: not needed here, because the module %s performs the step " LEGACY_MODULE, list, elsewhere);
	else if (list[0] != '\0')
		problems_add(&search->config->warnings,
		             "%s: set, but unused, and uploads are not scanned: add " LEGACY_MODULE
		             " to [postprocessing] steps (POSTPROCESSING_STEPS)",
		             list);
}

/* All variables that have the same advice in one line. */
static void check_replaced(const struct search *search)
{
	const struct config_source *source = search->config->source;
	for (const struct replaced *entry = replaced_variables; entry->names != NULL; entry++) {
		char list[LIST_SIZE] = "";
		for (size_t j = 0; j < source->variable_count; j++)
			if (replaced_find(source->variable[j].name) == entry && !variable_is_service_link(&source->variable[j]))
				list_add(list, source->variable[j].name);
		if (list[0] != '\0')
			problems_add(entry->matters ? &search->config->warnings : &search->config->notes, "%s: %s", list,
			             entry->advice);
	}
}

/* The first setting of a section that stands in the main file; NULL: none does. */
static const struct setting *main_setting(const struct section *section)
{
	for (size_t i = 0; i < section->count; i++)
		if (section->setting[i].rank == RANK_MAIN)
			return &section->setting[i];
	return NULL;
}

static bool has_module(const struct search *search, const struct section *section, const char *step)
{
	const struct setting *module = section_find(section, "module");
	for (char *const *name = search->module; *name != NULL; name++)
		if (strcmp(*name, module != NULL ? module->value : step) == 0)
			return true;
	return false;
}

static void check_section(const struct search *search, const struct section *section)
{
	const struct config *config = search->config;
	const char *step = section_step(section->name);
	struct nearest nearest = {0};
	char words[NEAREST_WORDS_SIZE];
	if (step == NULL || section->count == 0 || section->place == NULL)
		return;
	for (size_t i = 0; i < config->step_count; i++) {
		if (strcmp(config->step[i].name, step) == 0)
			return;
		nearest_offer(&nearest, step, config->step[i].name);
	}
	/* A module's package says how its step would be done. */
	if (main_setting(section) == NULL && has_module(search, section, step))
		return;
	for (char *const *name = search->module; *name != NULL; name++)
		if (strcmp(*name, step) != 0)
			nearest_offer(&nearest, step, *name);
	problems_add(&search->config->warnings, "%s: [%s]: no step has this name%s", section->place, section->name,
	             nearest_words(&nearest, "[" STEP_PREFIX, "]", words));
}

void config_find_unused(struct config *config, const struct pp_step_module *const *known, char *const *module)
{
	struct search search = {.config = config, .known = known, .module = module};
	add_names(&search);
	for (size_t i = 0; i < config->source->count; i++)
		check_section(&search, config->source->section[i]);
	check_legacy_step(&search);
	for (size_t i = 0; i < config->source->variable_count; i++)
		check_variable(&search, &config->source->variable[i]);
	check_replaced(&search);
	for (size_t i = 0; i < search.count; i++)
		free(search.name[i]);
	free(search.name);
}
