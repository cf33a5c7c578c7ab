/* SPDX-License-Identifier: Apache-2.0
 * What stands between the instances and the broker: each instance connects to ports of its own, and what passes there
 * is read frame by frame, so that it can be lost, cut, kept from passing, or be the moment at which the instance dies.
 *
 * It runs on a thread of its own. All but proxy_create() and proxy_destroy() is done through an instance's gate. */
#ifndef TESTS_TORTURE_PROXY_H
#define TESTS_TORTURE_PROXY_H

#include <sys/types.h>

#include "tests/torture/dialogue.h"

struct proxy;

/* Kill -9 when a frame of this kind passes. */
struct trap {
	bool set;
	enum point point;
	bool withhold; /* the frame itself does not pass any more */
	unsigned skip; /* so many of them pass before */
};

/* The switches of one instance. */
struct gate {
	pid_t pid; /* of its process; 0: nobody is to be killed */
	struct trap trap;
	bool sprung;           /* the trap has killed it; the process is to be waited for */
	bool hole;             /* nothing passes either way, and new connections stay silent */
	bool cut;              /* the next frame that carries something passes by half, then the connection is gone */
	bool pieces;           /* all passes in small pieces */
	unsigned answers_lost; /* of a hundred of the broker's answers about writes and publishes */
	unsigned acks_lost;    /* of a hundred of the instance's acknowledgements of events */
	size_t lost_answers, lost_acks, cuts; /* counts */
};

/* For TORTURE_INSTANCES instances, which reach it at `host`, an address of this machine, on brokers at these ports of
 * the loopback. The ledger is the proxy's thread's while it lives. Fails the test if it cannot. */
struct proxy *proxy_create(const char *host, const unsigned *broker_port, unsigned brokers, struct ledger *ledger,
                           uint64_t seed);
void proxy_destroy(struct proxy *proxy);

#define PROXY_LOOPBACK "127.0.0.1"
/* What an instance has to take for the broker's address: "host:port", of several with commas between. */
#define PROXY_ENDPOINT_SIZE 80
void proxy_endpoint(const struct proxy *proxy, unsigned instance, char endpoint[PROXY_ENDPOINT_SIZE]);

/* The gate of an instance, until it is given back; meanwhile nothing moves. */
struct gate *proxy_take(struct proxy *proxy, unsigned instance);
void proxy_give_back(struct proxy *proxy);

/* Cuts all of an instance's connections. */
void proxy_drop(struct proxy *proxy, unsigned instance);

#endif
