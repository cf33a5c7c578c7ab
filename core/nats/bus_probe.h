/* SPDX-License-Identifier: Apache-2.0
 * Finding out what the broker permits before it matters. */
#ifndef CORE_NATS_BUS_PROBE_H
#define CORE_NATS_BUS_PROBE_H

#include <nats/nats.h>

#include "core/config/config.h"
#include "core/nats/permissions.h"

/* Something that the service does, and that is tried without an effect. */
struct bus_probe {
	char subject[160];   /* "" ends a list */
	const char *payload; /* what no receiver acts on; NULL: it is subscribed to */
	bool stored;         /* a stream takes it: it is published on a condition that no stream meets */
	bool needed;         /* without it nothing goes on */
};

#define BUS_PROBES_LIMIT 16

enum probed {
	PROBED_GOOD,
	PROBED_LESS,    /* something that is not needed is refused */
	PROBED_NOTHING, /* something that is needed is refused */
	PROBED_UNKNOWN  /* it could not be tried: there was no connection, or it was lost */
};
/* Tries all, on a connection of its own: on the one that is in use an answer could be that to something else. Tells the scope
 * the result. PROBED_NOTHING: why[size] names the first. */
enum probed bus_probe(const struct bus_probe *probe, const struct broker_address *address, const struct permission_scope *scope,
                      char *why, size_t size);

#endif
