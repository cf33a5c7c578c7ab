/* SPDX-License-Identifier: Apache-2.0
 * The thread of a bus that connects and prepares, and repeats both after the connection was lost. */
#ifndef CORE_NATS_BUS_CONNECT_H
#define CORE_NATS_BUS_CONNECT_H

#include "core/nats/bus.h"
#include "core/nats/bus_loop.h"
#include "core/nats/bus_probe.h"

struct bus_link;

struct bus_link_options {
	const struct broker_address *address;
	const char *name;
	const char *broker; /* the broker's name for messages; borrowed; NULL: the address' endpoint */
	const struct log *log;
	const char *inbox; /* the subject to subscribe to; copied */
	/* As in struct bus_reader, with or without a bus_loop. */
	struct mail *(*make_mail)(void *closure, natsMsg *message);
	struct mailbox *mailbox;
	const char *listen; /* another subject, or NULL; borrowed */
	natsMsgHandler on_word;
	bus_prepare *prepare;
	void *prepare_closure;
	struct bus_facts facts;
	struct permission_scope permissions;
	const struct bus_probe *probe; /* the permissions to test; borrowed; NULL: none */
	/* On the link's thread: connected, subscribed and prepared. The connection belongs to the receiver from now on. The
	 * same connection may be passed several times. */
	void (*on_up)(void *closure, const struct bus_wire *wire);
	/* On any thread: the connection was lost, or a prepared object is missing. */
	void (*on_down)(void *closure);
	void *closure;
};

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

/* Makes a single connection synchronously, with the usual settings. */
natsStatus bus_connect(natsConnection **connection, const struct broker_address *address, const char *name);

/* The usual settings, for a connection that needs additional ones. The caller destroys them, even after a failure. */
natsStatus bus_options(natsOptions **options, const struct broker_address *address, const char *name);

/* Whether the connection uses TLS, in which case there is no bus_loop. */
bool bus_uses_tls(const struct broker_address *address);

/* What a user can do about a failed connection. */
const char *bus_advice(natsStatus status);
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
