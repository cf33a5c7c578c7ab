/* SPDX-License-Identifier: Apache-2.0
 * The http and https part of a content reader: one transfer at a time, on connections that are reused. Only
 * core/content/content.c uses it. */
#ifndef CORE_CONTENT_CONTENT_HTTP_H
#define CORE_CONTENT_CONTENT_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/content/content.h"

#define CONTENT_ERROR_SIZE 512

/* The minimum size of the buffer of content_http_read(), so that any piece of data from libcurl fits into an empty
 * buffer. */
#define CONTENT_HTTP_BUFFER_MIN ((size_t)128 * 1024)

/* Conditions that end a read early. */
struct content_limits {
	nanos deadline; /* wall clock; 0: none */
	nanos stall;    /* no byte for this long */
	int cancel_fd;  /* -1: none */
};

struct content_http;

/* The options are borrowed. An unusable ca_file is reported at the first transfer. NULL: out of memory. */
struct content_http *content_http_create(const struct content_options *options);
void content_http_destroy(struct content_http *http);

/* Prepares the transfer of `url` with `expected` bytes; -1: as many as the answer's Content-Length says. False: failed;
 * `error` has the reason. */
bool content_http_open(struct content_http *http, const char *url, int64_t expected, char error[CONTENT_ERROR_SIZE]);

/* Fills `buffer` with the next bytes. Returns their number, 0 at the end, -1 with the reason in `error`. Do not call it
 * again after 0 or -1. More bytes than expected are an error, which is detected before the last expected bytes are
 * returned. Fewer bytes are an error only if the answer has announced more. */
ssize_t content_http_read(struct content_http *http, unsigned char *buffer, size_t size,
                          const struct content_limits *limits, char error[CONTENT_ERROR_SIZE]);

/* Whether the last transfer failed because the server answered that the bytes no longer exist. */
bool content_http_gone(const struct content_http *http);

/* Ends the current transfer, if any. */
void content_http_close(struct content_http *http);

/* Whether `descriptor` is readable now; false for -1. */
bool content_cancelled(int descriptor);

#endif
