/* SPDX-License-Identifier: Apache-2.0
 * Listens in place of an ICAP server, plain or by TLS, and answers as a test wants it to. */
#ifndef TESTS_PLUGINS_ICAP_SERVER_H
#define TESTS_PLUGINS_ICAP_SERVER_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What a server does wrong, or seldom, with TLS. */
enum tls_habit {
	TLS_PROPER,
	TLS_ABRUPT,       /* closes without saying so */
	TLS_CUT,          /* closes in the middle of a record, in place of the answer */
	TLS_GARBAGE,      /* sends a record that is none of the connection's, in place of the answer */
	TLS_RENEGOTIATES, /* wants another handshake before the answer; with TLS 1.2 */
	TLS_NEW_KEYS      /* changes the keys after each megabyte that it receives, and wants that in return */
};

struct icap_server {
	const char *options; /* the answer to OPTIONS; NULL: none, the connection is closed */
	const char *preview; /* the answer to a preview; NULL: as `answer` */
	const char *answer;  /* to the whole request; NULL: none, the connection is closed */
	const char *found;   /* the same, to one with EICAR in it; NULL: as `answer` */
	size_t early;        /* after this many bytes of the request: `answer`, and the connection is closed; 0: no */
	bool closes;         /* the connection is closed after each answer to a request */
	const char *certificate, *key; /* PEM: with TLS; NULL: plain */
	enum tls_habit habit;
	int most; /* the most recent version of TLS, as TLS1_2_VERSION; 0: any */

	char url[64];
	atomic_uint connections, requests, asked; /* asked: for the options */
	atomic_uint answered;                     /* requests; see icap_server_answered() */
	atomic_uint handshakes, resumed;          /* of TLS that succeeded; of these, with a session of before */
	char request[4096];                       /* the beginning of the last one; read it when it is answered */
	SSL_CTX *tls;
	int listener, stop[2];
	pthread_t thread;
};

/* Serves one connection at a time; fails the test if it cannot. */
void icap_server_start(struct icap_server *server);
void icap_server_stop(struct icap_server *server);

/* How many requests have been answered. The call makes `request` and `answer` visible to the test, and to the server
 * what the test has changed. */
unsigned icap_server_answered(struct icap_server *server);

#endif
