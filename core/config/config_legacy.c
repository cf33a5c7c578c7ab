/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/config/config_source.h"

struct legacy {
	struct pp_key key; /* in [postprocessing]; the name is empty for what is a variable only */
	const char *step;  /* which step it is about */
	const char *sets;  /* that step's key; NULL: the value says whether to run it */
	enum legacy_wish wish;
};

static const struct legacy legacy[] = {
	{{.name = "virusscan",
      .type = PP_KEY_BOOL,
      .fallback = "false",
      .environment = "POSTPROCESSING_VIRUSSCAN",
      .help = "Whether to run the step virusscan first if it is not listed in steps."},
     LEGACY_MODULE,
     NULL,
     LEGACY_FIRST},
	{{.name = "delay",
      .type = PP_KEY_DURATION,
      .fallback = "0",
      .environment = "POSTPROCESSING_DELAY",
      .help = "Sets duration in [step:delay]. If it is not 0 and the step delay is not listed in steps, that step runs "
              "last."},
     "delay",
     "duration",
     LEGACY_LAST},
	{{.name = "", .environment = LEGACY_PREFIX "WORKERS"}, LEGACY_MODULE, "workers", LEGACY_NOT_WANTED},
};
#define LEGACY_COUNT (sizeof legacy / sizeof legacy[0])

const struct pp_key *legacy_key(size_t number)
{
	for (size_t i = 0; i < LEGACY_COUNT; i++)
		if (legacy[i].key.name[0] != '\0' && number-- == 0)
			return &legacy[i].key;
	return NULL;
}

const struct pp_key *legacy_variable(size_t number)
{
	return number < LEGACY_COUNT ? &legacy[number].key : NULL;
}

bool legacy_is_key(const char *key)
{
	const struct pp_key *entry;
	for (size_t i = 0; (entry = legacy_key(i)) != NULL; i++)
		if (strcmp(entry->name, key) == 0)
			return true;
	return false;
}

static struct found find(const struct config_source *source, const struct legacy *entry)
{
	return source_find(source, "postprocessing", &entry->key, false);
}

void legacy_apply(struct config_source *source, struct problems *problems)
{
	for (size_t i = 0; i < LEGACY_COUNT; i++) {
		const struct legacy *entry = &legacy[i];
		struct found found = find(source, entry);
		char name[STEP_SECTION_SIZE];
		step_section(entry->step, name);
		const struct setting *set = section_find(source_section(source, name), entry->sets == NULL ? "" : entry->sets);
		if (entry->sets == NULL || found.value == NULL || (set != NULL && set->rank >= found.rank))
			continue;
		struct section *section = source_section_add(source, name, NULL, problems);
		const struct setting setting = {(char *)entry->sets, (char *)found.value, (char *)found.place, found.rank, 0};
		if (section != NULL)
			section_set(section, &setting, problems);
	}
}

static const struct legacy *wishing(size_t number)
{
	for (size_t i = 0; i < LEGACY_COUNT; i++)
		if (legacy[i].wish != LEGACY_NOT_WANTED && number-- == 0)
			return &legacy[i];
	return NULL;
}

const char *legacy_step(size_t number)
{
	const struct legacy *entry = wishing(number);
	return entry == NULL ? NULL : entry->step;
}

enum legacy_wish legacy_step_wish(const struct config_source *source, size_t number, const char **place,
                                  struct problems *problems)
{
	const struct legacy *entry = wishing(number);
	if (entry == NULL)
		return LEGACY_NOT_WANTED;
	/* A step that runs because of a value: its own key counts as well, unless a module's package brought it. */
	struct pp_key key = {.name = entry->sets, .type = PP_KEY_DURATION};
	struct found found;
	if (entry->sets != NULL) {
		char section[STEP_SECTION_SIZE];
		found = source_find(source, step_section(entry->step, section), &key, true);
	} else {
		key = entry->key;
		found = find(source, entry);
	}
	char why[VALUE_WHY_SIZE];
	int64_t number_found = 0;
	if (found.value == NULL || found.rank == RANK_DROPIN)
		return LEGACY_NOT_WANTED;
	if (!value_parse(&key, found.value, &number_found, why, sizeof why))
		problems_add(problems, "%s: %s: %s", found.place, key.name, why);
	*place = found.place;
	return number_found > 0 ? entry->wish : LEGACY_NOT_WANTED;
}
