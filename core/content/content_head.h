/* SPDX-License-Identifier: Apache-2.0
 * Checks the headers of an HTTP answer. Only core/content/content_http.c uses this.
 *
 * The bytes are accepted only as they are stored. An answer that encodes them, contains only a part of them, or
 * contradicts itself about their length, is rejected before its body is read. */
#ifndef CORE_CONTENT_CONTENT_HEAD_H
#define CORE_CONTENT_CONTENT_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The maximum length of all header lines together. */
#define CONTENT_HEAD_LIMIT ((size_t)64 * 1024)

struct content_head {
	size_t bytes;  /* so far */
	bool well;     /* the last status line is valid and has status 200 */
	bool complete; /* the empty line has arrived */
	bool chunked;  /* the body marks its own end */
	bool sized;    /* there is a Content-Length: */
	int64_t length;
};

/* Handles one received line. New headers (after a 1xx answer) start over. `head` is initially {0}. Only the headers of
 * a 200 answer are checked. False: rejected; why[size] has the reason, as "it has two lengths (Content-Length: 11)". */
bool content_head_take(struct content_head *head, const char *line, size_t length, char *why, size_t size);

#endif
