/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nats/spent.h"

bool spent_init(struct spent *spent)
{
	spent->count = 0;
	return pthread_mutex_init(&spent->lock, NULL) == 0;
}

static void free_all(struct spent *spent)
{
	for (size_t i = 0; i < spent->count; i++)
		natsMsg_Destroy(spent->message[i]);
	spent->count = 0;
}

void spent_end(struct spent *spent)
{
	free_all(spent);
	pthread_mutex_destroy(&spent->lock);
}

void spent_add(struct spent *spent, natsMsg *message)
{
	if (spent == NULL)
		natsMsg_Destroy(message);
	if (spent == NULL || message == NULL)
		return;
	pthread_mutex_lock(&spent->lock);
	if (spent->count == SPENT_LIMIT)
		free_all(spent);
	spent->message[spent->count++] = message;
	pthread_mutex_unlock(&spent->lock);
}

void spent_empty(struct spent *spent)
{
	pthread_mutex_lock(&spent->lock);
	free_all(spent);
	pthread_mutex_unlock(&spent->lock);
}
