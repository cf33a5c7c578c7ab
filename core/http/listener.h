/* SPDX-License-Identifier: Apache-2.0
 * A listening TCP socket with an HTTP daemon, shared by http.c and file_server.c. */
#ifndef CORE_HTTP_LISTENER_H
#define CORE_HTTP_LISTENER_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/http/connections.h"

/* "127.0.0.1:65535", "[v6]:65535". */
#define LISTENER_TEXT_SIZE 64

struct listener_limits {
	struct connections_limits connections;
	unsigned timeout; /* seconds without a byte after which a connection is closed */
	size_t memory;    /* bytes for each connection's headers */
};

/* What is served. Both functions run on the daemon's thread. */
struct listener_handler {
	/* Whether there is something at this path; otherwise the request gets 404. */
	bool (*knows)(void *closure, const char *path);
	/* Answers a request for it, which is GET or HEAD; other methods get 405. */
	enum MHD_Result (*answer)(void *closure, struct MHD_Connection *connection, const char *path);
	void *closure;
};

struct listener;

/* `addr` is HOST:PORT, [V6]:PORT or :PORT (all addresses); port 0 is any free port. Writes the actual address to
 * `text`. Requests are handled on a single thread of the daemon. NULL: failed; `why` has the reason. */
struct listener *listener_start(const char *addr, const struct listener_limits *limits,
                                const struct listener_handler *handler, char text[LISTENER_TEXT_SIZE], char *why,
                                size_t size);
/* Closes the socket and all connections. NULL is allowed. */
void listener_stop(struct listener *listener);

/* Whether an address written by listener_start() stands for all addresses of this host, so that clients cannot connect
 * to it as it is written. */
bool listener_is_everywhere(const char *text);

/* Answers with the response, which is taken over. `header` and `value`: an additional header; NULL: none. */
enum MHD_Result listener_reply(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
                               const char *type, const char *header, const char *value);
/* Answers an error with a short text. */
enum MHD_Result listener_refuse(struct MHD_Connection *connection, unsigned status, const char *header,
                                const char *value);

#endif
