/* SPDX-License-Identifier: Apache-2.0
 * The bytes of the upload of one run, as they come from the service: with the request, in packets, by a pipe, or as a
 * file that holds all of them. */
#ifndef CORE_WORKER_INCOMING_H
#define CORE_WORKER_INCOMING_H

#include "core/abi/protocol.h"

struct incoming {
	uint64_t run;
	bool read; /* read() was called */
	nanos deadline;
	enum { INCOMING_ASK, INCOMING_HERE, INCOMING_PIPE, INCOMING_FILE, INCOMING_ENDED, INCOMING_FAILED } state;
	int64_t position; /* of read() */
	bool whole;       /* all bytes are in memory: */
	const void *bytes;
	size_t length;
	unsigned requests, streams; /* what the service was asked for in this run */
	int pipe;                   /* -1: none */
	int file;                   /* the module's, too; -1: none */
	int64_t size;               /* of the file */
	char digest[65];            /* "": not known */
	char *chunk;
	bool noted; /* the end of the stream came while something else was awaited: */
	bool noted_error;
	struct channel_buffer buffer; /* for packets; the facts of the run are in the session's */
	char error[512];
};

/* The bytes in `message` are borrowed. */
void incoming_init(struct incoming *incoming, uint64_t run, const struct run_message *message);
void incoming_free(struct incoming *incoming);

/* As the members of pp_host. */
ssize_t incoming_read(struct incoming *incoming, const void **bytes);
const char *incoming_error(const struct incoming *incoming);
int incoming_rewind(struct incoming *incoming);
int incoming_file(struct incoming *incoming);
const char *incoming_digest(struct incoming *incoming);
int incoming_quarantine(struct incoming *incoming, const struct run_words *words);

/* Waits for the cache's answer to the call with this number, at most until `until` (monotonic). The caller frees it;
 * NULL: there is none. */
char *incoming_cached(struct incoming *incoming, unsigned number, nanos until);

#endif
