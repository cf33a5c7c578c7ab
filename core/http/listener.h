/* SPDX-License-Identifier: Apache-2.0
 * A listening TCP socket with an HTTP daemon upon it: what http.c and file_server.c share. */
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
	unsigned timeout;     /* seconds without a byte, after which a connection is closed */
	size_t memory;        /* bytes for each connection's headers */
};

struct listener;

/* `addr` is HOST:PORT, [V6]:PORT or :PORT (all addresses); port 0 is any free one. Writes the address that it
 * got to `text`. NULL: `why` says what stands against it. Requests are handled on one thread of the daemon's own. */
struct listener *listener_start(const char *addr, const struct listener_limits *limits, MHD_AccessHandlerCallback handle,
                                void *closure, char text[LISTENER_TEXT_SIZE], char *why, size_t size);
/* Closes the socket and all connections. NULL is fine. */
void listener_stop(struct listener *listener);

/* Does an address that listener_start() wrote stand for all of this host, so that nobody can connect to it as it is written? */
bool listener_is_everywhere(const char *text);

/* Answers with a short text of its own; for errors. `header` and `value`: one more header, NULL: none. */
enum MHD_Result listener_refuse(struct MHD_Connection *connection, unsigned status, const char *header, const char *value);

#endif
