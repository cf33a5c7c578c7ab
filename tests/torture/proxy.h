/* SPDX-License-Identifier: Apache-2.0
 * A proxy between the instances and the broker. Each instance connects to its own ports, and the traffic is read
 * frame by frame, so that a frame can be lost, cut, held back, or be the moment at which the instance dies.
 *
 * It runs on its own thread. Everything except proxy_create() and proxy_destroy() is done through an instance's
 * gate. */
#ifndef TESTS_TORTURE_PROXY_H
#define TESTS_TORTURE_PROXY_H

#include <sys/types.h>

#include "tests/torture/dialogue.h"

struct proxy;

/* Kill -9 when a frame of this kind passes. */
struct trap {
	bool set;
	enum point point;
	bool withhold; /* the frame itself is withheld */
	unsigned skip; /* that many of them pass before */
};

/* The switches of one instance. */
struct gate {
	pid_t pid; /* of its process; 0: it must not be killed */
	struct trap trap;
	bool sprung;           /* the trap has killed it; the process is to be waited for */
	bool hole;             /* nothing passes either way, and new connections stay silent */
	bool cut;              /* the next frame with a payload passes by half, then the connection is closed */
	bool pieces;           /* everything passes in small pieces */
	unsigned answers_lost; /* percent of the broker's answers about writes and publishes that are lost */
	unsigned acks_lost;    /* percent of the instance's acknowledgements that are lost */
	size_t lost_answers, lost_acks, cuts; /* counts */
};

/* For TORTURE_INSTANCES instances, which reach it at `host`, an address of this machine, with brokers at these ports
 * of the loopback. The proxy's thread uses the ledger while it lives. Fails the test if it cannot start. */
struct proxy *proxy_create(const char *host, const unsigned *broker_port, unsigned brokers, struct ledger *ledger,
                           uint64_t seed);
void proxy_destroy(struct proxy *proxy);

#define PROXY_LOOPBACK "127.0.0.1"
/* The endpoint of the broker in the instance's configuration: "host:port", several separated by commas. */
#define PROXY_ENDPOINT_SIZE 80
void proxy_endpoint(const struct proxy *proxy, unsigned instance, char endpoint[PROXY_ENDPOINT_SIZE]);

/* The gate of an instance, until it is given back; meanwhile no frame passes. */
struct gate *proxy_take(struct proxy *proxy, unsigned instance);
void proxy_give_back(struct proxy *proxy);

/* Closes all of an instance's connections. */
void proxy_drop(struct proxy *proxy, unsigned instance);

#endif
