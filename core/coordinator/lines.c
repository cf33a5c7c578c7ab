/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An upload is overtaken by smaller ones of its user for as long as this takes with its bytes: 20 s for 1 GB. */
#define NANOS_PER_BYTE 20
/* What a turn counts beside the bytes. */
#define TURN_BYTES ((int64_t)1 << 16)

/* A line, a space in a line, or a user in a space. */
struct group {
	struct entry entry;
	struct group *parent;   /* NULL: a line */
	struct timers members;  /* groups in which somebody stands, by what they have had; of a user the standing by their order */
	struct timer had;       /* among the parent's members */
	size_t turns;           /* that are not over */
	size_t length;          /* of a line: how many stand in it */
	nanos clock;            /* what the member that was served last had had until then: newcomers begin with it */
	char id[];
};

struct standing {
	struct entry entry;
	struct group *user;
	struct timer order;     /* in the user's members */
	int64_t size;
	nanos came;
	bool suspect;
	char id[];
};

#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

bool lines_init(struct lines *lines, size_t steps)
{
	*lines = (struct lines){.line = calloc(steps > 0 ? steps : 1, sizeof *lines->line), .count = steps};
	bool good = table_init(&lines->places, offsetof(struct standing, id));
	return table_init(&lines->groups, offsetof(struct group, id)) && good && lines->line != NULL;
}

/* Groups in which nobody stands any more leave their parents; those that have no turn either are forgotten. */
static void settle(struct lines *lines, struct group *group)
{
	while (group->parent != NULL && timers_first(&group->members) == NULL) {
		struct group *parent = group->parent;
		timers_unset(&parent->members, &group->had);
		if (group->turns == 0) {
			timers_free(&group->members);
			table_remove(&lines->groups, &group->entry);
			free(group);
		}
		group = parent;
	}
}

static void end_standing(struct lines *lines, struct standing *standing)
{
	struct group *user = standing->user;
	user->parent->parent->length--;
	timers_unset(&user->members, &standing->order);
	table_remove(&lines->places, &standing->entry);
	free(standing);
	settle(lines, user);
}

void lines_free(struct lines *lines)
{
	struct entry *entry;
	while ((entry = table_next(&lines->places, NULL)) != NULL)
		end_standing(lines, (struct standing *)(void *)entry);
	/* Those that have turns which are not over. */
	while ((entry = table_next(&lines->groups, NULL)) != NULL) {
		table_remove(&lines->groups, entry);
		timers_free(&((struct group *)(void *)entry)->members);
		free(entry);
	}
	for (size_t i = 0; lines->line != NULL && i < lines->count; i++)
		timers_free(&lines->line[i].members);
	table_free(&lines->places);
	table_free(&lines->groups);
	free(lines->line);
}

/* The parent's member of this ID, made if there is none; NULL: out of memory. */
static struct group *get_group(struct lines *lines, struct group *parent, const char *id)
{
	struct group *group = (struct group *)(void *)table_find(&lines->groups, id);
	if (group != NULL)
		return group;
	size_t size = strlen(id) + 1;
	group = calloc(1, sizeof *group + size);
	if (group == NULL)
		return NULL;
	group->parent = parent;
	group->had.at = parent->clock;
	memcpy(group->id, id, size);
	table_add(&lines->groups, &group->entry);
	return group;
}

/* NULL: out of memory. */
static struct group *get_user(struct lines *lines, size_t step, const struct place *place)
{
	char id[2 * LINES_NAME_LIMIT + 64];
	/* Whatever their names, no user is taken for a space by the first letter, nor for one of another space by the length. */
	snprintf(id, sizeof id, "s%zu/%.*s", step, LINES_NAME_LIMIT, place->space);
	struct group *space = get_group(lines, &lines->line[step], id);
	if (space == NULL)
		return NULL;
	snprintf(id, sizeof id, "u%zu/%zu/%.*s%.*s", step, strnlen(place->space, LINES_NAME_LIMIT), LINES_NAME_LIMIT, place->space,
	         LINES_NAME_LIMIT, place->user);
	struct group *user = get_group(lines, space, id);
	if (user == NULL)
		settle(lines, space);
	return user;
}

static int64_t bounded(int64_t size)
{
	return size < 0 ? 0 : size < LINES_SIZE_LIMIT ? size : LINES_SIZE_LIMIT;
}

/* Somebody stands in the group: so it is among its parent's members, and that in its own. Who comes back has had at least
 * as much as those who are served now. False: out of memory. */
