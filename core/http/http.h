/* SPDX-License-Identifier: Apache-2.0
 * The service's own HTTP: health, readiness, metrics. What there is to say is the caller's, as a table of routes.
 * GET and HEAD only; 405 for other methods, 404 for other paths. */
#ifndef CORE_HTTP_HTTP_H
#define CORE_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/base/log.h"

/* An answer in the making; 200 and text/plain unless changed. */
struct http_reply {
	unsigned status;
	const char *type; /* a constant */
	FILE *body;
};

struct http_route {
	const char *path;
	/* Called on the daemon's thread: it must be safe beside all others, and quick. */
	void (*answer)(void *closure, struct http_reply *reply);
	bool guarded; /* asks for the token, if there is one */
};

struct http_options {
	const char *addr;  /* HOST:PORT */
	const char *token; /* "Authorization: Bearer TOKEN" for guarded routes; NULL or "": none. A secret. */
	const struct http_route *route;
	size_t route_count;
	void *closure; /* for the routes */
	const struct log *log;
};

/* The options are copied, what they point to is borrowed and must outlive it. Nothing listens yet. NULL: out of
 * memory. */
struct http *http_create(const struct http_options *options);

/* Listens, unless it does already; says so in the log. False: it could not (the port is in use); that is logged
 * when the reason is a new one. The service goes on without and calls this again every few seconds. */
bool http_start(struct http *http);

/* "127.0.0.1:9255": where it listens; NULL: it does not. */
const char *http_address(const struct http *http);

void http_destroy(struct http *http);

#endif
