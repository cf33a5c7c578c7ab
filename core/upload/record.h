/* SPDX-License-Identifier: Apache-2.0
 * The record: an upload's durable state, as it lies in the KV bucket. The format is the other
 * implementations' own, with what only we know under one key more, "StepHost", which they ignore:
 *
 *   value = {"key":ID,"data":base64(record),"metadata":null}
 *   record = {"ID","URL","User","ImpersonatingUser","Filename","Filesize","ResourceID","Steps":[…],
 *             "Status":{"CurrentStep","Outcome"},"Failures","InitiatorID","Finished","StartTime","StepHost":{…}}
 */
#ifndef CORE_UPLOAD_RECORD_H
#define CORE_UPLOAD_RECORD_H

#include "core/base/text.h"
#include "core/upload/upload.h"

#define OWNER_LIMIT 128
#define WRITER_LIMIT 33

struct record {
	struct upload *upload; /* one reference of ours */
	struct status status;
	char *result;          /* JSON text of a step's Result: of the finished one, while the transition publishes it, or of the one
	                          that ended the upload; else NULL */
	char owner[OWNER_LIMIT]; /* the instance that looks after it */
	char writer[WRITER_LIMIT]; /* the process that wrote it */
	bool foreign;          /* written by another implementation: nothing of use under StepHost */
	bool stepless;         /* it lists no steps and is in none: the upload has not begun, see record_give_steps() */
};

#define RECORD_VALUE_LIMIT ((size_t)4 << 20)
/* A larger Result of the step that ended the upload is published, and not kept for people. */
#define RECORD_RESULT_LIMIT ((size_t)4 << 10)

/* Appends the value for the bucket. */
void record_encode(struct text *value, const struct record *record);

enum record_verdict {
	RECORD_TAKEN,
	RECORD_BROKEN, /* it is no record */
	RECORD_UNREAD  /* there was no memory to read it */
};

/* Reads a value. All but RECORD_TAKEN with the reason in why[size], and `record` is then empty; otherwise the caller ends
 * it with record_clear(). A foreign record gets the phase that its fields imply, and due 0. */
enum record_verdict record_decode(const char *value, size_t length, struct record *record, char *why, size_t size);

/* A stepless record gets these steps, and is in the first of them; without any it ends with `continue`. Until then it says
 * `abort`, so that nothing passes if this is forgotten. Other records stay as they are. False: out of memory. */
bool record_give_steps(struct record *record, const char *const *step, size_t count);

void record_clear(struct record *record);
/* Moves a record into memory of its own, which record_free() ends. `record` is empty then. */
struct record *record_move(struct record *record);
void record_free(struct record *record); /* NULL is fine */

/* Largest key, terminator included; `table` (NULL: none) may have as many bytes as an ID. */
#define RECORD_KEY_SIZE 832
/* The key under which an upload's record lies: base32 of ID or <table>_<ID>. */
void record_key(const char *table, const char *id, char key[RECORD_KEY_SIZE]);

#endif
