/* SPDX-License-Identifier: Apache-2.0
 * Acts as the storage service for local files: serves their bytes, announces them, follows their processing, and
 * confirms its end. */
#ifndef CORE_CLIENT_SUBMISSION_H
#define CORE_CLIENT_SUBMISSION_H

#include <stdio.h>

#include "core/base/encoding.h"
#include "core/client/client.h"

struct submission_options {
	const char *addr; /* where to serve the files, HOST:PORT; NULL: a free port on 127.0.0.1 */
	const char *url;  /* the URL at which the service reaches it, see file_server_start(); NULL: the address itself */
	nanos timeout;    /* 0: without a limit */
	FILE *progress;   /* where to show the progress; NULL: nowhere, but standard error has what needs a decision */
};

struct submitted {
	const char *path;
	const char *name; /* shown and announced */
	/* Filled in: */
	char id[UUID_SIZE];
	int64_t size;
	enum outcome outcome;
	char detail[600]; /* see end_detail(); before the record is seen, the find of a scanner; "" */
	char error[600];  /* "": none */
	nanos took;
	/* Internal: */
	struct upload *upload;
	nanos started;                              /* monotonic */
	bool seen;                                  /* a service has accepted it */
	bool explained;                             /* its record at its end was seen */
	char queued_in[UPLOAD_STEP_NAME_LIMIT + 1]; /* the step that the last record said it was queued in; "" */
	bool over;
	char said[400]; /* the last progress line */
};

/* Runs until all files have ended, or SIGINT, SIGTERM or SIGHUP arrives. Unfinished files are withdrawn then, because
 * their bytes are no longer served. *signal_number: the signal, or 0. False: the submission failed, with a message on
 * stderr. Errors of individual files are in their `error`. */
bool submission_run(struct client *client, const struct submission_options *options, struct submitted *file,
                    size_t count, int *signal_number);

#endif
