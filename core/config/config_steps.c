/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/grant.h"
#include "core/base/alloc.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"
#include "core/config/step_order.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

bool module_name_check(const char *name, char *why, size_t size)
{
	size_t length = strnlen(name, STEP_NAME_MAX + 1);
	if (length > 0 && length <= STEP_NAME_MAX && name[0] != '.' && strspn(name, NAME_LETTERS) == length)
		return true;
	snprintf(why, size,
	         "\"%.80s\" is not a valid module name: use at most %d letters, digits, _ . and -, and do not "
	         "begin with a period",
	         name, STEP_NAME_MAX);
	return false;
}

bool step_name_check(const char *name, char *why, size_t size)
{
	size_t length = strnlen(name, STEP_NAME_MAX + 1);
	const char *fault = NULL;
	if (length == 0)
		fault = "the step has no name";
	else if (length > STEP_NAME_MAX)
		fault = "a step name has at most 64 characters";
	else if (strspn(name, NAME_LETTERS) != length)
		fault = "a step name may contain only letters, digits, _ . and -";
	else if (strcmp(name, "finished") == 0)
		fault = "this name is reserved for uploads whose steps are all done";
	if (fault != NULL)
		snprintf(why, size, "%s", fault);
	return fault == NULL;
}

static void add_listed(struct step_order *names, char *const *listed, const char *place, struct problems *problems)
{
	char why[VALUE_WHY_SIZE];
	for (; *listed != NULL; listed++) {
		if (!step_name_check(*listed, why, sizeof why)) {
			problems_add(problems, "%s: steps: \"%.80s\": %s", place, *listed, why);
		} else if (step_order_find(names, *listed) < names->count) {
			problems_add(problems, "%s: steps: \"%s\" is listed twice", place, *listed);
		} else if (names->count == STEPS_MAX) {
			problems_add(problems, "%s: steps: more than %d steps", place, STEPS_MAX);
			return;
		} else {
			step_order_insert(names, names->count, *listed, place);
		}
	}
}

static void add_unlisted(struct step_order *names, struct config *config, struct problems *problems)
{
	bool listed = names->count != 0;
	const char *step;
	for (size_t i = 0; (step = legacy_step(i)) != NULL && names->count < STEPS_MAX + 8; i++) {
		const char *place = "steps";
		enum legacy_wish wish = step_order_find(names, step) < names->count
		                            ? LEGACY_NOT_WANTED
		                            : legacy_step_wish(config->source, i, &place, problems);
		size_t at = wish == LEGACY_FIRST ? 0 : names->count;
		if (wish == LEGACY_NOT_WANTED)
			continue;
		step_order_insert(names, at, step, place);
		config->delay_appended = config->delay_appended || (wish == LEGACY_LAST && listed);
	}
}

/* What `allow` names. */
static void read_grants(struct step_config *step, const char *place, struct problems *problems)
{
	char **listed = list_split(step->allow, ", \t");
	uint32_t grant;
	char known[GRANTS_TEXT_SIZE];
	for (char **word = listed; *word != NULL; word++) {
		if (!grant_parse(*word, &grant))
			problems_add(problems, "%s: allow: unknown word \"%.80s\" (%s none)", place, *word,
			             grants_format(UINT32_MAX, known));
		step->grants |= grant;
	}
	free(listed);
}

/* Settings of a worker process do nothing for a step that has none. */
static void warn_of_thread(struct config *config, const char *section)
{
	static const char *const names[] = {"allow", "memory_limit", "worker_max_runs", "max_crashes"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct found found = source_find(config->source, section, &step_keys_find(names[i])->key, true);
		if (found.value != NULL)
			problems_add(&config->warnings, "%s: %s: no effect, because the step has isolation = thread", found.place,
			             names[i]);
	}
}

static void read_step(struct config *config, const char *name, const char *list_place,
                      const struct step_config *defaults, struct problems *problems)
{
	struct step_config step = *defaults;
	char section[STEP_SECTION_SIZE], why[VALUE_WHY_SIZE];
	step_section(name, section);
	step.name = alloc_text(name);
	step.module = alloc_text(name);
	step.section = source_section(config->source, section);
	/* Where the module was chosen: by its key, or else by the step's name in the list. */
	step.place = list_place;
	size_t before = problems->count;
	for (const struct config_key *key = step_keys; key->section != NULL; key++) {
		struct found found = config_key_read(config->source, section, key, &step, problems);
		if (found.value != NULL && strcmp(key->key.name, "module") == 0)
			step.place = found.place;
		if (found.value != NULL && step.allow != NULL && strcmp(key->key.name, "allow") == 0)
			read_grants(&step, found.place, problems);
	}
	if (!module_name_check(step.module, why, sizeof why))
		problems_add(problems, "%s: module: %s", step.place, why);
	step.faulty = problems->count > before;
	if (step.isolation == ISOLATION_THREAD)
		warn_of_thread(config, section);
	config->step[config->step_count++] = step;
}

/* Variables could not tell the two steps apart. */
static void check_variables(const struct config *config, const char *name, const char *other, struct problems *problems)
{
	char mine[VARIABLE_NAME_SIZE], others[VARIABLE_NAME_SIZE];
	if (strcmp(name, other) != 0 && variable_name(mine, "step", name) && variable_name(others, "step", other) &&
	    strcmp(mine, others) == 0) {
		char section_name[STEP_SECTION_SIZE];
		const struct section *section = source_section(config->source, step_section(other, section_name));
		bool placed = section != NULL && section->place != NULL;
		problems_add(problems, "%s: the steps \"%s\" and \"%s\" would share the variables %s_…",
		             placed ? section->place : "steps", name, other, mine);
	}
}

static void check_all_variables(const struct config *config, struct problems *problems)
{
	for (size_t i = 0; i < config->step_count; i++) {
		const char *name = config->step[i].name;
		for (size_t j = i + 1; j < config->step_count; j++)
			check_variables(config, name, config->step[j].name, problems);
		for (size_t j = 0; j < config->source->count; j++) {
			const char *other = section_step(config->source->section[j]->name);
			for (size_t k = 0; other != NULL && k < config->step_count; k++)
				other = strcmp(config->step[k].name, other) != 0 ? other : NULL;
			if (other != NULL)
				check_variables(config, name, other, problems);
		}
	}
}

void config_steps_read(struct config *config, struct found list, const struct step_config *defaults,
                       struct problems *problems)
{
	struct step_order names = {.count = 0};
	char **listed = list_split(list.value == NULL ? "" : list.value, ", \t");
	if (list.value != NULL && list.value[0] != '\0' && listed[0] == NULL)
		problems_add(problems, "%s: steps: the list is empty", list.place);
	add_listed(&names, listed, list.place, problems);
	add_unlisted(&names, config, problems);
	step_order_enable(&names, config->source, problems);
	config->step = alloc_zeroed(names.count + 1, sizeof *config->step);
	for (size_t i = 0; i < names.count; i++)
		read_step(config, names.step[i].name, names.step[i].place, defaults, problems);
	free(listed);
	check_all_variables(config, problems);
}

void config_steps_free(struct config *config)
{
	for (size_t i = 0; i < config->step_count; i++) {
		free(config->step[i].name);
		free(config->step[i].module);
		free(config->step[i].allow);
		free(config->step[i].enable);
	}
	free(config->step);
}
