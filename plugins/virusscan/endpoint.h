/* SPDX-License-Identifier: Apache-2.0
 * Where a scanner listens, and non-blocking sockets to it. All waits end by time or cancellation. */
#ifndef VIRUSSCAN_ENDPOINT_H
#define VIRUSSCAN_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cause.h"

/* What ends a wait. */
struct limits {
	int64_t until; /* nanoseconds of monotonic_now() */
	int cancel_fd; /* -1: none */
};

int64_t monotonic_now(void);

enum waited { WAIT_READY, WAIT_TIMEOUT, WAIT_CANCELLED, WAIT_ERROR };

/* Waits until `fd` has one of `events` (or an error, which the next call on it will tell). -1: only waits. */
enum waited socket_wait(int fd, short events, const struct limits *limits);

/* Whether waits end now because of a cancellation. */
bool limits_cancelled(const struct limits *limits);

#define ENDPOINT_PATH_SIZE 108 /* of sockaddr_un */

struct endpoint {
	bool local;
	char path[ENDPOINT_PATH_SIZE]; /* local */
	char host[256];                /* otherwise */
	char port[8];
	char text[300]; /* for messages */
};

/* Reads "/path", "unix:///path", "tcp://host:port", "host:port", the port being 3310 by default after tcp://.
 * False: it is none of these. */
bool endpoint_parse(const char *text, struct endpoint *endpoint);

/* Whether it is on this host, as far as its address says so: a local socket, or a loopback address. */
bool endpoint_is_local(const struct endpoint *endpoint);

/* A connected non-blocking socket, which the caller closes; -1: the cause says why. A host name is
 * looked up by the system's resolver, which knows neither limits nor cancellation. Of a name's addresses one after the
 * other is tried: each gets its share of the time, and at most a few seconds while there are others. */
int endpoint_connect(const struct endpoint *endpoint, const struct limits *limits, struct cause *cause);

#endif
