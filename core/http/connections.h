/* SPDX-License-Identifier: Apache-2.0
 * Limits on the connections of an HTTP daemon, so that idle connections cannot lock out other clients. A request must
 * be complete within a time limit, however its bytes arrive. If there are too many connections, the address with most
 * connections is selected, and its connection that has been without a request for longest is closed. */
#ifndef CORE_HTTP_CONNECTIONS_H
#define CORE_HTTP_CONNECTIONS_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/clock.h"

struct connections;

struct connections_limits {
	unsigned count; /* the maximum number of open connections */
	nanos request;  /* from the start of a connection, or the end of its last reply, until the request is complete */
	nanos reply;    /* until the client has received the reply; 0: no limit while it receives bytes */
};

/* NULL: out of threads. */
struct connections *connections_create(const struct connections_limits *limits);
/* Call this after the daemon has stopped. NULL is allowed. */
void connections_destroy(struct connections *connections);

/* The daemon's callbacks; the closure is the connections. */
void connections_notify(void *closure, struct MHD_Connection *connection, void **context,
                        enum MHD_ConnectionNotificationCode code);
void connections_completed(void *closure, struct MHD_Connection *connection, void **state,
                           enum MHD_RequestTerminationCode code);

/* The request on the connection is complete and is being answered. */
void connections_answering(struct connections *connections, struct MHD_Connection *connection);

#endif
