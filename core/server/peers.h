/* SPDX-License-Identifier: Apache-2.0
 * The other instances as this one sees them: which are alive, and which have died.
 *
 * Each instance sends a heartbeat every few seconds. An instance that sends none for PEER_TIMEOUT counts as dead. An
 * instance known only as the owner of records counts as dead after the same time. Live instances claim the records of
 * dead ones. The claims are conditional writes, so a wrong verdict here costs work but never correctness. */
#ifndef CORE_SERVER_PEERS_H
#define CORE_SERVER_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/clock.h"

#define PEER_SIGN_INTERVAL (4 * SECOND)
#define PEER_TIMEOUT (15 * SECOND)
/* After this time without interruption, every live instance has been heard more than once. */
#define PEER_ALL_HEARD (20 * SECOND)

struct peers;

/* own: this instance's name; copied. */
struct peers *peers_create(const char *own);
void peers_free(struct peers *peers);

/* A heartbeat. All times must come from the same clock. */
void peers_heard(struct peers *peers, const char *name, nanos now);
/* The instance announced that it stops. */
void peers_left(struct peers *peers, const char *name);
/* A record names it as owner. If it is unknown so far, it has PEER_TIMEOUT from now on to be heard. */
void peers_mentioned(struct peers *peers, const char *name, nanos now);

/* The instance announced a version that understands what this one writes. */
void peers_is_able(struct peers *peers, const char *name, nanos now);
/* Whether all live instances have announced this, and enough time has passed to hear all of them. */
bool peers_all_able(const struct peers *peers, nanos now);

/* Whether the instance is alive or may be alive. Always true for the own name. */
bool peers_lives(const struct peers *peers, const char *name);

/* Call this at least every second. True: an instance has died since the last call. After a pause (this process was
 * stopped), the time-outs of all others start over. */
bool peers_tick(struct peers *peers, nanos now);
/* No instance could be heard until now because the broker was unreachable: all time-outs start over. */
void peers_deaf(struct peers *peers, nanos now);

#endif
