/* SPDX-License-Identifier: Apache-2.0
 * Stands between a client and a real server on this machine, and spoils what passes: late, wrong, or not at all. */
#ifndef TESTS_HARNESS_RELAY_H
#define TESTS_HARNESS_RELAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum relay_mode {
	RELAY_PASS,
	RELAY_SLOW,    /* a kilobyte every few milliseconds, in both directions */
	RELAY_HOLD,    /* nothing passes, and nothing is closed */
	RELAY_GARBAGE, /* the server's answers have other bytes */
	RELAY_CUT      /* half of an answer, and then the end of the connection */
};

struct relay {
	_Atomic(enum relay_mode) mode; /* can be changed at any time */
	uint16_t port;
	atomic_uint spoiled; /* pieces that were slowed, changed or cut */
	const char *path;    /* of the server's Unix socket; NULL: … */
	uint16_t to;         /* … its port on the loopback */
	int listener, stop[2];
	pthread_t thread;
};

/* Listens on a free port of the loopback; fails the test if it cannot. `path` is borrowed. */
void relay_start(struct relay *relay, const char *path, uint16_t to);
void relay_stop(struct relay *relay);

#endif
