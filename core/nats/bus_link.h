/* SPDX-License-Identifier: Apache-2.0
 * The thread of a bus that connects and prepares, and repeats both after the connection was lost. */
#ifndef CORE_NATS_BUS_LINK_H
#define CORE_NATS_BUS_LINK_H

#include "core/nats/bus.h"

struct bus_link;

/* What the options point to is borrowed. */
struct bus_link_options {
	const struct bus_options *bus;
	const char *inbox; /* the subject to subscribe to */
	/* As in struct bus_reader, with or without a bus_loop. */
	struct mail *(*make_mail)(void *closure, natsMsg *message);
	natsMsgHandler on_word; /* a message on the bus' `listen` subject */
	/* On the link's thread: connected, subscribed and prepared. The connection belongs to the receiver from now on. The
	 * same connection may be passed several times. */
	void (*on_up)(void *closure, const struct bus_wire *wire);
	/* On any thread: the connection was lost, or a prepared object is missing. */
	void (*on_down)(void *closure);
	void *closure;
};

/* NULL: no thread. */
struct bus_link *bus_link_create(const struct bus_link_options *options);
/* Ends the thread, and closes the connection unless the receiver uses it (`taken`). A connection on which the thread
 * waits for an answer is closed at once, even if it is `taken`: the receiver must have sent all that it wants to send.
 * An attempt to connect is not interrupted, because the client library has no function for that. It ends after at most
 * 5 s for each address of a server. */
void bus_link_stop(struct bus_link *link, const natsConnection *taken);
/* Frees a stopped link, once the receiver has closed its connection and the last callback has returned. */
void bus_link_destroy(struct bus_link *link);
void bus_link_prepare_again(struct bus_link *link);

/* Closes the connection and frees its parts. The struct may be all zero. */
void bus_wire_close(struct bus_wire *wire);

#endif
