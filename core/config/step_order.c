/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/step_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/config_keys.h"

enum relation { RELATION_NONE, RELATION_FIRST, RELATION_LAST, RELATION_AFTER, RELATION_BEFORE };

/* A section that enables its step. */
struct wish {
	const char *name, *place;
	enum relation relation;
	char other[STEP_NAME_MAX + 1]; /* AFTER, BEFORE */
	bool granted;
};

struct wishes {
	struct wish wish[STEPS_MAX];
	size_t count;
};

size_t step_order_find(const struct step_order *order, const char *name)
{
	size_t at = 0;
	while (at < order->count && strcmp(order->step[at].name, name) != 0)
		at++;
	return at;
}

void step_order_insert(struct step_order *order, size_t at, const char *name, const char *place)
{
	memmove(&order->step[at + 1], &order->step[at], (order->count - at) * sizeof order->step[0]);
	order->step[at].name = name;
	order->step[at].place = place;
	order->count++;
}

/* False: not one of the forms. */
static bool parse(const char *value, struct wish *wish)
{
	static const struct {
		const char *word;
		enum relation relation;
		bool named;
	} forms[] = {{"no", RELATION_NONE, false},
	             {"first", RELATION_FIRST, false},
	             {"last", RELATION_LAST, false},
	             {"after", RELATION_AFTER, true},
	             {"before", RELATION_BEFORE, true}};
	char **word = list_split(value, " \t");
	size_t words = 0;
	bool good = false;
	while (word[words] != NULL)
		words++;
	for (size_t i = 0; !good && words > 0 && i < sizeof forms / sizeof forms[0]; i++) {
		good = strcmp(word[0], forms[i].word) == 0 && words == (forms[i].named ? 2 : 1);
		wish->relation = forms[i].relation;
	}
	good = good && (words == 1 || strlen(word[1]) <= STEP_NAME_MAX);
	if (good && words == 2)
		snprintf(wish->other, sizeof wish->other, "%s", word[1]);
	free(word);
	return good;
}

static int compare(const void *one, const void *other)
{
	return strcmp(((const struct wish *)one)->name, ((const struct wish *)other)->name);
}

/* The sections that enable their steps, by name. */
static void collect(struct wishes *wishes, const struct config_source *source, struct problems *problems)
{
	const struct config_key *key = step_keys_find("enable");
	for (size_t i = 0; i < source->count; i++) {
		const char *section = source->section[i]->name, *name = section_step(section);
		struct found found = {0};
		if (name != NULL)
			found = source_find(source, section, &key->key, true);
		struct wish wish = {.name = name, .place = found.place};
		if (found.value == NULL || found.value[0] == '\0')
			continue;
		if (!parse(found.value, &wish))
			problems_add(problems, "%s: enable: \"%.80s\" is not first, last, after STEP, before STEP or no",
			             found.place, found.value);
		else if (wish.relation != RELATION_NONE && wishes->count == STEPS_MAX)
			problems_add(problems, "%s: enable: more than %d steps", found.place, STEPS_MAX);
		else if (wish.relation != RELATION_NONE)
			wishes->wish[wishes->count++] = wish;
	}
	qsort(wishes->wish, wishes->count, sizeof wishes->wish[0], compare);
}

/* Puts the step where it wants to be. False: the other step is not there yet. */
static bool place(struct step_order *order, struct wish *wish)
{
	size_t other = step_order_find(order, wish->other), at = 0;
	switch (wish->relation) {
	case RELATION_NONE:
	case RELATION_FIRST:
		break;
	case RELATION_LAST:
		at = order->count;
		break;
	case RELATION_AFTER:
		at = other + 1;
		break;
	case RELATION_BEFORE:
		at = other;
		break;
	}
	if (at > order->count || (wish->relation == RELATION_BEFORE && other == order->count))
		return false;
	step_order_insert(order, at, wish->name, wish->place);
	return wish->granted = true;
}

/* Those that lean on what is before them, from the last name to the first, then those that lean on what is behind them:
 * so steps at the same place come in the order of their names. True: one was placed. */
static bool place_some(struct step_order *order, struct wishes *wishes, struct problems *problems)
{
	bool placed = false;
	for (size_t round = 0; round < 2 * wishes->count; round++) {
		bool back = round < wishes->count;
		struct wish *wish = &wishes->wish[back ? wishes->count - 1 - round : round - wishes->count];
		bool leans_back = wish->relation == RELATION_FIRST || wish->relation == RELATION_AFTER;
		if (wish->granted || leans_back != back)
			continue;
		if (order->count < STEPS_MAX) {
			placed = place(order, wish) || placed;
		} else {
			problems_add(problems, "%s: enable: more than %d steps", wish->place, STEPS_MAX);
			wish->granted = true;
		}
	}
	return placed;
}

/* Whether the order is as the section of the step wants it. */
static void check(const struct step_order *order, const struct wish *wish, struct problems *problems)
{
	size_t own = step_order_find(order, wish->name), other = step_order_find(order, wish->other);
	bool after = wish->relation == RELATION_AFTER;
	if (wish->relation != RELATION_AFTER && wish->relation != RELATION_BEFORE)
		return;
	if (other == order->count)
		problems_add(problems, "%s: enable: %s %s, but there is no step \"%s\" that runs", wish->place,
		             after ? "after" : "before", wish->other, wish->other);
	else if (own == other || (after ? own < other : own > other))
		problems_add(problems, "%s: enable: %s %s, but the order is the other way round (%s)", wish->place,
		             after ? "after" : "before", wish->other, order->step[own < other ? own : other].place);
}

void step_order_enable(struct step_order *order, const struct config_source *source, struct problems *problems)
{
	struct wishes wishes = {.count = 0};
	collect(&wishes, source, problems);
	for (size_t i = 0; i < wishes.count; i++)
		wishes.wish[i].granted = step_order_find(order, wishes.wish[i].name) < order->count;
	while (place_some(order, &wishes, problems))
		;
	for (size_t i = 0; i < wishes.count; i++)
		check(order, &wishes.wish[i], problems);
}
