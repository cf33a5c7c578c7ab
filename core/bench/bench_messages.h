/* SPDX-License-Identifier: Apache-2.0
 * What `bench` says on the bus: events as large as real ones, each made once, into which the ID of an upload is stamped.
 * Of what comes back it finds the upload without parsing: by `initiatorid`, which a service carries on unchanged. */
#ifndef CORE_BENCH_BENCH_MESSAGES_H
#define CORE_BENCH_BENCH_MESSAGES_H

#include <stdint.h>

#include "core/base/text.h"
#include "core/upload/upload.h"

/* An upload's ID: the number of its run, and its place in it. */
#define BENCH_ID_SIZE 37
void bench_id(char id[BENCH_ID_SIZE], uint32_t run, size_t index);
/* False: the message is about no upload of a benchmark. */
bool bench_find_id(const char *message, size_t length, uint32_t *run, size_t *index);

/* Bytes of a payload that hold the ID, {"UploadID":"…", in whole groups of base64. */
#define BENCH_HEAD 51

struct bench_message {
	struct text text;
	char *initiator, *payload; /* where the ID goes */
	struct text digits;        /* of the payload's head */
};

/* What an upload looks like, all but its ID: of one user in one space, as large as a real one. The texts that are made
 * for it lie in `room`. */
struct bench_room {
	char user[256], resource[256];
};
struct upload bench_upload(const char *id, size_t space, struct bench_room *room);

/* Encodes with ID 0 of run 0 and finds the places. False: out of memory. The caller frees it either way. `step`: for
 * PostprocessingStepFinished. */
enum bench_kind { BENCH_BYTES_RECEIVED, BENCH_UPLOAD_READY, BENCH_STEP_FINISHED, BENCH_START_STEP, BENCH_FINISHED };
bool bench_message_make(struct bench_message *message, enum bench_kind kind, const struct upload *fields, const char *step);
void bench_message_free(struct bench_message *message);

/* From now on it is about this upload. */
void bench_message_stamp(struct bench_message *message, const char *id);

/* An event that concerns no step host, one of several real ones. Appended to an empty text. */
#define BENCH_NOISE_KINDS 5
void bench_noise_make(struct text *message, size_t kind);

#endif
