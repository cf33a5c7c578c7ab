/* SPDX-License-Identifier: Apache-2.0
 * Single flight: what several runs of this instance ask the cache for at the same time is found out by one of them.
 *
 * A flight is a key that a run has asked for and that the cache has no text for, as far as is known. That run leads the
 * flight: it is about to find the text out. Other runs that ask for the key wait until there is a text, which all of
 * them get. If the leader ends without one, the run that has waited for longest is told that there is nothing, and
 * leads. A question that has waited for CACHE_TIMEOUT is told so, too, and its run leads from then on: so a run that
 * hangs makes others wait once.
 *
 * A run that waits itself is not waited for, or two runs that ask for two keys in different orders would wait for each
 * other.
 *
 * No clock, no threads: for the main thread. */
#ifndef CORE_STEPS_CACHE_FLIGHTS_H
#define CORE_STEPS_CACHE_FLIGHTS_H

#include "core/base/clock.h"
#include "core/steps/cache_question.h"

struct cache_flights;

/* `tell` takes a question over that has waited, and the text, which is NULL if there is none. */
struct cache_flights *cache_flights_create(void (*tell)(void *closure, struct cache_question *question, char *text),
                                           void *closure);
/* Frees the questions that wait, and tells nobody. NULL is fine. */
void cache_flights_destroy(struct cache_flights *flights);

/* A run asks. True: look the key up; the run leads the flight. False: the question waits, and belongs to the flight. */
bool cache_flights_lead(struct cache_flights *flights, struct cache_question *question, nanos now);
/* There is a text under the key: tells all that wait for it. Borrows the text. */
void cache_flights_land(struct cache_flights *flights, const char *key, const char *text);
/* The run has ended, or will not ask any more. */
void cache_flights_leave(struct cache_flights *flights, const struct run *run);
/* Tells those that have waited for too long. To be called about once a second: their runs do not wait for it. */
void cache_flights_expire(struct cache_flights *flights, nanos now);

#endif
