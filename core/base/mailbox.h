/* SPDX-License-Identifier: Apache-2.0
 * A queue from many threads to one. A mail is the first member of what is sent; its kind says what that is. */
#ifndef CORE_BASE_MAILBOX_H
#define CORE_BASE_MAILBOX_H

#include <pthread.h>

#include "core/base/clock.h"

enum mail_kind {
	MAIL_REPLY,     /* struct request (bus.h) */
	MAIL_DELIVERY,  /* struct delivery (bus.h) */
	MAIL_BUS,       /* struct bus_change (bus.h) */
	MAIL_WORD,      /* struct word (bus.h) */
	MAIL_RUN,       /* struct run (run.h): it is over */
	MAIL_RECORDS,   /* struct found_records (store.h) */
	MAIL_SCAN_DONE, /* struct scan (store.h) */
	MAIL_LOOKUP,    /* struct lookup (search.h): answered */
	MAIL_SEARCH_DONE, /* struct search (search.h) */
	MAIL_CHECK,     /* struct check_answer (checker.h) */
	MAIL_STOP       /* nothing but the mail */
};

struct mail {
	struct mail *next;
	enum mail_kind kind;
};

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct mail *first, **last;
};

void mailbox_init(struct mailbox *mailbox);
void mailbox_destroy(struct mailbox *mailbox);

/* Hands `mail` over. */
void mailbox_send(struct mailbox *mailbox, struct mail *mail);
/* Hands over all from `first` to `last`, which are linked. */
void mailbox_send_all(struct mailbox *mailbox, struct mail *first, struct mail *last);

/* All that has come, in order, or, when nothing has, what comes within `timeout`; NULL: nothing did. */
struct mail *mailbox_receive(struct mailbox *mailbox, nanos timeout);

#endif
