/* SPDX-License-Identifier: Apache-2.0
 * Reads the answer of an ICAP server (RFC 3507), byte by byte as it comes, with constant memory. It is as strict as the
 * RFC: what does not fit is broken, and no verdict follows from it. */
#ifndef VIRUSSCAN_ICAP_ANSWER_H
#define VIRUSSCAN_ICAP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ICAP_HEAD_LIMIT 16384         /* bytes of the ICAP header */
#define ICAP_ENCAPSULATED_LIMIT 65536 /* of the HTTP headers */
#define ICAP_TEXT_SIZE 256
#define ICAP_BETWEEN ", "

/* What it says, complete with ICAP_DONE. A text that is missing is "". */
struct icap_words {
	int status;      /* of ICAP */
	int http_status; /* of an encapsulated response; 0: there is none */
	bool has_body;
	bool closes; /* the connection cannot be used again */
	char istag[ICAP_TEXT_SIZE];
	/* Of OPTIONS: */
	bool reqmod, respmod; /* Methods */
	bool allows_204;
	int64_t preview;     /* bytes; -1: none */
	int64_t options_ttl; /* seconds; -1: unknown */
	int64_t connections; /* Max-Connections; -1: unknown */
	char service[ICAP_TEXT_SIZE];
	/* What was found. X-Infection-Found: Type=0 (infected), 1 (policy), 2 (unscannable); -1: no such header. */
	int infection;
	/* X-Virus-ID, X-Virus-Name, X-Violations-Found, X-FSecure-Infection-Name, X-FSecure-Scan-Result or X-Av-Scan-Result
	 * says that something was found. */
	bool violation;
	bool suspicious; /* the last two call it that */
	bool blocked;    /* X-Blocked, X-Blocked-Reason, X-Block-Reason, or X-Response-Info: blocked */
	char threat[ICAP_TEXT_SIZE];
	bool several; /* it has several names, with ICAP_BETWEEN between them */
	char block_reason[ICAP_TEXT_SIZE];
	char strange[ICAP_TEXT_SIZE]; /* a result in other words than those that are known */
};

enum icap_state { ICAP_HEAD, ICAP_ENCAPSULATED, ICAP_BODY, ICAP_DONE, ICAP_BROKEN };

struct icap_answer {
	enum icap_state state;
	const char *why; /* ICAP_BROKEN */
	struct icap_words words;
	/* Internal: */
	char head[ICAP_HEAD_LIMIT];
	size_t used;
	size_t encapsulated, response_at; /* bytes of the HTTP headers, and where the response's begin */
	bool has_response;
	char status_line[64]; /* the beginning of the response's header */
	size_t seen;          /* of the HTTP headers */
	enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER } chunk;
	uint64_t left; /* of the chunk */
	size_t line;   /* length of the present line */
	bool trailer_empty, extension, cr;
	/* Takes the bytes of the body, in order; NULL: they are dropped. */
	void (*take)(void *closure, const void *bytes, size_t length);
	void *closure;
};

void icap_answer_begin(struct icap_answer *answer, void (*take)(void *closure, const void *bytes, size_t length),
                       void *closure);

/* Returns how many of the bytes belong to the answer; fewer than `length` only with ICAP_DONE or ICAP_BROKEN. */
size_t icap_answer_feed(struct icap_answer *answer, const void *bytes, size_t length);

#endif
