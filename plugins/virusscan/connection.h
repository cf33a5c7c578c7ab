/* SPDX-License-Identifier: Apache-2.0
 * A connection to a scanner, plain or by TLS. Only connection_open() and connection_wait() wait, until a time or a
 * cancellation. */
#ifndef VIRUSSCAN_CONNECTION_H
#define VIRUSSCAN_CONNECTION_H

#include <sys/types.h>
#include <sys/uio.h>

#include "endpoint.h"
#include "tls.h"

struct connection;

/* `tls` NULL: plain. With TLS, the handshake is over and the certificate verified. NULL: the cause says why. */
struct connection *connection_open(const struct endpoint *endpoint, struct tls *tls, const struct limits *limits,
                                   struct cause *cause);

/* NULL: nothing happens. */
void connection_close(struct connection *connection);

enum { CONNECTION_RECEIVE = 1, CONNECTION_SEND = 2 };

/* Waits until one of *ways may go on, or the connection is over. Then *ways says which to try. */
enum waited connection_wait(struct connection *connection, unsigned *ways, const struct limits *limits);

/* Sends the beginning of the parts, and returns its length. -1: errno is EAGAIN if there is no room now, and the
 * caller comes back with the same parts; otherwise the connection is broken. */
ssize_t connection_send(struct connection *connection, const struct iovec *parts, size_t count);

/* 0: the other side has closed. -1: as above, with nothing to read in place of no room. */
ssize_t connection_receive(struct connection *connection, void *bytes, size_t size);

/* When it was opened, in nanoseconds of monotonic_now(). */
int64_t connection_opened(const struct connection *connection);

/* Between two requests: nothing came, not even an end, so that it can be used again. */
bool connection_is_idle(struct connection *connection);

#endif
