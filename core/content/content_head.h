/* SPDX-License-Identifier: Apache-2.0
 * What the head of an HTTP answer says of the body that follows. Only core/content/content_http.c uses it.
 *
 * The bytes are taken as they are stored or not at all: an answer that codes them, gives a part of them, or says two
 * different things about where they end, is refused before its body is looked at. */
#ifndef CORE_CONTENT_CONTENT_HEAD_H
#define CORE_CONTENT_CONTENT_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lines longer than this together are no head. */
#define CONTENT_HEAD_LIMIT ((size_t)64 * 1024)

struct content_head {
	size_t bytes;   /* so far */
	bool well;      /* the last status line says 200, and is one */
	bool complete;  /* the empty line has come */
	bool chunked;   /* the body says itself where it ends */
	bool sized;     /* there is a Content-Length: */
	int64_t length;
};

/* Takes one line as it came; heads that begin once more (after a 1xx) start over. `head` begins as {0}. Only the lines of a
 * 200 are looked at. False: refused, and why[size] says what is wrong, as "it codes the bytes (Content-Encoding: gzip)". */
bool content_head_take(struct content_head *head, const char *line, size_t length, char *why, size_t size);

#endif
