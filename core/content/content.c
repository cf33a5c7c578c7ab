/* SPDX-License-Identifier: Apache-2.0 */
#include "core/content/content.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/content/content_file.h"
#include "core/content/content_http.h"

/* What libcurl hands over fits into an empty buffer. */
#define BUFFER_SIZE CONTENT_HTTP_BUFFER_MIN
#define STALL_DEFAULT (60 * SECOND)
#define URL_SIZE_MAX ((size_t)64 * 1024)
/* If a source always has bytes ready, reading never waits. The limits are checked after this number of bytes anyway. */
#define LIMITS_EVERY ((int64_t)1024 * 1024)

enum state { STATE_CLOSED, STATE_HTTP, STATE_FILE, STATE_END, STATE_FAILED };

struct content {
	const struct content_options *options;
	struct content_http *http; /* NULL until the first http URL */
	int file;                  /* -1: none */
	enum state state;
	struct content_limits limits;
	int64_t expected; /* expected bytes; -1: unknown until the source provides it */
	int64_t read;     /* received bytes */
	int64_t checked;  /* `read` when the limits were last checked */
	bool gone;        /* the bytes no longer exist */
	char error[CONTENT_ERROR_SIZE];
	unsigned char buffer[BUFFER_SIZE];
};

struct content *content_create(const struct content_options *options)
{
	struct content *content = malloc(sizeof *content);
	if (content == NULL)
		return NULL;
	memset(content, 0, offsetof(struct content, buffer)); /* the pages of the buffer are allocated on use */
	content->options = options;
	content->file = -1;
	return content;
}

void content_destroy(struct content *content)
{
	if (content == NULL)
		return;
	content_close(content);
	content_http_destroy(content->http);
	free(content);
}

void content_close(struct content *content)
{
	if (content->http != NULL)
		content_http_close(content->http);
	if (content->file >= 0)
		close(content->file);
	content->file = -1;
	content->state = STATE_CLOSED;
}

/* Ends the upload with the error in `error`. */
static ssize_t fail(struct content *content)
{
	content_close(content);
	content->state = STATE_FAILED;
	return -1;
}

static bool starts(const char *url, const char *scheme)
{
	return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

static bool open_http(struct content *content, const char *url)
{
	if (content->http == NULL)
		content->http = content_http_create(content->options);
	if (content->http == NULL) {
		snprintf(content->error, sizeof content->error, "cannot set up downloads: out of memory or file descriptors");
		return false;
	}
	content->state = STATE_HTTP;
	return content_http_open(content->http, url, content->expected, content->error);
}

static bool open_file(struct content *content, const char *url)
{
	int64_t bytes;
	content->file = content_file_open(url, content->options->file_roots, &bytes, content->error, sizeof content->error);
	if (content->file < 0)
		return false;
	content->state = STATE_FILE;
	if (content->expected < 0)
		content->expected = bytes; /* a file that changes while it is read is an error too */
	if (bytes != content->expected)
		snprintf(content->error, sizeof content->error, "the file has %lld bytes, but the upload has %lld",
		         (long long)bytes, (long long)content->expected);
	return bytes == content->expected;
}

void content_open(struct content *content, const char *url, int64_t expected, nanos deadline, int cancel_fd)
{
	content_close(content);
	content->expected = expected;
	content->read = content->checked = 0;
	content->gone = false;
	content->error[0] = '\0';
	content->limits.deadline = deadline;
	content->limits.cancel_fd = cancel_fd;
	content->limits.stall = content->options->stall > 0 ? content->options->stall : STALL_DEFAULT;
	bool opened = false;
	if (strnlen(url, URL_SIZE_MAX) == URL_SIZE_MAX)
		snprintf(content->error, sizeof content->error, "the upload's URL is longer than %zu bytes", URL_SIZE_MAX);
	else if (starts(url, "http://") || starts(url, "https://"))
		opened = open_http(content, url);
	else if (starts(url, "file://"))
		opened = open_file(content, url);
	else
		snprintf(content->error, sizeof content->error, "the upload's URL is not an http, https or file URL");
	if (!opened)
		fail(content);
}

static bool within_limits(struct content *content)
{
	const struct content_limits *limits = &content->limits;
	content->checked = content->read;
	const char *reason = NULL;
	if (limits->deadline != 0 && clock_now() >= limits->deadline)
		reason = "the upload could not be read before the step's deadline";
	else if (content_cancelled(limits->cancel_fd))
		reason = "reading the upload was cancelled";
	if (reason != NULL)
		snprintf(content->error, sizeof content->error, "%s", reason);
	return reason == NULL;
}

static ssize_t read_file(struct content *content)
{
	ssize_t length;
	char more;
	do
		length = read(content->file, content->buffer, BUFFER_SIZE);
	while (length < 0 && errno == EINTR);
	if (length < 0) {
		snprintf(content->error, sizeof content->error, "cannot read the file: %s", strerror(errno));
		return -1;
	}
	/* The last bytes are returned only when it is known that no more follow. */
	int64_t end = content->read + length;
	if (end > content->expected || (end == content->expected && pread(content->file, &more, 1, end) > 0)) {
		snprintf(content->error, sizeof content->error, "the file has more bytes than the upload (%lld)",
		         (long long)content->expected);
		return -1;
	}
	return length;
}

ssize_t content_read(struct content *content, const void **bytes)
{
	if (content->state == STATE_END)
		return 0;
	if (content->state != STATE_HTTP && content->state != STATE_FILE)
		return -1;
	if (content->read - content->checked >= LIMITS_EVERY && !within_limits(content))
		return fail(content);
	ssize_t length = content->state == STATE_FILE ? read_file(content)
	                                              : content_http_read(content->http, content->buffer, BUFFER_SIZE,
	                                                                  &content->limits, content->error);
	if (length < 0) {
		content->gone = content->state == STATE_HTTP && content_http_gone(content->http);
		return fail(content);
	}
	if (length > 0) {
		content->read += length;
		*bytes = content->buffer;
		return length;
	}
	if (content->read < content->expected) {
		snprintf(content->error, sizeof content->error, "only %lld of the upload's %lld bytes arrived",
		         (long long)content->read, (long long)content->expected);
		return fail(content);
	}
	content_close(content);
	content->state = STATE_END;
	return 0;
}

const char *content_error(const struct content *content)
{
	return content->error;
}

bool content_gone(const struct content *content)
{
	return content->gone;
}
