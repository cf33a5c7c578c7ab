/* SPDX-License-Identifier: Apache-2.0
 * Sessions with clamd (IDSESSION), one command at a time, and the pool that keeps them between uploads.
 *
 * A finished session goes back to the pool only after a complete answer. Everything else ends
 * by session_close(), which is also what tells clamd that a stream was broken off. */
#ifndef VIRUSSCAN_SESSION_H
#define VIRUSSCAN_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"
#include "idle.h"

#define SESSION_VERSION_SIZE 256

struct session {
	int fd;
	unsigned long number; /* of the last command; clamd counts them from 1 */
	int64_t opened;
	char version[SESSION_VERSION_SIZE]; /* what clamd said on it when it was asked last; "": it was not asked */
};

struct session_pool {
	struct endpoint endpoint;
	struct idle_pool *idle;
};

/* False: out of resources. */
bool session_pool_init(struct session_pool *pool, const struct endpoint *endpoint);
void session_pool_destroy(struct session_pool *pool);

/* A kept session that clamd has not closed; NULL: there is none. */
struct session *session_take(struct session_pool *pool);

/* A fresh one; NULL: the cause says why. */
struct session *session_open(const struct session_pool *pool, const struct limits *limits, struct cause *cause);

/* Takes over the session, for the next upload. */
void session_keep(struct session_pool *pool, struct session *session);
void session_close(struct session *session);

enum exchange {
	EXCHANGE_OK,
	EXCHANGE_ANSWERED, /* sending only: clamd has something to say, or has closed: session_answer() tells */
	EXCHANGE_CLOSED,
	EXCHANGE_TIMEOUT,
	EXCHANGE_CANCELLED,
	EXCHANGE_ERROR,    /* errno tells */
	EXCHANGE_MALFORMED /* answer only */
};

/* Sends a command without arguments, as "zPING", and the chunk of a stream after it unless bytes is NULL. A chunk of
 * no bytes ends the stream. `command` NULL: a chunk only. Copies nothing. */
enum exchange session_send(struct session *session, const char *command, const void *bytes, size_t length,
                           const struct limits *limits);

#define ANSWER_SIZE 1024

/* The answer to the last command, without its number. */
enum exchange session_answer(struct session *session, char text[ANSWER_SIZE], const struct limits *limits);

#endif
