/* SPDX-License-Identifier: Apache-2.0
 * What the runs ask of the cache. */
#include <stdlib.h>

#include "core/base/cache_memory.h"
#include "core/server/server_private.h"

/* What the memory has at most. */
#define MEMORY_ENTRIES 1024
#define MEMORY_BYTES ((size_t)1 << 20)

/* Counts the question as its run sees it. A late answer is none for the run. A run that has ended before did not need
 * one. */
static void count(struct server *server, const struct cache_question *question, bool found, bool shared)
{
	bool late = cache_question_is_late(question, clock_monotonic());
	if (found && !late) {
		metrics_count(&server->counted, cache_hits);
		if (shared)
			metrics_count(&server->counted, cache_shared);
	} else if (late || !question->run_ended) {
		metrics_count(&server->counted, cache_misses);
	}
}

/* Takes both over. shared: another run has found the text out. */
static void answer(struct server *server, struct cache_question *question, char *text, bool shared)
{
	if (!server->runs_ended) {
		count(server, question, text != NULL, shared);
		cache_question_answer(question, text);
		return;
	}
	free(text);
	cache_question_free(question);
}

/* The cache has answered, or cannot. */
static void take_answer(void *closure, void *asked, char *text)
{
	struct server *server = closure;
	struct cache_question *question = asked;
	if (text != NULL)
		cache_flights_land(server->flights, question->key, text);
	answer(server, question, text, false);
}

/* A question has waited for another run. */
static void end_wait(void *closure, struct cache_question *question, char *text)
{
	answer(closure, question, text, true);
}

void server_create_cache(struct server *server)
{
	const struct config *config = server->config;
	server->cache_memory = cache_memory_create(&(struct cache_memory_limits){MEMORY_ENTRIES, MEMORY_BYTES},
	                                           server->counted.cache_remembered);
	server->flights = cache_flights_create(end_wait, server);
	server->cache = cache_create(&(struct cache_options){.enabled = config->cache_enabled,
	                                                     .bucket = config->bucket,
	                                                     .nonce = server->nonce,
	                                                     .ttl = config->cache_ttl,
	                                                     .size = config->cache_size,
	                                                     .log = server->log,
	                                                     .memory = server->cache_memory,
	                                                     .asked = server->counted.cache_asked,
	                                                     .answer = take_answer,
	                                                     .closure = server});
}

void server_end_cache(struct server *server)
{
	cache_destroy(server->cache);
	cache_flights_destroy(server->flights);
	cache_memory_destroy(server->cache_memory);
}

static void keep(struct server *server, const struct cache_question *question)
{
	metrics_count(&server->counted, cache_kept);
	cache_flights_land(server->flights, question->key, question->keep);
	cache_keep(server->cache, server->records->bus, question->key, question->keep);
}

void server_take_question(struct server *server, struct cache_question *question)
{
	if (question->keep != NULL) {
		keep(server, question);
		cache_question_free(question);
	} else if (!server->config->cache_enabled || cache_flights_lead(server->flights, question, clock_monotonic())) {
		cache_ask(server->cache, server->records->bus, question->key, question);
	}
}
