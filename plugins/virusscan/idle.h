/* SPDX-License-Identifier: Apache-2.0
 * Connections to a scanner that wait for their next use. An idle one is closed after a second, and one that has served
 * for two is not kept. So a scanner that takes fewer connections than there are workers serves all of them in turn:
 * otherwise the first ones would keep theirs, and the others would wait until the scanner closes them. */
#ifndef VIRUSSCAN_IDLE_H
#define VIRUSSCAN_IDLE_H

#include <stdbool.h>
#include <stdint.h>

/* What the pool needs to know of connections. */
struct idle_kind {
	int64_t (*opened)(const void *connection); /* monotonic */
	bool (*alive)(void *connection);           /* the other side has neither sent anything nor closed */
	void (*close)(void *connection);
};

struct idle_pool;

/* NULL: out of resources. */
struct idle_pool *idle_create(const struct idle_kind *kind);
void idle_destroy(struct idle_pool *pool);

/* One that is alive; NULL: there is none. */
void *idle_take(struct idle_pool *pool);

/* Takes over the connection. */
void idle_keep(struct idle_pool *pool, void *connection);

#endif
