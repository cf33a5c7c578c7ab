/* SPDX-License-Identifier: Apache-2.0
 * Tests the broker's permissions before they are needed. */
#ifndef CORE_NATS_BUS_PROBE_H
#define CORE_NATS_BUS_PROBE_H

#include <nats/nats.h>

#include "core/config/config.h"
#include "core/nats/permissions.h"

/* An operation of the service, to be tried without an effect. */
struct bus_probe {
	char subject[160];   /* "" ends a list */
	const char *payload; /* a payload that every receiver ignores; NULL: subscribe instead of publish */
	bool stored;         /* a stream stores the subject: publish with a condition that no stream meets */
	bool needed;         /* the service cannot work without it */
};

#define BUS_PROBES_LIMIT 16

enum probed {
	PROBED_GOOD,
	PROBED_LESS,    /* an optional permission is missing */
	PROBED_NOTHING, /* a required permission is missing */
	PROBED_UNKNOWN  /* not tested: there was no connection, or it was lost */
};
/* Called before and after the test waits for the broker: with its connection, and with NULL before the connection is
 * destroyed. False: stop the test. Until then, another thread may close the connection to end the wait. */
struct bus_probe_wait {
	bool (*function)(void *closure, natsConnection *connection);
	void *closure;
};

/* Tries all operations on a separate connection, because on the connection in use an answer could belong to another
 * message. Reports the result to the scope. PROBED_NOTHING: why[size] names the first missing permission. */
enum probed bus_probe(const struct bus_probe *probe, const struct broker_address *address,
                      const struct permission_scope *scope, const struct bus_probe_wait *wait, char *why, size_t size);

#endif
