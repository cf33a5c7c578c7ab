/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/fair_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/container_of.h"

/* An upload is overtaken by smaller ones of its user for as long as this takes with its bytes: 20 s for 1 GB. */
#define NANOS_PER_BYTE 20
/* What a turn counts beside the bytes. */
#define TURN_BYTES ((int64_t)1 << 16)

/* A line, a space in a line, or a user in a space. */
struct flow {
	struct entry entry;
	struct flow *parent;   /* NULL: a line */
	struct timers members;  /* groups in which somebody stands, by what they have had; of a user the standing by their order */
	struct timer service;   /* among the parent's members */
	size_t dispatch;           /* that are not over */
	size_t length;          /* of a line: how many stand in it */
	nanos virtual_time;     /* what the member that was served last had had until then: newcomers begin with it */
	char id[];
};

struct standing {
	struct entry entry;
	struct flow *user;
	struct timer order;     /* in the user's members */
	int64_t size;
	nanos came;
	bool suspect;
	char id[];
};

void fair_queue_init(struct fair_queue *queue, size_t steps)
{
	*queue = (struct fair_queue){.line = alloc_zeroed(steps > 0 ? steps : 1, sizeof *queue->line), .count = steps};
	table_init(&queue->items, offsetof(struct standing, id));
	table_init(&queue->flows, offsetof(struct flow, id));
}

/* Groups in which nobody stands any more leave their parents; those that have no turn either are forgotten. */
static void settle(struct fair_queue *queue, struct flow *flow)
{
	while (flow->parent != NULL && timers_first(&flow->members) == NULL) {
		struct flow *parent = flow->parent;
		timers_unset(&parent->members, &flow->service);
		if (flow->dispatch == 0) {
			timers_free(&flow->members);
			table_remove(&queue->flows, &flow->entry);
			free(flow);
		}
		flow = parent;
	}
}

static void end_standing(struct fair_queue *queue, struct standing *standing)
{
	struct flow *user = standing->user;
	user->parent->parent->length--;
	timers_unset(&user->members, &standing->order);
	table_remove(&queue->items, &standing->entry);
	free(standing);
	settle(queue, user);
}

void fair_queue_free(struct fair_queue *queue)
{
	struct entry *entry;
	while ((entry = table_next(&queue->items, NULL)) != NULL)
		end_standing(queue, (struct standing *)(void *)entry);
	/* Those that have turns which are not over. */
	while ((entry = table_next(&queue->flows, NULL)) != NULL) {
		table_remove(&queue->flows, entry);
		timers_free(&((struct flow *)(void *)entry)->members);
		free(entry);
	}
	for (size_t i = 0; i < queue->count; i++)
		timers_free(&queue->line[i].members);
	table_free(&queue->items);
	table_free(&queue->flows);
	free(queue->line);
}

/* The parent's member of this ID, made if there is none. */
static struct flow *get_group(struct fair_queue *queue, struct flow *parent, const char *id)
{
	struct flow *flow = (struct flow *)(void *)table_find(&queue->flows, id);
	if (flow != NULL)
		return flow;
	size_t size = strlen(id) + 1;
	flow = alloc_zeroed(1, sizeof *flow + size);
	flow->parent = parent;
	flow->service.at = parent->virtual_time;
	memcpy(flow->id, id, size);
	table_add(&queue->flows, &flow->entry);
	return flow;
}

static struct flow *get_user(struct fair_queue *queue, size_t step, const struct queue_item *item)
{
	char id[2 * FAIR_QUEUE_NAME_LIMIT + 64];
	/* Whatever their names, no user is taken for a space by the first letter, nor for one of another space by the length. */
	snprintf(id, sizeof id, "s%zu/%.*s", step, FAIR_QUEUE_NAME_LIMIT, item->space);
	struct flow *space = get_group(queue, &queue->line[step], id);
	snprintf(id, sizeof id, "u%zu/%zu/%.*s%.*s", step, strnlen(item->space, FAIR_QUEUE_NAME_LIMIT), FAIR_QUEUE_NAME_LIMIT, item->space,
	         FAIR_QUEUE_NAME_LIMIT, item->user);
	return get_group(queue, space, id);
}

static int64_t bounded(int64_t size)
{
	return size < 0 ? 0 : size < FAIR_QUEUE_SIZE_LIMIT ? size : FAIR_QUEUE_SIZE_LIMIT;
}

