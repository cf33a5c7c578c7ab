/* SPDX-License-Identifier: Apache-2.0
 * Messages of the client library that are done with. It does not free them itself when they are destroyed but wakes a
 * thread of its own for it, which costs more than all else that is done with most of them: many at once wake it once. */
#ifndef CORE_NATS_MESSAGE_REAPER_H
#define CORE_NATS_MESSAGE_REAPER_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>

#define SPENT_LIMIT 512

/* For any threads. */
struct message_reaper {
	pthread_mutex_t lock;
	natsMsg *message[SPENT_LIMIT];
	size_t count;
};

void message_reaper_init(struct message_reaper *reaper);
/* Frees what is left. */
void message_reaper_end(struct message_reaper *reaper);

/* Frees the message some time later. NULL is fine; spent NULL: at once. */
void message_reaper_add(struct message_reaper *reaper, natsMsg *message);
/* Frees all, so that nothing is kept when nothing comes. To be called about once a second. */
void message_reaper_empty(struct message_reaper *reaper);

#endif
