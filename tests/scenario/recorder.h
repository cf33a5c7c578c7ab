/* SPDX-License-Identifier: Apache-2.0
 * Everything in the stream `main-queue`, in order. It is read from the stream itself and not from a subscription, so
 * that nothing is missed while the broker is away. */
#ifndef TESTS_SCENARIO_RECORDER_H
#define TESTS_SCENARIO_RECORDER_H

#include <jansson.h>
#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"

struct recorded {
	uint64_t sequence;
	nanos time;         /* the broker's, when it was stored */
	bool ours;          /* the service published it: it has a Nats-Msg-Id and is neither the test's nor … */
	bool announced;     /* … the announcement of a step that the service does itself */
	char *id;           /* its Nats-Msg-Id; NULL: none */
	json_t *envelope;   /* NULL: not JSON */
	json_t *payload;    /* NULL: none, or unreadable */
	char *text;         /* of the payload; NULL: none */
	const char *type;   /* without "events."; "" if it has none; borrowed */
	const char *upload; /* its UploadID; "" if it has none; borrowed */
};

struct recorder {
	jsCtx *js; /* borrowed */
	struct recorded *message;
	size_t count, size;
};

/* The beginning of the Nats-Msg-Id of what the test publishes. */
#define RECORDER_TEST_ID "test."

void recorder_free(struct recorder *recorder);

/* Reads new messages. */
void recorder_update(struct recorder *recorder);

/* A type for the functions below that no event has: the announcements, which are otherwise ignored. */
#define RECORDER_ANNOUNCEMENT "announcement"

/* How many of a type (NULL: any) the service has published for an upload (NULL: any), among the messages read so
 * far. */
size_t recorder_count(const struct recorder *recorder, const char *type, const char *upload);

/* The one with number `index` of those, from 0; NULL: none yet. Valid until the next update. */
const struct recorded *recorder_find(const struct recorder *recorder, const char *type, const char *upload,
                                     size_t index);

/* Waits for it, and fails the test if it does not come. */
const struct recorded *recorder_await(struct recorder *recorder, const char *type, const char *upload, size_t index);

/* The string of a key in its payload; fails the test if there is none. */
const char *recorded_string(const struct recorded *recorded, const char *key);

#endif
