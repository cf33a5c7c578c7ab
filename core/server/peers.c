/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/upload/record.h"

/* More instances than any installation has. The limit is needed because names come from records, which other services
 * can write. */
#define PEERS_LIMIT 1000
/* A longer pause between two ticks means that this process was stopped. */
#define STOPPED (5 * SECOND)

struct peer {
	char name[OWNER_LIMIT];
	nanos heard;
	bool dead;
	nanos able; /* when it last announced this; 0: never */
};

struct peers {
	char own[OWNER_LIMIT];
	struct peer *peer;
	size_t count;
	nanos ticked;
	nanos listened; /* since when other instances can be heard; 0: never */
	bool died;      /* since the last tick */
};

struct peers *peers_create(const char *own)
{
	struct peers *peers = alloc_zeroed(1, sizeof *peers);
	snprintf(peers->own, sizeof peers->own, "%s", own);
	return peers;
}

void peers_free(struct peers *peers)
{
	if (peers == NULL)
		return;
	free(peers->peer);
	free(peers);
}

static struct peer *find(const struct peers *peers, const char *name)
{
	for (size_t i = 0; i < peers->count; i++)
		if (strcmp(peers->peer[i].name, name) == 0)
			return &peers->peer[i];
	return NULL;
}

/* The entry of the dead instance that was heard longest ago. It can be reused, because an unknown instance does not
 * count as alive either. NULL: all are alive. */
static struct peer *reuse(struct peers *peers)
{
	struct peer *oldest = NULL;
	for (size_t i = 0; i < peers->count; i++)
		if (peers->peer[i].dead && (oldest == NULL || peers->peer[i].heard < oldest->heard))
			oldest = &peers->peer[i];
	return oldest;
}

/* An additional entry; NULL: no room. */
static struct peer *add(struct peers *peers)
{
	if (peers->count == PEERS_LIMIT)
		return reuse(peers);
	peers->peer = alloc_resized(peers->peer, (peers->count + 1) * sizeof *peers->peer);
	return &peers->peer[peers->count++];
}

/* NULL: it is this instance, or there is no room. */
static struct peer *find_or_add(struct peers *peers, const char *name, nanos now)
{
	if (strcmp(name, peers->own) == 0 || strlen(name) >= OWNER_LIMIT)
		return NULL;
	struct peer *peer = find(peers, name);
	if (peer != NULL)
		return peer;
	peer = add(peers);
	if (peer == NULL)
		return NULL;
	*peer = (struct peer){.heard = now};
	snprintf(peer->name, sizeof peer->name, "%s", name);
	return peer;
}

void peers_heard(struct peers *peers, const char *name, nanos now)
{
	struct peer *peer = find_or_add(peers, name, now);
	if (peer == NULL)
		return;
	peer->heard = now;
	peer->dead = false;
}

void peers_left(struct peers *peers, const char *name)
{
	struct peer *peer = find(peers, name);
	if (peer == NULL || peer->dead)
		return;
	peer->dead = true;
	peers->died = true;
}

void peers_mentioned(struct peers *peers, const char *name, nanos now)
{
	find_or_add(peers, name, now);
}

void peers_is_able(struct peers *peers, const char *name, nanos now)
{
	struct peer *peer = find_or_add(peers, name, now);
	if (peer != NULL)
		peer->able = now;
}

/* The announcement expires, because a process of another version may have taken the name. */
static bool is_able(const struct peer *peer, nanos now)
{
	return peer->able != 0 && now - peer->able < PEER_TIMEOUT;
}

bool peers_all_able(const struct peers *peers, nanos now)
{
	for (size_t i = 0; i < peers->count; i++)
		if (!peers->peer[i].dead && !is_able(&peers->peer[i], now))
			return false;
	return peers->listened != 0 && now - peers->listened >= PEER_ALL_HEARD;
}

bool peers_lives(const struct peers *peers, const char *name)
{
	if (strcmp(name, peers->own) == 0)
		return true;
	const struct peer *peer = find(peers, name);
	return peer != NULL && !peer->dead;
}

void peers_deaf(struct peers *peers, nanos now)
{
	for (size_t i = 0; i < peers->count; i++)
		peers->peer[i].heard = now;
	peers->ticked = peers->listened = now;
}

bool peers_tick(struct peers *peers, nanos now)
{
	if (peers->ticked == 0 || now - peers->ticked > STOPPED)
		peers_deaf(peers, now);
	peers->ticked = now;
	for (size_t i = 0; i < peers->count; i++) {
		struct peer *peer = &peers->peer[i];
		if (!peer->dead && now - peer->heard > PEER_TIMEOUT)
			peer->dead = peers->died = true;
	}
	bool died = peers->died;
	peers->died = false;
	return died;
}
