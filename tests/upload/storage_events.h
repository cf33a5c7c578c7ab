/* SPDX-License-Identifier: Apache-2.0
 * The 50 messages of tests/data/storage-events.jsonl, as a real storage and the original service sent them, and
 * those of tests/data/wire-2026.jsonl, written after the sources of today's servers. */
#ifndef TESTS_UPLOAD_STORAGE_EVENTS_H
#define TESTS_UPLOAD_STORAGE_EVENTS_H

#include <jansson.h>
#include <stddef.h>

#define STORAGE_EVENTS 50
#define STORAGE_EVENTS_2026 3 /* BytesReceived, CleanUpload and UploadReady of one upload */

struct storage_events {
	size_t count;
	char *line[STORAGE_EVENTS];
	json_t *envelope[STORAGE_EVENTS];
	json_t *payload[STORAGE_EVENTS];  /* decoded */
	const char *type[STORAGE_EVENTS]; /* "BytesReceived" … */
};

/* Fails the test unless the number of messages is right. */
void storage_events_open(struct storage_events *events);
void storage_events_open_2026(struct storage_events *events);
void storage_events_close(struct storage_events *events);

/* The first message of this type, from `from` on, about this upload (NULL: any); STORAGE_EVENTS: none. */
size_t storage_events_find(const struct storage_events *events, const char *type, const char *upload_id, size_t from);

#endif
