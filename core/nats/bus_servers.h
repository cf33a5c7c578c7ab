/* SPDX-License-Identifier: Apache-2.0
 * The servers that a broker consists of: those that the endpoint names, and those of its cluster that it names itself. */
#ifndef CORE_NATS_BUS_SERVERS_H
#define CORE_NATS_BUS_SERVERS_H

#include <nats/nats.h>

#include "core/config/config.h"

/* Has a connection try those of an endpoint, in any order. */
natsStatus bus_servers_set(natsOptions *options, const char *endpoint, bool tls);

/* An endpoint of those that the broker has named on this connection, and, behind them, of the `former` ones (or NULL). It goes
 * with the credentials and the TLS of the address that the connection is to. For the caller to free(); NULL: there are none, or
 * out of memory. */
char *bus_servers_named(natsConnection *connection, const char *former);

#endif
