/* SPDX-License-Identifier: Apache-2.0
 * Messages of the client library that are done with. It does not free them itself when they are destroyed but wakes a
 * thread of its own for it, which costs more than all else that is done with most of them: many at once wake it once. */
#ifndef CORE_NATS_SPENT_H
#define CORE_NATS_SPENT_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>

#define SPENT_LIMIT 512

/* For any threads. */
struct spent {
	pthread_mutex_t lock;
	natsMsg *message[SPENT_LIMIT];
	size_t count;
};

bool spent_init(struct spent *spent);
/* Frees what is left. */
void spent_end(struct spent *spent);

/* Frees the message some time later. NULL is fine; spent NULL: at once. */
void spent_add(struct spent *spent, natsMsg *message);
/* Frees all, so that nothing is kept when nothing comes. To be called about once a second. */
void spent_empty(struct spent *spent);

#endif
