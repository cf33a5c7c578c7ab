/* SPDX-License-Identifier: Apache-2.0
 * Reads the bytes of an upload from its URL: http, https, or file in configured folders.
 *
 * A content reader belongs to one worker thread, reads one upload after another, and keeps its connections open. Memory
 * use does not depend on the size of the upload. URLs are secrets: messages contain only their host and port. */
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
	char *const *file_roots; /* folders from which file:// may be read, NULL-terminated; NULL: none */
	nanos stall;             /* no byte for this long is an error; 0: 60 s */
	/* Copies of uploads, see copies.h: */
	int64_t copy_memory;  /* bytes; larger ones are on disk */
	const char *copy_dir; /* where; NULL: a folder for temporary files */
	int64_t copy_space;   /* bytes of all copies on disk; 0: no limit */
};

/* NULL: out of memory. The options are borrowed and must outlive the reader. */
struct content *content_create(const struct content_options *options);
void content_destroy(struct content *content);

/* Begins an upload and ends the previous one. Nothing is transferred yet. Exactly `expected` bytes (the announced size)
 * must arrive; fewer or more are an error. -1: no size was announced; then the source must provide it. `deadline`: wall
 * clock, 0: none. `cancel_fd`: reading fails when it becomes readable; -1: none. */
void content_open(struct content *content, const char *url, int64_t expected, nanos deadline, int cancel_fd);

/* Reads the next bytes, which are valid until the next call on this reader. Returns their number, 0 at the end, -1 for
 * an error, see content_error(). The last bytes are returned only when they are known to be the last. HTTP statuses
 * other than 200 and encoded answers are errors. Redirects are not followed. */
ssize_t content_read(struct content *content, const void **bytes);

/* The error, for people: "the storage answered 404", "connection refused (localhost:9200)". */
const char *content_error(const struct content *content);

/* Whether reading failed because the server answered that the bytes no longer exist (404, 410). */
bool content_gone(const struct content *content);

/* Ends the upload. An intact connection is kept open. */
void content_close(struct content *content);

#endif
