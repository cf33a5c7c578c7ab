/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/fair_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/container_of.h"

/* How much later a larger upload of one user is ordered: 20 s for 1 GB. */
#define NANOS_PER_BYTE 20
/* What a turn costs beside the bytes of its upload. */
#define TURN_BYTES ((int64_t)1 << 16)

/* The root of a step, a space in a root, or a user in a space. */
struct flow {
	struct entry entry;
	struct flow *parent;      /* NULL: a root */
	struct heap members;      /* of a root or a space: its flows with queued uploads, by the bytes they have received;
	                             of a user: its queued uploads, by their order, a time */
	struct heap_item service; /* bytes received so far, as its key among the parent's members */
	size_t turns;             /* that are not over */
	size_t length;            /* of a root: uploads queued below it */
	int64_t virtual_time;     /* service that the member served last had had before: a newcomer begins with that */
	char id[];
};

struct queued {
	struct entry entry;
	struct flow *user;
	struct heap_item order; /* among the user's members */
	int64_t size;
	nanos came;
	bool suspect;
	char id[];
};

void fair_queue_init(struct fair_queue *queue, size_t steps)
{
	*queue = (struct fair_queue){.count = 0};
	table_init(&queue->items, offsetof(struct queued, id));
	table_init(&queue->flows, offsetof(struct flow, id));
	fair_queue_extend(queue, steps);
}

void fair_queue_extend(struct fair_queue *queue, size_t steps)
{
	if (steps > queue->count)
		queue->root = alloc_resized(queue->root, steps * sizeof(struct flow *));
	while (queue->count < steps)
		queue->root[queue->count++] = alloc_zeroed(1, sizeof(struct flow) + 1);
}

/* Removes a flow without queued uploads from its parent, and so on upwards. A flow that has no turn either is freed. */
static void settle(struct fair_queue *queue, struct flow *flow)
{
	while (flow->parent != NULL && heap_first(&flow->members) == NULL) {
		struct flow *parent = flow->parent;
		heap_remove(&parent->members, &flow->service);
		if (flow->turns == 0) {
			heap_free(&flow->members);
			table_remove(&queue->flows, &flow->entry);
			free(flow);
		}
		flow = parent;
	}
}

static void end_queued(struct fair_queue *queue, struct queued *queued)
{
	struct flow *user = queued->user;
	user->parent->parent->length--;
	heap_remove(&user->members, &queued->order);
	table_remove(&queue->items, &queued->entry);
	free(queued);
	settle(queue, user);
}

void fair_queue_free(struct fair_queue *queue)
{
	struct entry *entry;
	while ((entry = table_next(&queue->items, NULL)) != NULL)
		end_queued(queue, (struct queued *)(void *)entry);
	/* Flows with turns that are not over. */
	while ((entry = table_next(&queue->flows, NULL)) != NULL) {
		table_remove(&queue->flows, entry);
		heap_free(&((struct flow *)(void *)entry)->members);
		free(entry);
	}
	for (size_t i = 0; i < queue->count; i++) {
		heap_free(&queue->root[i]->members);
		free(queue->root[i]);
	}
	table_free(&queue->items);
	table_free(&queue->flows);
	free(queue->root);
}

/* Finds the flow of this ID, or makes it below the parent. */
static struct flow *get_flow(struct fair_queue *queue, struct flow *parent, const char *id)
{
	struct flow *flow = (struct flow *)(void *)table_find(&queue->flows, id);
	if (flow != NULL)
		return flow;
	size_t size = strlen(id) + 1;
	flow = alloc_zeroed(1, sizeof *flow + size);
	flow->parent = parent;
	flow->service.key = parent->virtual_time;
	memcpy(flow->id, id, size);
	table_add(&queue->flows, &flow->entry);
	return flow;
}

static struct flow *get_user(struct fair_queue *queue, size_t step, const struct queue_item *item)
{
	char id[2 * FAIR_QUEUE_NAME_LIMIT + 64];
	/* The first letter tells users from spaces, the length users of one space from those of another, whatever their
	 * names. */
	snprintf(id, sizeof id, "s%zu/%.*s", step, FAIR_QUEUE_NAME_LIMIT, item->space);
	struct flow *space = get_flow(queue, queue->root[step], id);
	snprintf(id, sizeof id, "u%zu/%zu/%.*s%.*s", step, strnlen(item->space, FAIR_QUEUE_NAME_LIMIT),
	         FAIR_QUEUE_NAME_LIMIT, item->space, FAIR_QUEUE_NAME_LIMIT, item->user);
	return get_flow(queue, space, id);
}

