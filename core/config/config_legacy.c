/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config_keys.h"

/* The steps that may run without being listed. */
static const struct {
	const char *step;
	const char *section, *key; /* that decides about it */
	unsigned type;
	enum legacy_wish wish;
} legacy[] = {
	{LEGACY_MODULE, "postprocessing", "virusscan", PP_KEY_BOOL, LEGACY_FIRST},
	/* Its own key counts, to which [postprocessing] delay is copied, unless a module's package brought it. */
	{"delay", STEP_PREFIX "delay", "duration", PP_KEY_DURATION, LEGACY_LAST},
};
#define LEGACY_COUNT (sizeof legacy / sizeof legacy[0])

/* Sets the key of a step, unless a higher rank has set it. `from`: the key that a value in a file is of: an invalid one
 * is a problem of this key, and its default is set. */
static void set_for(struct config_source *source, const char *section_name, const char *key, struct found found,
                    const struct pp_key *from, struct problems *problems)
{
	char why[VALUE_WHY_SIZE];
	int64_t number;
	const struct setting *set = section_find(source_section(source, section_name), key);
	if (found.value == NULL || (set != NULL && set->rank >= found.rank))
		return;
	if (found.rank != RANK_ENVIRONMENT && !value_parse(from, found.value, &number, why, sizeof why)) {
		problems_add(problems, "%s: %s: %s", found.place, from->name, why);
		found.value = from->fallback;
	}
	const struct setting setting = {(char *)key, (char *)found.value, (char *)found.place, found.rank, 0};
	struct section *section = source_section_add(source, section_name, NULL, problems);
	if (section != NULL)
		section_set(section, &setting, problems);
}

void legacy_apply(struct config_source *source, struct problems *problems)
{
	const struct variable *workers = source_variable(source, LEGACY_WORKERS);
	const struct config_key *delay = config_keys_find("postprocessing", "delay");
	set_for(source, STEP_PREFIX "delay", "duration", config_key_find(source, delay), &delay->key, problems);
	if (workers != NULL)
		set_for(source, STEP_PREFIX LEGACY_MODULE, "workers",
		        (struct found){workers->value, workers->name, RANK_ENVIRONMENT}, NULL, problems);
}

const char *legacy_step(size_t number)
{
	return number < LEGACY_COUNT ? legacy[number].step : NULL;
}

enum legacy_wish legacy_step_wish(const struct config_source *source, size_t number, const char **place,
                                  struct problems *problems)
{
	const struct pp_key key = {.name = legacy[number].key, .type = legacy[number].type};
	struct found found = source_find(source, legacy[number].section, &key, true);
	char why[VALUE_WHY_SIZE];
	int64_t value = 0;
	if (found.value == NULL || found.rank == RANK_DROPIN)
		return LEGACY_NOT_WANTED;
	if (!value_parse(&key, found.value, &value, why, sizeof why))
		problems_add(problems, "%s: %s: %s", found.place, key.name, why);
	*place = found.place;
	return value > 0 ? legacy[number].wish : LEGACY_NOT_WANTED;
}
