/* SPDX-License-Identifier: Apache-2.0
 * The servers of a broker: those named in the endpoint, and those of its cluster that the broker itself advertises. */
#ifndef CORE_NATS_BUS_SERVERS_H
#define CORE_NATS_BUS_SERVERS_H

#include <nats/nats.h>

#include "core/config/config.h"

/* Sets the servers of an endpoint, which a connection tries in random order. */
natsStatus bus_servers_set(natsOptions *options, const char *endpoint, bool tls);

/* Returns an endpoint of the servers that the broker has advertised on this connection, followed by the `former` ones
 * (or NULL). Use it with the credentials and the TLS settings of the connection's address. The caller frees it. NULL:
 * there are none, or out of memory. */
char *bus_servers_named(natsConnection *connection, const char *former);

#endif
