/* SPDX-License-Identifier: Apache-2.0
 * The connections of an HTTP daemon, so that those that ask for nothing keep nobody else out: a request has to be complete within
 * its time, however busily its bytes trickle in, and when there are too many connections the one goes that has not made its
 * request for longest, of the address that has most of them. */
#ifndef CORE_HTTP_CONNECTIONS_H
#define CORE_HTTP_CONNECTIONS_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/clock.h"

struct connections;

struct connections_limits {
	unsigned count; /* at a time */
	nanos request;  /* from the beginning of a connection, or the end of its last reply, until the request is whole */
	nanos reply;    /* until it has taken the reply; 0: as long as it takes bytes */
};

/* NULL: out of memory or threads. */
struct connections *connections_create(const struct connections_limits *limits);
/* After the daemon has stopped. NULL is fine. */
void connections_destroy(struct connections *connections);

/* The daemon's callbacks; the closure is the connections. */
void connections_notify(void *closure, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code);
void connections_completed(void *closure, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code);

/* The request on it is whole, and is answered now. */
void connections_answering(struct connections *connections, struct MHD_Connection *connection);

#endif
