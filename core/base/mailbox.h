/* SPDX-License-Identifier: Apache-2.0
 * A queue from many threads to one. A mail is the first member of the struct that is sent; its kind identifies the
 * struct. */
#ifndef CORE_BASE_MAILBOX_H
#define CORE_BASE_MAILBOX_H

#include <pthread.h>

#include "core/base/clock.h"

enum mail_kind {
	MAIL_REPLY,        /* struct request (bus.h) */
	MAIL_DELIVERY,     /* struct delivery (bus.h) */
	MAIL_BUS,          /* struct bus_change (bus.h) */
	MAIL_WORD,         /* struct word (bus.h) */
	MAIL_RUN,          /* struct run (run.h): ended */
	MAIL_RECORDS,      /* struct found_records (store.h) */
	MAIL_SCAN_DONE,    /* struct scan (store.h) */
	MAIL_LOOKUP,       /* struct lookup (search.h): answered */
	MAIL_SEARCH_DONE,  /* struct search (search.h) */
	MAIL_CHECK,        /* struct check_answer (checker.h) */
	MAIL_POOL,         /* struct pool_news (pool.h) */
	MAIL_CACHE,        /* struct cache_question (cache_question.h) */
	MAIL_RELOAD,       /* struct reload (server_reload.c): a configuration was read again */
	MAIL_RELOAD_ASKED, /* only the mail */
	MAIL_STOP          /* only the mail */
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

/* Sends a mail, whose ownership passes to the receiver. */
void mailbox_send(struct mailbox *mailbox, struct mail *mail);
/* Sends a linked list of mails, from `first` to `last`. */
void mailbox_send_all(struct mailbox *mailbox, struct mail *first, struct mail *last);

/* Returns all mails that have arrived, in order. If there are none, waits for mails up to `timeout`; NULL: none
 * arrived. */
struct mail *mailbox_receive(struct mailbox *mailbox, nanos timeout);

#endif
