/* SPDX-License-Identifier: Apache-2.0
 * The thread of a bus that connects, prepares, and does both again when the connection was lost. */
#ifndef CORE_NATS_BUS_CONNECT_H
#define CORE_NATS_BUS_CONNECT_H

#include "core/nats/bus.h"
#include "core/nats/bus_loop.h"
#include "core/nats/bus_probe.h"

struct bus_link;

struct bus_link_options {
	const struct broker_address *address;
	const char *name;
	const char *broker; /* its name, for people; borrowed; NULL: the address' endpoint */
	const struct log *log;
	const char *inbox; /* the subject to subscribe to; copied */
	/* As struct bus_reader has them, whether there is a bus_loop or not. */
	struct mail *(*make_mail)(void *closure, natsMsg *message);
	struct mailbox *mailbox;
	const char *listen; /* another subject, or NULL; borrowed */
	natsMsgHandler on_word;
	bus_prepare *prepare;
	void *prepare_closure;
	struct bus_facts facts;
	struct permission_scope permissions;
	const struct bus_probe *probe; /* what the broker has to permit; borrowed; NULL: that is not looked at */
	/* On the link's thread: connected, subscribed, prepared. The connection is the receiver's from now on, the same
	 * one possibly several times. */
	void (*on_up)(void *closure, const struct bus_wire *wire);
	/* On any thread: the connection was lost, or what was prepared is gone. */
	void (*on_down)(void *closure);
	void *closure;
};

struct bus_link *bus_link_create(const struct bus_link_options *options);
/* Ends the thread, and the connection unless it is `taken`, the one that the receiver uses. */
void bus_link_stop(struct bus_link *link, const natsConnection *taken);
/* Frees a stopped link, after the receiver has closed its connection and the last callback has come. */
void bus_link_destroy(struct bus_link *link);
void bus_link_prepare_again(struct bus_link *link);

/* Closes and frees. One that is all zero is fine. */
void bus_wire_close(struct bus_wire *wire);

/* One connection, made here and now with the settings of all; the callbacks may be NULL. For the commands. */
natsStatus bus_connect(natsConnection **connection, const struct broker_address *address, const char *name,
                       natsConnectionHandler on_lost, natsConnectionHandler on_back, natsConnectionHandler on_closed,
                       void *closure);

/* The settings of all connections, for one that needs more than these; to be destroyed by the caller in any case. */
natsStatus bus_options(natsOptions **options, const struct broker_address *address, const char *name);

/* With TLS there is no bus_loop. */
bool bus_uses_tls(const struct broker_address *address);

/* What a user can do about a connection that is not to be had. */
const char *bus_advice(natsStatus status);
/* The same for what has failed on a connection (or NULL): if the broker has refused something on it, that may be why. Returns
 * text. */
#define BUS_FAULT_SIZE 256
const char *bus_fault(natsConnection *connection, natsStatus status, char text[BUS_FAULT_SIZE]);
/* Has the broker refused something on it? */
bool bus_refused(natsConnection *connection);
/* Tells the scope how it went on a connection (or NULL) that is about to be closed. */
void bus_report(natsConnection *connection, natsStatus status, const struct permission_scope *scope);

/* Whether one connection does for both. */
bool bus_same_broker(const struct broker_address *one, const struct broker_address *other);

#endif
