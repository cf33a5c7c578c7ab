/* SPDX-License-Identifier: Apache-2.0
 * Connects to a broker with the settings of its address, and explains what went wrong. */
#ifndef CORE_NATS_BUS_CONNECT_H
#define CORE_NATS_BUS_CONNECT_H

#include <nats/nats.h>

#include "core/config/config.h"
#include "core/nats/permissions.h"

/* Makes a single connection synchronously, with the usual settings. */
natsStatus bus_connect(natsConnection **connection, const struct broker_address *address, const char *name);

/* The usual settings, for a connection that needs additional ones. The caller destroys them, even after a failure. */
natsStatus bus_options(natsOptions **options, const struct broker_address *address, const char *name);
/* The same with another endpoint than that of the address; NULL: its own. */
natsStatus bus_options_for(natsOptions **options, const struct broker_address *address, const char *endpoint,
                           const char *name);

/* Whether the connection uses TLS, in which case there is no bus_loop. */
bool bus_uses_tls(const struct broker_address *address);

/* What a user can do about a failed connection. */
const char *bus_advice(natsStatus status);
/* The same, and the number of the broker's error if it has sent one. Returns text. */
#define BUS_REASON_SIZE 256
const char *bus_reason(natsStatus status, jsErrCode code, char text[BUS_REASON_SIZE]);
/* The same for an operation that failed on a connection (or NULL). If the broker has denied a permission on it, that is
 * reported as the cause. Returns text. */
#define BUS_FAULT_SIZE 256
const char *bus_fault(natsConnection *connection, natsStatus status, char text[BUS_FAULT_SIZE]);
/* Whether the broker has denied a permission on the connection. */
bool bus_refused(natsConnection *connection);
/* Reports to the scope whether a connection (or NULL) that is about to be closed had a permission denied. */
void bus_report(natsConnection *connection, natsStatus status, const struct permission_scope *scope);

/* Whether one connection can serve both addresses. */
bool bus_same_broker(const struct broker_address *one, const struct broker_address *other);

#endif
