/* SPDX-License-Identifier: Apache-2.0
 * The messages of a benchmark: events as large as real ones, each encoded once, into which the ID of an upload is
 * stamped. The upload of an event that comes back is found without parsing, by its `initiatorid`, which a service
 * passes on unchanged. */
#ifndef CORE_BENCH_MESSAGES_H
#define CORE_BENCH_MESSAGES_H

#include <stdint.h>

#include "core/base/text.h"
#include "core/upload/upload.h"

/* An upload's ID: the number of its run, and its index in it. */
#define BENCH_ID_SIZE 37
void bench_id(char id[BENCH_ID_SIZE], uint32_t run, size_t index);
/* False: the message is not about an upload of a benchmark. */
bool bench_find_id(const char *message, size_t length, uint32_t *run, size_t *index);

/* Is it an event of this type, BENCH_TYPE("BytesReceived") for example? */
#define BENCH_TYPE(name) "\"events." name "\""
bool bench_is_of_type(const char *message, size_t length, const char *type);

/* The sequence in the broker's answer to a publish; 0: the message was not stored. The answer ends with a NUL. */
uint64_t bench_stored_sequence(const char *answer, size_t length);

/* The first bytes of a payload, which hold the ID, {"UploadID":"…", as whole groups of base64. */
#define BENCH_HEAD 51

struct bench_message {
	struct text text;
	char *initiator, *payload; /* where the ID goes */
	struct text digits;        /* of the payload's head */
};

/* The fields of an upload of one user in one space, as large as real ones. Some of them point into `room`. */
struct bench_room {
	char user[256], resource[256];
};
struct upload bench_upload(const char *id, size_t space, struct bench_room *room);

/* Encodes the message with ID 0 of run 0 and finds where the ID is. `step`: for PostprocessingStepFinished and
 * StartPostprocessingStep. False: out of memory. The caller frees it in both cases. */
enum bench_kind { BENCH_BYTES_RECEIVED, BENCH_UPLOAD_READY, BENCH_STEP_FINISHED, BENCH_START_STEP, BENCH_FINISHED };
bool bench_message_make(struct bench_message *message, enum bench_kind kind, const struct upload *fields,
                        const char *step);
void bench_message_free(struct bench_message *message);

/* Puts the ID of an upload into it. */
void bench_message_stamp(struct bench_message *message, const char *id);

/* An event that the service ignores, one of several real ones. Appended to an empty text. */
#define BENCH_NOISE_KINDS 5
void bench_noise_make(struct text *message, size_t kind);

#endif
