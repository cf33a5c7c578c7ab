/* SPDX-License-Identifier: Apache-2.0
 * The thread that a connection's socket is read on, in place of the client library's own, so that what is sent can be
 * gathered: the library's choice is a system call for each message, or a millisecond's delay.
 *
 * What the receiver's thread sends waits for bus_loop_flush(); what other threads send goes at once. */
#ifndef CORE_NATS_BUS_LOOP_H
#define CORE_NATS_BUS_LOOP_H

#include <nats/nats.h>
#include <stdbool.h>

#include "core/base/mailbox.h"

struct bus_loop;

/* A subscription without a callback of its own, whose messages are handled on the loop's thread: the library would wake
 * another thread for them. */
struct bus_reader {
	natsSubscription *subscription;
	/* What the mailbox is to get for a message, which is taken over; NULL: nothing. No message: the broker says that nobody
	 * takes something that was sent, and the library does not tell what it was. */
	struct mail *(*make_mail)(void *closure, natsMsg *message);
	void *closure;
	struct mailbox *mailbox;
};

/* For one connection, to be made with the options set here. NULL: out of memory, threads or descriptors. */
struct bus_loop *bus_loop_create(void);
natsStatus bus_loop_set(struct bus_loop *loop, natsOptions *options);
/* To be called once, before anything can come for the subscription. */
void bus_loop_read(struct bus_loop *loop, const struct bus_reader *reader);
/* Ends the thread and frees. The connection must be closed, but not destroyed yet. NULL is fine. */
void bus_loop_destroy(struct bus_loop *loop);

/* From now on the calling thread gathers what it sends. */
void bus_loop_gather(struct bus_loop *loop);
/* Sends what was gathered. On the thread that gathers. */
void bus_loop_flush(struct bus_loop *loop);

#endif
