/* SPDX-License-Identifier: Apache-2.0
 * Reading an upload's bytes, whatever its URL: http, https, or file below configured folders.
 *
 * A content reader belongs to one worker thread and is used for one upload after the other; it keeps its
 * connections. Memory is constant, whatever the upload's size. URLs are secrets: no message of this
 * file holds more of one than its host and port. */
#ifndef CORE_CONTENT_CONTENT_H
#define CORE_CONTENT_CONTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/clock.h"

struct content;

struct content_options {
	bool tls_insecure;       /* do not verify the server's certificate */
	const char *ca_file;     /* PEM; NULL: the system's */
	char *const *file_roots; /* folders below which file:// is allowed, NULL-terminated; NULL: none */
	nanos stall;             /* no byte for this long is an error; 0: 60 s */
};

/* NULL: out of memory. The options are borrowed and must outlive the reader. */
struct content *content_create(const struct content_options *options);
void content_destroy(struct content *content);

/* Starts on an upload, ending the one before. Nothing is transferred yet. Exactly `expected` bytes have to come (the size
 * that was announced), fewer or more are an error; -1: nobody announced one, then the source has to say how many it
 * has. `deadline`: wall clock, 0: none.
 * `cancel_fd`: reading ends with an error once it is readable; -1: none. */
void content_open(struct content *content, const char *url, int64_t expected, nanos deadline, int cancel_fd);

/* The next bytes, valid until the next call on this reader: how many, 0 at the end, -1: an error, for
 * content_error(). The last ones come only when it is known that they are the last. HTTP statuses other than 200 and answers
 * that code the bytes are errors; redirects are not followed. */
ssize_t content_read(struct content *content, const void **bytes);

/* What went wrong, for people: "the storage answered 404", "connection refused (localhost:9200)". */
const char *content_error(const struct content *content);

/* Did reading end because the URL answered that there are no bytes any more (404, 410)? */
bool content_gone(const struct content *content);

/* Ends the upload; a connection that is in order is kept. */
void content_close(struct content *content);

#endif
