/* SPDX-License-Identifier: Apache-2.0
 * The uploads that wait for a turn in a step, one queue for each step.
 *
 * The queue is fair, in bytes. A turn goes to the space that has received the least service, and within it to the user
 * that has received the least; a turn costs the size of its upload and 64 KiB. This is start-time fair queueing: a flow
 * (a space or a user) that was away begins with the service of the flow that is being served, so that it neither owes
 * nor is owed anything for the time of its absence. Among the uploads of one user, a small one passes larger ones that
 * came up to 20 s for each GB before it; so none is passed for ever.
 *
 * A million uploads can wait in front of a slow step, so what is kept of each is compact: about 120 bytes with a UUID
 * as its ID, where a record costs kilobytes. Joining and serving take logarithmic time. */
#ifndef CORE_COORDINATOR_FAIR_QUEUE_H
#define CORE_COORDINATOR_FAIR_QUEUE_H

#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/heap.h"
#include "core/base/table.h"

/* Longer names of spaces and users are cut, and share their turns if they are equal then. */
#define FAIR_QUEUE_NAME_LIMIT 128
/* Larger uploads count as uploads of this size. */
#define FAIR_QUEUE_SIZE_LIMIT ((int64_t)1 << 40)

struct fair_queue {
	struct table items; /* by upload */
	struct table flows; /* spaces and users, by step and name */
	struct flow **root; /* of each step */
	size_t count;       /* of steps */
};

/* One upload in a queue. */
struct queue_item {
	const char *id;
	const char *space, *user; /* given to fair_queue_join() and fair_queue_pass(); NULL in what the queue returns */
	int64_t size;             /* bytes */
	/* Kept for the caller: */
	bool suspect;
	nanos came;
};

void fair_queue_init(struct fair_queue *queue, size_t steps);
/* From now on there are at least so many steps. */
void fair_queue_extend(struct fair_queue *queue, size_t steps);
void fair_queue_free(struct fair_queue *queue);

/* Queues an upload for a step. It must not be queued already. Copies everything. */
void fair_queue_join(struct fair_queue *queue, size_t step, const struct queue_item *item, nanos now);
/* Whether the upload is queued, for any step, and what is kept of it (item NULL: not wanted). item->id is valid until
 * the upload leaves. */
bool fair_queue_find(const struct fair_queue *queue, const char *id, struct queue_item *item);
/* Removes the upload without a turn. False: it is not queued. */
bool fair_queue_leave(struct fair_queue *queue, const char *id);

/* The upload that is next in the step. item->id is valid until the upload leaves. False: the queue is empty. */
bool fair_queue_first(const struct fair_queue *queue, size_t step, struct queue_item *item);
/* Gives that upload its turn and removes it. Its size counts as service of its space and its user for as long as they
 * have queued uploads or turns. Returns the user, for fair_queue_over(). NULL: the queue is empty. */
struct flow *fair_queue_serve(struct fair_queue *queue, size_t step);
/* The same for an upload that was not queued. */
struct flow *fair_queue_pass(struct fair_queue *queue, size_t step, const struct queue_item *item);
/* A turn of the user is over. */
void fair_queue_over(struct fair_queue *queue, struct flow *user);

/* Uploads in the queues of all steps, and in that of one step. */
size_t fair_queue_count(const struct fair_queue *queue);
size_t fair_queue_length(const struct fair_queue *queue, size_t step);

/* From one upload in the step's queue to the next, in no order, after NULL to the first; NULL: there are no more. No
 * upload may join or leave meanwhile. item->id is valid until the upload leaves. */
const void *fair_queue_next(const struct fair_queue *queue, size_t step, const void *after, struct queue_item *item);

#endif
