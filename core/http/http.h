/* SPDX-License-Identifier: Apache-2.0
 * The service's own HTTP server for health, readiness and metrics. The caller provides the contents as a table of
 * routes. Only GET and HEAD are supported; other methods get 405, and other paths get 404. */
#ifndef CORE_HTTP_HTTP_H
#define CORE_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/base/log.h"

/* An answer under construction; 200 and text/plain unless changed. */
struct http_reply {
	unsigned status;
	const char *type; /* a constant */
	FILE *body;
};

struct http_route {
	const char *path;
	/* Called on the daemon's thread, so it must be thread-safe and fast. */
	void (*answer)(void *closure, struct http_reply *reply);
	bool guarded; /* requires the token, if one is set */
};

struct http_options {
	const char *addr;  /* HOST:PORT */
	const char *token; /* "Authorization: Bearer TOKEN" for guarded routes; NULL or "": none. A secret. */
	const struct http_route *route;
	size_t route_count;
	void *closure; /* for the routes */
	const struct log *log;
};

/* Creates the server without listening. The options are copied; what they point to is borrowed and must outlive the
 * server. */
struct http *http_create(const struct http_options *options);

/* Starts to listen, unless it already does, and logs this. False: it failed, for example because the port is in use;
 * this is logged if the reason is new. The service continues without HTTP and calls this again every few seconds. */
bool http_start(struct http *http);

/* The address on which it listens, as "127.0.0.1:9255"; NULL: it does not listen. */
const char *http_address(const struct http *http);

void http_destroy(struct http *http);

#endif
