/* SPDX-License-Identifier: Apache-2.0
 * The uploads that wait for their turn in a step: one line for each step, all of them compact, so that a million cost
 * little more than a hundred bytes each.
 *
 * A line is fair. The next turn is that of the space that has had the least so far, and in it of the user that has had
 * the least; what has been had is counted in bytes. Among one user's uploads a small one passes large ones that came
 * shortly before it, and the larger they are the longer; none is passed for ever. */
#ifndef CORE_COORDINATOR_FAIR_QUEUE_H
#define CORE_COORDINATOR_FAIR_QUEUE_H

#include <stdint.h>

#include "core/base/table.h"
#include "core/base/timers.h"

/* Longer names are cut: those who share the rest share their turns. */
#define FAIR_QUEUE_NAME_LIMIT 128
/* Larger uploads count as being of this size. */
#define FAIR_QUEUE_SIZE_LIMIT ((int64_t)1 << 40)

struct fair_queue {
	struct table items; /* by upload */
	struct table flows; /* spaces and users, by line and name */
	struct flow *line;  /* one for each step */
	size_t count;
};

/* One who stands in a line. */
struct queue_item {
	const char *id;
	const char *space, *user;
	int64_t size;        /* bytes */
	/* Kept for the caller: */
	bool suspect;
	nanos came;
};

void fair_queue_init(struct fair_queue *queue, size_t steps);
void fair_queue_free(struct fair_queue *queue);

/* Stands in a step's line from now on; it must stand in none. Copies everything. */
void fair_queue_join(struct fair_queue *queue, size_t step, const struct queue_item *item, nanos now);
/* Does it stand in a line? */
bool fair_queue_has(const struct fair_queue *queue, const char *id);
/* The same, with its place; space and user are NULL. */
bool fair_queue_find(const struct fair_queue *queue, const char *id, struct queue_item *item);
/* False: it stands in none. */
bool fair_queue_leave(struct fair_queue *queue, const char *id);

/* Whose turn is next in the step's line. `id` may be used until that one leaves; space and user are NULL. False: the line is empty. */
bool fair_queue_first(const struct fair_queue *queue, size_t step, struct queue_item *item);
/* Gives that one its turn: it leaves, and its size counts as what its space and its user have had, for as long as they
 * have something in the line or its turn is not over. Returns who has it, for fair_queue_over(). */
struct flow *fair_queue_serve(struct fair_queue *queue, size_t step);
/* Gives one its turn that did not stand in line. Returns who has it. */
struct flow *fair_queue_pass(struct fair_queue *queue, size_t step, const struct queue_item *item);
/* The turn is over. */
void fair_queue_over(struct fair_queue *queue, struct flow *user);

/* In all lines, and in a step's. */
size_t fair_queue_count(const struct fair_queue *queue);
size_t fair_queue_length(const struct fair_queue *queue, size_t step);

/* From one who stands in the step's line to the next, in no order, after NULL to the first one; NULL: there are no more.
 * Nobody may join or leave meanwhile. `id` may be used until that one leaves; space and user are NULL. */
const void *fair_queue_next(const struct fair_queue *queue, size_t step, const void *after, struct queue_item *item);

#endif
