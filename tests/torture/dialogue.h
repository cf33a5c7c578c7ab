/* SPDX-License-Identifier: Apache-2.0
 * What an instance and the broker send each other on one connection, classified by its meaning for an upload. */
#ifndef TESTS_TORTURE_DIALOGUE_H
#define TESTS_TORTURE_DIALOGUE_H

#include "tests/torture/frame.h"
#include "tests/torture/ledger.h"

/* The points of the protocol, in the order in which an upload passes them. */
enum point {
	POINT_EVENT,     /* delivered to the instance */
	POINT_WRITE,     /* a record is sent */
	POINT_TAKE_OVER, /* … of an upload that another instance wrote last */
	POINT_WRITTEN,   /* the broker reports that it has stored the record */
	POINT_REFUSED,   /* the broker reports that another instance has written since */
	POINT_PUBLISH,   /* an event is sent */
	POINT_PUBLISHED,
	POINT_ACKNOWLEDGE, /* the event's acknowledgement is sent */
	POINT_DELETE,      /* the record's deletion is sent */
	POINT_DELETED,
	POINT_SIGN, /* a sign of life is sent */
	POINTS      /* anything else */
};
const char *point_name(enum point point);
/* Whether it is a report of the broker that something was done. */
bool point_is_answer(enum point point);

/* A request in progress, by the slot in its reply subject. */
struct question {
	unsigned generation;
	enum point point; /* of its answer; POINTS: none */
	size_t index;     /* of a record's upload; SIZE_MAX: none */
	struct stand stand;
};

struct dialogue {
	struct ledger *ledger;
	unsigned instance;
	struct question *question;
	size_t count;
};

void dialogue_end(struct dialogue *dialogue);

/* The point of the protocol that this frame is. */
enum point dialogue_name(struct dialogue *dialogue, const struct frame *frame, bool from_broker);

#endif
