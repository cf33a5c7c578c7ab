/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mailbox.h"

#include <errno.h>
#include <time.h>

bool mailbox_init(struct mailbox *mailbox)
{
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return false;
	bool good = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
	            pthread_cond_init(&mailbox->filled, &attributes) == 0;
	pthread_condattr_destroy(&attributes);
	if (!good)
		return false;
	if (pthread_mutex_init(&mailbox->lock, NULL) != 0) {
		pthread_cond_destroy(&mailbox->filled);
		return false;
	}
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
	return true;
}

void mailbox_destroy(struct mailbox *mailbox)
{
	pthread_cond_destroy(&mailbox->filled);
	pthread_mutex_destroy(&mailbox->lock);
}

void mailbox_send(struct mailbox *mailbox, struct mail *mail)
{
	mailbox_send_all(mailbox, mail, mail);
}

void mailbox_send_all(struct mailbox *mailbox, struct mail *first, struct mail *last)
{
	last->next = NULL;
	pthread_mutex_lock(&mailbox->lock);
	bool was_empty = mailbox->first == NULL;
	*mailbox->last = first;
	mailbox->last = &last->next;
	/* Signalled under the lock, so that the receiver may destroy the mailbox after the last mail. */
	if (was_empty)
		pthread_cond_signal(&mailbox->filled);
	pthread_mutex_unlock(&mailbox->lock);
}

struct mail *mailbox_receive(struct mailbox *mailbox, nanos timeout)
{
	nanos until = clock_monotonic() + timeout;
	struct timespec limit = {.tv_sec = (time_t)(until / SECOND), .tv_nsec = (long)(until % SECOND)};
	pthread_mutex_lock(&mailbox->lock);
	while (mailbox->first == NULL && timeout > 0)
		if (pthread_cond_timedwait(&mailbox->filled, &mailbox->lock, &limit) == ETIMEDOUT)
			break;
	struct mail *mail = mailbox->first;
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
	pthread_mutex_unlock(&mailbox->lock);
	return mail;
}
