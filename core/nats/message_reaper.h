/* SPDX-License-Identifier: Apache-2.0
 * Destroys messages of the client library in batches. The library does not free a destroyed message at once, but wakes
 * a thread for it. For most messages this costs more than all other processing. Destroying many at once wakes the
 * thread only once: 0.2 context switches per upload in batches of 512, and 1.3 in batches of a dozen. */
#ifndef CORE_NATS_MESSAGE_REAPER_H
#define CORE_NATS_MESSAGE_REAPER_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>

#define REAPER_LIMIT 512

/* All functions may be called from any thread. */
struct message_reaper {
	pthread_mutex_t lock;
	natsMsg *message[REAPER_LIMIT];
	size_t count;
};

void message_reaper_init(struct message_reaper *reaper);
/* Frees the remaining messages. */
void message_reaper_end(struct message_reaper *reaper);

/* Frees the message some time later; with a NULL reaper, at once. The message may be NULL. */
void message_reaper_add(struct message_reaper *reaper, natsMsg *message);
/* Frees all messages, so that none are kept while there is no traffic. Called about once a second. */
void message_reaper_empty(struct message_reaper *reaper);

#endif
