/* SPDX-License-Identifier: Apache-2.0
 * Playing the storage provider for local files: serves their bytes, announces them, follows what the service does
 * with them and confirms the end. */
#ifndef CORE_CLIENT_SUBMISSION_H
#define CORE_CLIENT_SUBMISSION_H

#include <stdio.h>

#include "core/client/client.h"
#include "core/base/encoding.h"

struct submission_options {
	const char *addr;  /* where to serve the files, HOST:PORT; NULL: a free port of 127.0.0.1 … */
	const char *url;   /* … and how the service reaches that, see file_server_start(); NULL: as it is */
	nanos timeout;    /* 0: without a limit */
	FILE *progress;    /* each step as it goes; NULL: nothing is shown */
};

struct submitted {
	const char *path;
	const char *name;      /* shown, and announced */
	/* Filled in: */
	char id[UUID_SIZE];
	int64_t size;
	enum outcome outcome;
	char detail[200];      /* the virus' name, why a step failed; "" */
	char error[600];       /* "": none */
	nanos took;
	/* the submission's own: */
	struct upload *upload;
	nanos started;         /* monotonic */
	bool seen;             /* a service has taken it */
	bool over;
	char said[400];        /* the last progress line */
};

/* Until all have ended, or SIGINT, SIGTERM or SIGHUP comes: what has not ended then is withdrawn, because its bytes are not to be
 * had any more, and *signal_number is that signal; else 0. False: it could not be done at all, with a message on stderr; what
 * went wrong with one file only is in its `error`. */
bool submission_run(struct client *client, const struct submission_options *options, struct submitted *file, size_t count,
                    int *signal_number);

#endif
