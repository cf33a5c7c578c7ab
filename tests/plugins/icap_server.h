/* SPDX-License-Identifier: Apache-2.0
 * Listens in place of an ICAP server, and answers as a test wants it to. */
#ifndef TESTS_PLUGINS_ICAP_SERVER_H
#define TESTS_PLUGINS_ICAP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct icap_server {
	const char *options; /* the answer to OPTIONS; NULL: none, the connection is closed */
	const char *preview; /* the answer to a preview; NULL: as `answer` */
	const char *answer;  /* to the whole request; NULL: none, the connection is closed */
	size_t early;        /* after this many bytes of the request: `answer`, and the connection is closed; 0: no */
	bool closes;         /* the connection is closed after each answer to a request */

	char url[64];
	atomic_uint connections, requests, asked; /* asked: for the options */
	char request[4096];                       /* the beginning of the last one; read it when it is answered */
	int listener, stop[2];
	pthread_t thread;
};

/* Serves one connection at a time; fails the test if it cannot. */
void icap_server_start(struct icap_server *server);
void icap_server_stop(struct icap_server *server);

#endif
