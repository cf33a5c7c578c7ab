/* SPDX-License-Identifier: Apache-2.0
 * The other instances, as far as this one hears of them: who lives, and who has died.
 *
 * Each instance gives a sign of life every few seconds. One that gives none for PEER_TIMEOUT counts as dead, and so
 * does, after the same time, one that is only known because records name it as their owner. What belongs to the
 * dead is claimed by those that live; the claims are conditional writes, so an error here costs work, never order. */
#ifndef CORE_SERVER_PEERS_H
#define CORE_SERVER_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/clock.h"

#define PEER_SIGN_INTERVAL (4 * SECOND)
#define PEER_TIMEOUT (15 * SECOND)
/* After so long without a break all that live have been heard, more than once. */
#define PEER_ALL_HEARD (20 * SECOND)

struct peers;

/* own: this instance's name; copied. NULL: out of memory. */
struct peers *peers_create(const char *own);
void peers_free(struct peers *peers);

/* A sign of life. Times are of one clock throughout, whichever. */
void peers_heard(struct peers *peers, const char *name, nanos now);
/* It said that it ends. */
void peers_left(struct peers *peers, const char *name);
/* A record names it. One that is not known yet has PEER_TIMEOUT from now on to be heard. */
void peers_mentioned(struct peers *peers, const char *name, nanos now);

/* It said that it is of a version that can do with what this one makes … */
void peers_is_able(struct peers *peers, const char *name, nanos now);
/* … and so have all that live, and there was time enough to hear all. */
bool peers_all_able(const struct peers *peers, nanos now);

/* Is this an instance that lives, or may? The own one always does. */
bool peers_lives(const struct peers *peers, const char *name);

/* To be called at least every second. True: somebody has died since the last call. After a pause (this process was
 * stopped) all others get their patience anew. */
bool peers_tick(struct peers *peers, nanos now);
/* Nobody could be heard until now (the broker was away): all get their patience anew. */
void peers_deaf(struct peers *peers, nanos now);

#endif
