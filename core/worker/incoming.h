/* SPDX-License-Identifier: Apache-2.0
 * The bytes of the upload of one run, as they come from the service: with the request, in packets, or by a pipe. */
#ifndef CORE_WORKER_INCOMING_H
#define CORE_WORKER_INCOMING_H

#include "core/abi/protocol.h"

struct incoming {
	uint64_t run;
	bool read; /* anything was asked for */
	nanos deadline;
	enum { INCOMING_ASK, INCOMING_HERE, INCOMING_PIPE, INCOMING_ENDED, INCOMING_FAILED } state;
	const void *bytes; /* INCOMING_HERE */
	size_t length;
	int pipe; /* -1: none */
	char *chunk;
	struct channel_buffer buffer; /* for packets; the facts of the run are in the session's */
	char error[512];
};

/* The bytes in `message` are borrowed. */
void incoming_init(struct incoming *incoming, uint64_t run, const struct run_message *message);
void incoming_free(struct incoming *incoming);

/* As pp_host.read(). */
ssize_t incoming_read(struct incoming *incoming, const void **bytes);
const char *incoming_error(const struct incoming *incoming);

#endif
