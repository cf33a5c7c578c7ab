/* SPDX-License-Identifier: Apache-2.0
 * The uploads that wait for their turn in a step: one line for each step, all of them compact, so that a million cost
 * little more than a hundred bytes each.
 *
 * A line is fair. The next turn is that of the space that has had the least so far, and in it of the user that has had
 * the least; what has been had is counted in bytes. Among one user's uploads a small one passes large ones that came
 * shortly before it, and the larger they are the longer; none is passed for ever. */
#ifndef CORE_COORDINATOR_LINES_H
#define CORE_COORDINATOR_LINES_H

#include <stdint.h>

#include "core/base/table.h"
#include "core/base/timers.h"

/* Longer names are cut: those who share the rest share their turns. */
#define LINES_NAME_LIMIT 128
/* Larger uploads count as being of this size. */
#define LINES_SIZE_LIMIT ((int64_t)1 << 40)

struct lines {
	struct table places; /* by upload */
	struct table groups; /* spaces and users, by line and name */
	struct group *line;  /* one for each step */
	size_t count;
};

/* One who stands in a line. */
struct place {
	const char *id;
	const char *space, *user;
	int64_t size;        /* bytes */
	/* Kept for the caller: */
	bool suspect;
	nanos came;
};

/* False: out of memory. */
bool lines_init(struct lines *lines, size_t steps);
void lines_free(struct lines *lines);

/* Stands in a step's line from now on; it must stand in none. Copies everything. False: out of memory. */
bool lines_join(struct lines *lines, size_t step, const struct place *place, nanos now);
/* Does it stand in a line? */
bool lines_has(const struct lines *lines, const char *id);
/* The same, with its place; space and user are NULL. */
bool lines_find(const struct lines *lines, const char *id, struct place *place);
/* False: it stands in none. */
bool lines_leave(struct lines *lines, const char *id);

/* Whose turn is next in the step's line. `id` may be used until that one leaves; space and user are NULL. False: the line is empty. */
bool lines_first(const struct lines *lines, size_t step, struct place *place);
/* Gives that one its turn: it leaves, and its size counts as what its space and its user have had, for as long as they
 * have something in the line or its turn is not over. Returns who has it, for lines_over(). */
struct group *lines_serve(struct lines *lines, size_t step);
/* Gives one its turn that did not stand in line. NULL: there is no memory to count it. */
struct group *lines_pass(struct lines *lines, size_t step, const struct place *place);
/* The turn is over. NULL is fine. */
void lines_over(struct lines *lines, struct group *user);

/* In all lines, and in a step's. */
size_t lines_count(const struct lines *lines);
size_t lines_length(const struct lines *lines, size_t step);

/* From one who stands in the step's line to the next, in no order, after NULL to the first one; NULL: there are no more.
 * Nobody may join or leave meanwhile. `id` may be used until that one leaves; space and user are NULL. */
const void *lines_next(const struct lines *lines, size_t step, const void *after, struct place *place);

#endif
