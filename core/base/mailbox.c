/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mailbox.h"

#include "core/base/thread.h"

void mailbox_init(struct mailbox *mailbox)
{
	lock_init(&mailbox->lock);
	condition_init(&mailbox->filled);
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
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
	pthread_mutex_lock(&mailbox->lock);
	while (mailbox->first == NULL && timeout > 0)
		if (!condition_wait_until(&mailbox->filled, &mailbox->lock, until))
			break;
	struct mail *mail = mailbox->first;
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
	pthread_mutex_unlock(&mailbox->lock);
	return mail;
}
