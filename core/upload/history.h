/* SPDX-License-Identifier: Apache-2.0
 * What the steps that have ended on an upload said. It is part of the record: later steps can ask for it, and `show`
 * prints it.
 *
 *   history = [{"step":NAME,"passed":true,"reason":TEXT,"verdict":WORD,"details":{…},"result":…,"omitted":true}, …]
 *
 * A step that ended with `continue` and said nothing has no entry, so most records have no history. "passed": the
 * upload continued without a verdict of the step. "omitted": what it said was too long to be kept.
 *
 * The result of the step that has just ended, or that ended the upload, is not in it while the record has that anyway:
 * see record_history(). */
#ifndef CORE_UPLOAD_HISTORY_H
#define CORE_UPLOAD_HISTORY_H

#include "core/base/json.h"

/* Beyond the first limit, the results and then the details of further steps are left out; beyond the second, their
 * entries. */
#define HISTORY_SAID_LIMIT ((size_t)16 << 10)
#define HISTORY_LIMIT ((size_t)32 << 10)
/* Longer results are left out. */
#define HISTORY_RESULT_LIMIT ((size_t)4 << 10)

struct history_entry {
	const char *step;
	bool whole; /* replaces what the history has of the step */
	bool passed;
	const char *reason;                     /* for `passed`; else not used */
	const char *verdict, *details, *result; /* the last two are JSON texts; NULL: none */
};

/* The history (NULL: empty) with what this entry says of its step, which may be in it already. NULL: it is empty. The
 * caller frees it. */
char *history_add(const char *history, const struct history_entry *entry);

/* What the history (NULL: empty) has of a step; values that are missing have no text. False: nothing. */
struct history_values {
	struct json_value passed, reason, verdict, details, result, omitted;
};
bool history_find(const char *history, const char *step, struct history_values *values);

#endif
