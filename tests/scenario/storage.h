/* SPDX-License-Identifier: Apache-2.0
 * What storage and the other services publish on the bus, as they would publish it. */
#ifndef TESTS_SCENARIO_STORAGE_H
#define TESTS_SCENARIO_STORAGE_H

#include "tests/scenario/scenario.h"

/* These are carried over to every event of an upload. */
#define STORAGE_TRACEPARENT "00-cce37da908c0ef28522511ae4ccbb827-692551b2e3fbee02-00"
#define STORAGE_INITIATOR "initiator-7"
#define STORAGE_EXTRAINFO "{\"mfa-authenticated\":[\"true\"]}"
#define STORAGE_FILENAME "\xc3\xbc \"a&b\".txt"

/* Publishes bytes unchanged, until the broker has stored them; `id` (its Nats-Msg-Id) may be NULL. */
void storage_send(struct scenario *scenario, const char *id, const void *bytes, size_t length);
/* Publishes an event; takes over `payload`. */
void storage_say(struct scenario *scenario, const char *type, json_t *payload);
/* The same with a payload that jansson could not write. */
void storage_say_text(struct scenario *scenario, const char *type, const char *payload);
/* The same with the other fields of an envelope: from the corpus, or invalid ones. Takes over both. */
void storage_say_with(struct scenario *scenario, json_t *envelope, json_t *payload);

/* The URL of a path of the storage's server, with a secret in it. Returns text. */
#define STORAGE_URL_SIZE 256
char *storage_url(const struct scenario *scenario, const char *path, char text[STORAGE_URL_SIZE]);

/* All bytes of an upload have arrived: `size` bytes, at `path` of the storage's server. */
void storage_bytes_received(struct scenario *scenario, const char *upload, const char *path, size_t size);
void storage_upload_ready(struct scenario *scenario, const char *upload, bool failed);
/* The answer of a service on the bus that has done a step; outcome and error as on the wire. */
void storage_step_finished(struct scenario *scenario, const char *upload, const char *step, const char *outcome);
/* What the resume command publishes: by ID, or by step with an ID of "". */
void storage_resume(struct scenario *scenario, const char *upload, const char *step);
/* What storage's commands publish: the upload is removed, or is to be restarted. */
void storage_clean(struct scenario *scenario, const char *upload);
void storage_restart(struct scenario *scenario, const char *upload);

/* Publishes BytesReceived and waits for PostprocessingFinished with this outcome. */
void storage_expect(struct scenario *scenario, const char *upload, const char *path, size_t size, const char *outcome);
/* Waits for the upload's only PostprocessingFinished and checks its payload field by field. */
void storage_check_finished(struct scenario *scenario, const char *upload, const char *outcome);

/* The user that the events name; a new reference. */
json_t *storage_user(void);
json_t *storage_resource(void);

#endif
