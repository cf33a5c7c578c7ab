/* SPDX-License-Identifier: Apache-2.0
 * The record: the durable state of an upload in the key-value bucket. The format is that of the other implementations,
 * with an additional key "StepHost" for our own data, which they ignore:
 *
 *   value = {"key":ID,"data":base64(record),"metadata":null}
 *   record = {"ID","URL","User","ImpersonatingUser","Filename","Filesize","ResourceID","Steps":[…],
 *             "Status":{"CurrentStep","Outcome"},"Failures","InitiatorID","Finished","StartTime","StepHost":{…}}
 */
#ifndef CORE_UPLOAD_RECORD_H
#define CORE_UPLOAD_RECORD_H

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/upload/history.h"
#include "core/upload/upload.h"

#define OWNER_LIMIT 128
#define WRITER_LIMIT 33

struct record {
	struct upload *upload; /* one reference of ours */
	struct status status;
	char *result;              /* JSON text of a Result: of the finished step while the transition publishes it, or of
	                              the step that ended the upload; else NULL */
	char *history;             /* what the steps before said, see history.h; NULL: nothing */
	char owner[OWNER_LIMIT];   /* the instance that is responsible for it */
	char writer[WRITER_LIMIT]; /* the process that wrote it */
	bool foreign;              /* written by another implementation, without a usable StepHost */
	bool stepless; /* it has no steps and no current step: the upload has not begun, see record_give_steps() */
};

#define RECORD_VALUE_LIMIT ((size_t)4 << 20)
/* A larger Result of the step that ended the upload is published but not kept in the record. */
#define RECORD_RESULT_LIMIT HISTORY_RESULT_LIMIT
/* How deeply it may be nested. */
#define RECORD_RESULT_DEPTH (JSON_DEPTH_LIMIT / 2)

/* Appends the value for the bucket. */
void record_encode(struct text *value, const struct record *record);

enum record_verdict {
	RECORD_TAKEN,
	RECORD_BROKEN, /* not a valid record */
	RECORD_UNREAD  /* out of memory */
};

/* Reads a value. RECORD_TAKEN: the caller releases the record with record_clear(). Otherwise why[size] has the reason,
 * and `record` is empty. A foreign record gets the phase that its members imply, and due 0. */
enum record_verdict record_decode(const char *value, size_t length, struct record *record, char *why, size_t size);

/* Gives these steps to a stepless record, which is then in the first of them; without steps, it ends with `continue`.
 * Before this call its outcome is `abort`, so that nothing passes if the call is missing. Other records do not change.
 * False: out of memory. */
bool record_give_steps(struct record *record, const char *const *step, size_t count);

/* The step whose Result is `result`: the finished one while its Result is published, or the one that ended the upload.
 * step_count: none. */
size_t record_result_step(const struct upload *upload, const struct status *status);
/* The history together with that Result; NULL: it is empty. The caller frees it. */
char *record_history(const struct record *record);

void record_clear(struct record *record);
/* Moves a record to newly allocated memory, to be released with record_free(). `record` is empty afterwards. */
struct record *record_move(struct record *record);
void record_free(struct record *record); /* NULL is fine */

/* The size of the longest key, including the terminator; `table` (NULL: none) may be as long as an ID. */
#define RECORD_KEY_SIZE 832
/* The key of an upload's record: base32 of ID or <table>_<ID>. */
void record_key(const char *table, const char *id, char key[RECORD_KEY_SIZE]);

#endif
