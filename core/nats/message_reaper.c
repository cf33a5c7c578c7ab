/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nats/message_reaper.h"

#include "core/base/thread.h"

void message_reaper_init(struct message_reaper *reaper)
{
	reaper->count = 0;
	lock_init(&reaper->lock);
}

static void free_all(struct message_reaper *reaper)
{
	for (size_t i = 0; i < reaper->count; i++)
		natsMsg_Destroy(reaper->message[i]);
	reaper->count = 0;
}

void message_reaper_end(struct message_reaper *reaper)
{
	free_all(reaper);
	pthread_mutex_destroy(&reaper->lock);
}

void message_reaper_add(struct message_reaper *reaper, natsMsg *message)
{
	if (reaper == NULL)
		natsMsg_Destroy(message);
	if (reaper == NULL || message == NULL)
		return;
	pthread_mutex_lock(&reaper->lock);
	if (reaper->count == REAPER_LIMIT)
		free_all(reaper);
	reaper->message[reaper->count++] = message;
	pthread_mutex_unlock(&reaper->lock);
}

void message_reaper_empty(struct message_reaper *reaper)
{
	pthread_mutex_lock(&reaper->lock);
	free_all(reaper);
	pthread_mutex_unlock(&reaper->lock);
}
