/* SPDX-License-Identifier: Apache-2.0
 * One request to an ICAP server and its answer, in both directions at once: a server may answer, or send the bytes
 * back, while it still receives them. Bytes pass with constant memory. */
#ifndef VIRUSSCAN_ICAP_EXCHANGE_H
#define VIRUSSCAN_ICAP_EXCHANGE_H

#include <sys/types.h>

#include "connection.h"
#include "icap_answer.h"

#define ICAP_WHY_SIZE 400
#define ICAP_REQUEST_SIZE 8192
/* Chunks that are sent in one go. */
#define ICAP_CHUNKS 2
/* No preview is longer, whatever the server wants. */
#define ICAP_PREVIEW_LIMIT 65536

struct icap_exchange {
	struct connection *connection;
	int64_t timeout; /* nanoseconds, of each wait for the server */
	int64_t until;   /* of the whole, in nanoseconds of monotonic_now() */
	int cancel_fd;
	/* The request, up to its body; NULL body: there is none. */
	char request[ICAP_REQUEST_SIZE];
	size_t request_length;
	int64_t preview; /* bytes to send before the server is asked whether it wants the rest; -1: all are sent */
	/* The next bytes of the body: 0: its end, -1: they cannot be had. They are valid until the next call, … */
	ssize_t (*body)(void *closure, const void **bytes);
	bool steady; /* … or, in this case, until the end of the exchange */
	void *closure;
	struct icap_answer answer;
	/* The result: */
	bool all_sent;    /* the whole body was sent */
	bool of_preview;  /* it answered the preview, and wants no more */
	bool heard;       /* anything came from the server */
	bool ended;       /* the connection ended, or broke */
	bool body_failed; /* the body cannot be had */
	char why[ICAP_WHY_SIZE];
	/* Internal: */
	enum { SEND_PREVIEW, SEND_PAUSE, SEND_BODY, SEND_NOTHING } sending;
	const char *kept; /* of the body: bytes beyond the preview */
	size_t kept_length, previewed;
	char frame[ICAP_CHUNKS][32];
	struct iovec part[1 + 3 * ICAP_CHUNKS + 1]; /* to send: the request, chunks, an end */
	size_t chunks, parts, next;
};

/* Sends the request and reads the answer, which icap_answer_begin() has prepared. False: there is no whole answer, and
 * `why` says why. */
bool icap_exchange(struct icap_exchange *exchange);

#endif
