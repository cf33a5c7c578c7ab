/* SPDX-License-Identifier: Apache-2.0
 * The audit log: one JSON object in a line for each act of people, or of a time limit, on an upload.
 *
 *   {"time":…,"act":…,"upload":…,"step":…,"user":…,"outcome":…,"reason":…,"event":N,"instance":…,"host":…}
 *
 * What is unknown is null. The file is opened for each line, so that it can be renamed at any time, and only appended
 * to, with one write and fdatasync(). Any number of processes can write to it. A line that cannot be written is logged
 * as an error, with the line. */
#ifndef CORE_BASE_AUDIT_H
#define CORE_BASE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/base/readiness.h"

#define AUDIT_ERROR_SIZE 512
#define AUDIT_RETRY_INTERVAL (10 * SECOND)

struct audit_act {
	nanos time;
	const char *act; /* "held", … */
	/* NULL or "": unknown. */
	const char *upload, *step;
	const char *user;    /* who did it; a time limit has none */
	const char *outcome; /* that the act gave the upload */
	const char *reason;
	uint64_t event; /* the number in the stream of the event that carried the act; 0: none */
	bool again;     /* that event may have come before: nothing is written if the file has a line of this act with it */
	const char *instance; /* of the service; a command has none */
};

/* The line, with its line feed; the caller frees it. NULL: out of memory. */
char *audit_line(const struct audit_act *act);
/* Appends a line; "" only tries whether the file can be opened. A file that is created is readable for its owner only,
 * which is the owner of its folder if root creates it. False: failed; `error` has the reason. */
bool audit_append(const char *path, const char *line, char error[AUDIT_ERROR_SIZE]);

/* For a service: writes lines on a thread of its own. A path that is set is tried at once: if the file cannot be
 * created or opened, an error is logged, and it is tried again from time to time. */
struct audit;
/* path: NULL if there is no audit log. `failed` counts the lines that could not be written. `writable` (NULL: none) is
 * good if the file could be opened and the last line could be written. Borrows log, counter and fact. NULL: no
 * thread. */
struct audit *audit_create(const char *path, const struct log *log, struct counter *failed, struct fact *writable);
/* Writes the lines that are left. NULL is fine. */
void audit_destroy(struct audit *audit);
/* The two functions below may be called by any thread. The first has the file opened, also if the path is the same. */
void audit_set_path(struct audit *audit, const char *path);
/* Copies what it needs. Does not wait. The line goes to the path that is set now, whatever is set before it is written.
 * Without one it is dropped. */
void audit_note(struct audit *audit, const struct audit_act *act);

#endif
