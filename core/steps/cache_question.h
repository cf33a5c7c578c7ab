/* SPDX-License-Identifier: Apache-2.0
 * What a run asks of the cache that all instances share, or gives to it. The server answers from its broker. */
#ifndef CORE_STEPS_CACHE_QUESTION_H
#define CORE_STEPS_CACHE_QUESTION_H

#include "core/base/mailbox.h"

struct run;

/* A key as the cache has it: the SHA-256 of the module's name and the module's key, as hex digits. */
#define CACHE_KEY_SIZE 65

/* MAIL_CACHE. Pass it to cache_question_answer(), which frees it or leaves it to the run. */
struct cache_question {
	struct mail mail;
	char key[CACHE_KEY_SIZE];
	char *keep;                  /* the text to keep under the key; NULL: it asks for the text */
	char *answer;                /* NULL: there is none, or it cannot be had */
	nanos made;                  /* monotonic */
	const struct run *asked_by;  /* only to be compared: until that run has come back, no other one is at its address */
	struct cache_question *next; /* see cache_flights.h: in its flight, since when (monotonic) */
	nanos waits_since;
	bool run_ended; /* while it waited in its flight */
	void (*answered)(struct cache_question *question);
	void (*dropped)(struct cache_question *question); /* called if it is freed without an answer; may be NULL */
	void *asker;                                      /* of what follows: */
	uint64_t run;                                     /* a number of the asker's */
	unsigned number;
};

/* A question of the run. Copies its texts; `keep` may be NULL. NULL: no digest can be made. */
struct cache_question *cache_question_create(const struct run *run, const char *module, const char *key,
                                             const char *keep);
/* Whether the run does not wait for the answer any more; now: monotonic. */
bool cache_question_is_late(const struct cache_question *question, nanos now);
/* Takes the answer over, which may be NULL. */
void cache_question_answer(struct cache_question *question, char *answer);
void cache_question_free(struct cache_question *question);

#endif
