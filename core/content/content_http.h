/* SPDX-License-Identifier: Apache-2.0
 * The http and https side of a content reader: one transfer at a time, on connections that are kept
 * from one to the next. Only core/content/content.c uses it. */
#ifndef CORE_CONTENT_CONTENT_HTTP_H
#define CORE_CONTENT_CONTENT_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/content/content.h"

#define CONTENT_ERROR_SIZE 512

/* The buffer of content_http_read() has to be this large at least, so that whatever libcurl hands over at
 * a time fits into an empty one. */
#define CONTENT_HTTP_BUFFER_MIN ((size_t)128 * 1024)

/* What ends a read early. */
struct content_limits {
	nanos deadline; /* wall clock; 0: none */
	nanos stall;    /* no byte for this long */
	int cancel_fd;  /* -1: none */
};

struct content_http;

/* NULL: out of memory, or a ca_file that cannot be used shows at the first transfer. The options are borrowed. */
struct content_http *content_http_create(const struct content_options *options);
void content_http_destroy(struct content_http *http);

/* Prepares the transfer of `url`, of `expected` bytes, or (-1) as many as the answer's Content-Length says; false with the
 * reason in `error`. */
bool content_http_open(struct content_http *http, const char *url, int64_t expected, char error[CONTENT_ERROR_SIZE]);

/* Fills `buffer` with the next bytes: how many, 0 at the end, -1 with the reason in `error`. Not to be called
 * again after 0 or -1. More bytes than expected are an error, and found out before the last of them are handed out; fewer
 * are not, unless the answer had announced them. */
ssize_t content_http_read(struct content_http *http, unsigned char *buffer, size_t size,
                          const struct content_limits *limits, char error[CONTENT_ERROR_SIZE]);

/* Did the last transfer end because the server says that there is nothing any more at that URL? */
bool content_http_gone(const struct content_http *http);

/* Ends the transfer, if one is under way. */
void content_http_close(struct content_http *http);

/* True if `descriptor` is readable now; false for -1. */
bool content_cancelled(int descriptor);

#endif
