/* SPDX-License-Identifier: Apache-2.0
 * What the runs ask of the cache. */
#include <stdlib.h>

#include "core/server/server_private.h"

/* The cache has answered, or cannot. */
static void answer(void *closure, void *asked, char *text)
{
	struct server *server = closure;
	struct cache_question *question = asked;
	counter_add(text != NULL ? server->counted.cache_hits : server->counted.cache_misses, 1);
	if (!server->runs_ended) {
		cache_question_answer(question, text);
		return;
	}
	free(text);
	cache_question_free(question);
}

void server_create_cache(struct server *server)
{
	const struct config *config = server->config;
	server->cache = cache_create(&(struct cache_options){.enabled = config->cache_enabled,
	                                                     .bucket = config->bucket,
	                                                     .ttl = config->cache_ttl,
	                                                     .size = config->cache_size,
	                                                     .log = server->log,
	                                                     .answer = answer,
	                                                     .closure = server});
}

void server_take_question(struct server *server, struct cache_question *question)
{
	if (question->keep == NULL) {
		cache_ask(server->cache, server->records->bus, question->key, question);
		return;
	}
	metrics_count(&server->counted, cache_kept);
	cache_keep(server->cache, server->records->bus, question->key, question->keep);
	cache_question_free(question);
}
