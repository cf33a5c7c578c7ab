/* SPDX-License-Identifier: Apache-2.0
 * Listens on a free port of the loopback and answers each request with the bytes that a test wants, HTTP or not. */
#ifndef TESTS_HARNESS_RAW_SERVER_H
#define TESTS_HARNESS_RAW_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct raw_server {
	_Atomic(const char *) answer; /* to each request */
	atomic_bool closes;           /* the connection is closed after each answer */
	uint16_t port;
	atomic_uint connections, requests;
	pthread_mutex_t lock;
	char request[8192], seen[8192]; /* the last one, under the lock; what was returned of it */
	int listener, stop[2];
	pthread_t thread;
};

/* Serves one connection at a time; fails the test if it cannot. */
void raw_server_start(struct raw_server *server);
void raw_server_stop(struct raw_server *server);

/* The last request with its body, as far as there is room; valid until the next call. */
const char *raw_server_request(struct raw_server *server);

#endif