/* Somebody stands in the group: so it is among its parent's members, and that in its own. Who comes back has had at least
 * as much as those who are served now. */
static void enter(struct flow *flow)
{
	for (; flow->parent != NULL && flow->service.place == 0; flow = flow->parent) {
		nanos service = flow->service.at > flow->parent->virtual_time ? flow->service.at : flow->parent->virtual_time;
		timers_set(&flow->parent->members, &flow->service, service);
	}
}

void fair_queue_join(struct fair_queue *queue, size_t step, const struct queue_item *item, nanos now)
{
	struct flow *user = get_user(queue, step, item);
	size_t size = strlen(item->id) + 1;
	struct standing *standing = alloc_zeroed(1, sizeof *standing + size);
	timers_set(&user->members, &standing->order, now + bounded(item->size) * NANOS_PER_BYTE);
	standing->user = user;
	standing->size = bounded(item->size);
	standing->suspect = item->suspect;
	standing->came = item->came;
	user->parent->parent->length++;
	memcpy(standing->id, item->id, size);
	table_add(&queue->items, &standing->entry);
	enter(user);
}

static struct queue_item place_of(const struct standing *standing)
{
	return (struct queue_item){.id = standing->id, .size = standing->size, .suspect = standing->suspect, .came = standing->came};
}

bool fair_queue_find(const struct fair_queue *queue, const char *id, struct queue_item *item)
{
	const struct standing *standing = (const struct standing *)(const void *)table_find(&queue->items, id);
	if (standing != NULL)
		*item = place_of(standing);
	return standing != NULL;
}

bool fair_queue_has(const struct fair_queue *queue, const char *id)
{
	return table_find(&queue->items, id) != NULL;
}

bool fair_queue_leave(struct fair_queue *queue, const char *id)
{
	struct entry *entry = table_find(&queue->items, id);
	if (entry != NULL)
		end_standing(queue, (struct standing *)(void *)entry);
	return entry != NULL;
}

/* NULL: nobody stands there. */
static struct standing *first(const struct fair_queue *queue, size_t step)
{
	struct timer *space = timers_first(&queue->line[step].members);
	if (space == NULL)
		return NULL;
	struct timer *user = timers_first(&CONTAINER_OF(space, struct flow, service)->members);
	return CONTAINER_OF(timers_first(&CONTAINER_OF(user, struct flow, service)->members), struct standing, order);
}

bool fair_queue_first(const struct fair_queue *queue, size_t step, struct queue_item *item)
{
	const struct standing *standing = first(queue, step);
	if (standing == NULL)
		return false;
	*item = place_of(standing);
	return true;
}

/* Counts a turn. */
static void charge(struct flow *flow, int64_t bytes)
{
	for (; flow->parent != NULL; flow = flow->parent) {
		struct flow *parent = flow->parent;
		if (flow->service.at > parent->virtual_time)
			parent->virtual_time = flow->service.at;
		flow->dispatch++;
		flow->service.at += bytes;
		if (flow->service.place != 0)
			timers_set(&parent->members, &flow->service, flow->service.at);
	}
}

struct flow *fair_queue_serve(struct fair_queue *queue, size_t step)
{
	struct standing *standing = first(queue, step);
	if (standing == NULL)
		return NULL;
	struct flow *user = standing->user;
	charge(user, TURN_BYTES + standing->size);
	end_standing(queue, standing);
	return user;
}

struct flow *fair_queue_pass(struct fair_queue *queue, size_t step, const struct queue_item *item)
{
	struct flow *user = get_user(queue, step, item);
	charge(user, TURN_BYTES + bounded(item->size));
	return user;
}

void fair_queue_over(struct fair_queue *queue, struct flow *user)
{
	for (struct flow *flow = user; flow->parent != NULL; flow = flow->parent)
		flow->dispatch--;
	settle(queue, user);
}

size_t fair_queue_count(const struct fair_queue *queue)
{
	return queue->items.count;
}

size_t fair_queue_length(const struct fair_queue *queue, size_t step)
{
	return queue->line[step].length;
}

const void *fair_queue_next(const struct fair_queue *queue, size_t step, const void *after, struct queue_item *item)
{
	const struct standing *standing = after;
	do
		standing = (const struct standing *)(const void *)table_next(&queue->items, standing != NULL ? &standing->entry : NULL);
	while (standing != NULL && standing->user->parent->parent != &queue->line[step]);
	if (standing != NULL)
		*item = place_of(standing);
	return standing;
}