static bool enter(struct group *group)
{
	for (; group->parent != NULL && group->had.place == 0; group = group->parent) {
		nanos had = group->had.at > group->parent->clock ? group->had.at : group->parent->clock;
		if (!timers_set(&group->parent->members, &group->had, had))
			return false;
	}
	return true;
}

static struct standing *stand(struct lines *lines, struct group *user, const struct place *place, nanos now)
{
	size_t size = strlen(place->id) + 1;
	struct standing *standing = calloc(1, sizeof *standing + size);
	if (standing == NULL || !timers_set(&user->members, &standing->order, now + bounded(place->size) * NANOS_PER_BYTE)) {
		free(standing);
		return NULL;
	}
	standing->user = user;
	standing->size = bounded(place->size);
	standing->suspect = place->suspect;
	standing->came = place->came;
	user->parent->parent->length++;
	memcpy(standing->id, place->id, size);
	table_add(&lines->places, &standing->entry);
	return standing;
}

bool lines_join(struct lines *lines, size_t step, const struct place *place, nanos now)
{
	struct group *user = get_user(lines, step, place);
	if (user == NULL)
		return false;
	struct standing *standing = stand(lines, user, place, now);
	if (standing != NULL && enter(user))
		return true;
	if (standing != NULL)
		end_standing(lines, standing);
	else
		settle(lines, user);
	return false;
}

static struct place place_of(const struct standing *standing)
{
	return (struct place){.id = standing->id, .size = standing->size, .suspect = standing->suspect, .came = standing->came};
}

bool lines_find(const struct lines *lines, const char *id, struct place *place)
{
	const struct standing *standing = (const struct standing *)(const void *)table_find(&lines->places, id);
	if (standing != NULL)
		*place = place_of(standing);
	return standing != NULL;
}

bool lines_has(const struct lines *lines, const char *id)
{
	return table_find(&lines->places, id) != NULL;
}

bool lines_leave(struct lines *lines, const char *id)
{
	struct entry *entry = table_find(&lines->places, id);
	if (entry != NULL)
		end_standing(lines, (struct standing *)(void *)entry);
	return entry != NULL;
}

/* NULL: nobody stands there. */
static struct standing *first(const struct lines *lines, size_t step)
{
	struct timer *space = timers_first(&lines->line[step].members);
	if (space == NULL)
		return NULL;
	struct timer *user = timers_first(&CONTAINER(space, struct group, had)->members);
	return CONTAINER(timers_first(&CONTAINER(user, struct group, had)->members), struct standing, order);
}

bool lines_first(const struct lines *lines, size_t step, struct place *place)
{
	const struct standing *standing = first(lines, step);
	if (standing == NULL)
		return false;
	*place = place_of(standing);
	return true;
}

/* Counts a turn; setting anew a timer that is set needs no memory. */
static void charge(struct group *group, int64_t bytes)
{
	for (; group->parent != NULL; group = group->parent) {
		struct group *parent = group->parent;
		if (group->had.at > parent->clock)
			parent->clock = group->had.at;
		group->turns++;
		group->had.at += bytes;
		if (group->had.place != 0)
			timers_set(&parent->members, &group->had, group->had.at);
	}
}

struct group *lines_serve(struct lines *lines, size_t step)
{
	struct standing *standing = first(lines, step);
	if (standing == NULL)
		return NULL;
	struct group *user = standing->user;
	charge(user, TURN_BYTES + standing->size);
	end_standing(lines, standing);
	return user;
}

struct group *lines_pass(struct lines *lines, size_t step, const struct place *place)
{
	struct group *user = get_user(lines, step, place);
	if (user != NULL)
		charge(user, TURN_BYTES + bounded(place->size));
	return user;
}

void lines_over(struct lines *lines, struct group *user)
{
	if (user == NULL)
		return;
	for (struct group *group = user; group->parent != NULL; group = group->parent)
		group->turns--;
	settle(lines, user);
}

size_t lines_count(const struct lines *lines)
{
	return lines->places.count;
}

size_t lines_length(const struct lines *lines, size_t step)
{
	return lines->line[step].length;
}

const void *lines_next(const struct lines *lines, size_t step, const void *after, struct place *place)
{
	const struct standing *standing = after;
	do
		standing = (const struct standing *)(const void *)table_next(&lines->places, standing != NULL ? &standing->entry : NULL);
	while (standing != NULL && standing->user->parent->parent != &lines->line[step]);
	if (standing != NULL)
		*place = place_of(standing);
	return standing;
}