static int64_t bounded(int64_t size)
{
	return size < 0 ? 0 : size < FAIR_QUEUE_SIZE_LIMIT ? size : FAIR_QUEUE_SIZE_LIMIT;
}

/* An upload was queued below the flow: makes the flow, its parent and so on members of their parents. A flow that comes
 * back begins with at least the service that the others have received by now. */
static void enter(struct flow *flow)
{
	for (; flow->parent != NULL && flow->service.place == 0; flow = flow->parent) {
		int64_t service =
			flow->service.key > flow->parent->virtual_time ? flow->service.key : flow->parent->virtual_time;
		heap_set(&flow->parent->members, &flow->service, service);
	}
}

void fair_queue_join(struct fair_queue *queue, size_t step, const struct queue_item *item, nanos now)
{
	struct flow *user = get_user(queue, step, item);
	size_t size = strlen(item->id) + 1;
	struct queued *queued = alloc_zeroed(1, sizeof *queued + size);
	heap_set(&user->members, &queued->order, now + bounded(item->size) * NANOS_PER_BYTE);
	queued->user = user;
	queued->size = bounded(item->size);
	queued->suspect = item->suspect;
	queued->came = item->came;
	user->parent->parent->length++;
	memcpy(queued->id, item->id, size);
	table_add(&queue->items, &queued->entry);
	enter(user);
}

static struct queue_item item_of(const struct queued *queued)
{
	return (struct queue_item){
		.id = queued->id, .size = queued->size, .suspect = queued->suspect, .came = queued->came};
}

bool fair_queue_find(const struct fair_queue *queue, const char *id, struct queue_item *item)
{
	const struct queued *queued = (const struct queued *)(const void *)table_find(&queue->items, id);
	if (queued != NULL && item != NULL)
		*item = item_of(queued);
	return queued != NULL;
}

bool fair_queue_leave(struct fair_queue *queue, const char *id)
{
	struct entry *entry = table_find(&queue->items, id);
	if (entry != NULL)
		end_queued(queue, (struct queued *)(void *)entry);
	return entry != NULL;
}

/* NULL: no upload is queued for the step. */
static struct queued *first(const struct fair_queue *queue, size_t step)
{
	struct heap_item *space = heap_first(&queue->root[step]->members);
	if (space == NULL)
		return NULL;
	struct heap_item *user = heap_first(&CONTAINER_OF(space, struct flow, service)->members);
	return CONTAINER_OF(heap_first(&CONTAINER_OF(user, struct flow, service)->members), struct queued, order);
}

bool fair_queue_first(const struct fair_queue *queue, size_t step, struct queue_item *item)
{
	const struct queued *queued = first(queue, step);
	if (queued == NULL)
		return false;
	*item = item_of(queued);
	return true;
}

/* Counts a turn for a user and its space. */
static void charge(struct flow *flow, int64_t bytes)
{
	for (; flow->parent != NULL; flow = flow->parent) {
		struct flow *parent = flow->parent;
		if (flow->service.key > parent->virtual_time)
			parent->virtual_time = flow->service.key;
		flow->turns++;
		flow->service.key += bytes;
		if (flow->service.place != 0)
			heap_set(&parent->members, &flow->service, flow->service.key);
	}
}

struct flow *fair_queue_serve(struct fair_queue *queue, size_t step)
{
	struct queued *queued = first(queue, step);
	if (queued == NULL)
		return NULL;
	struct flow *user = queued->user;
	charge(user, TURN_BYTES + queued->size);
	end_queued(queue, queued);
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
		flow->turns--;
	settle(queue, user);
}

size_t fair_queue_count(const struct fair_queue *queue)
{
	return queue->items.count;
}

size_t fair_queue_length(const struct fair_queue *queue, size_t step)
{
	return queue->root[step]->length;
}

const void *fair_queue_next(const struct fair_queue *queue, size_t step, const void *after, struct queue_item *item)
{
	const struct queued *queued = after;
	do
		queued = (const struct queued *)(const void *)table_next(&queue->items, queued != NULL ? &queued->entry : NULL);
	while (queued != NULL && queued->user->parent->parent != queue->root[step]);
	if (queued != NULL)
		*item = item_of(queued);
	return queued;
}
