/* SPDX-License-Identifier: Apache-2.0
 * Looks the upload's name up in the cache, beside each read of its bytes, and keeps it there. `calls`: also uses the
 * cache so often. `pause`: what is not in the cache takes so long. `first`: what it does after that in the first run on
 * an upload. */
#define PP_STEP_NEEDS_MINOR 1u
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/modules/fixture.h"

struct cacher {
	const struct pp_host *host;
	int64_t calls, pause, first;
};

enum first { FIRST_KEEPS, FIRST_RETRIES, FIRST_CRASHES };

static const struct pp_key cacher_keys[] = {
	{.name = "calls", .type = PP_KEY_INTEGER, .max = 1000, .fallback = "0"},
	{.name = "pause", .type = PP_KEY_DURATION, .fallback = "0"},
	{.name = "first", .type = PP_KEY_CHOICE, .choices = "keeps retries crashes", .fallback = "keeps"},
	{.name = NULL}};

static int cacher_create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct cacher *cacher = malloc(sizeof *cacher);
	if (cacher == NULL) {
		host->reject(setup, NULL, "out of memory");
		return -1;
	}
	*cacher =
		(struct cacher){host, host->number(setup, "calls"), host->number(setup, "pause"), host->number(setup, "first")};
	*instance = cacher;
	return 0;
}

static uint32_t use_up(const struct cacher *cacher, struct pp_run *run)
{
	static char large[PP_CACHE_LIMIT + 2];
	int64_t good = 0;
	memset(large, 'x', sizeof large - 1);
	bool refused = cacher->host->cache_put(run, "large", large) != 0;
	refused = cacher->host->cache_put(run, "", "text") != 0 && refused;
	refused = cacher->host->cache_put(run, "key", NULL) != 0 && refused;
	memset(large, 'k', PP_CACHE_KEY_LIMIT + 1);
	large[PP_CACHE_KEY_LIMIT + 1] = '\0';
	refused = cacher->host->cache_put(run, large, "text") != 0 && refused;
	refused = cacher->host->cache_get(run, NULL) == NULL && refused;
	for (int64_t i = 0; i < cacher->calls; i++)
		good += cacher->host->cache_put(run, "key", "text") == 0;
	cacher->host->log(run, PP_LOG_INFO, "%d of %d calls%s", (int)good, (int)cacher->calls,
	                  refused ? "; what is too long is refused" : "");
	return PP_CONTINUE;
}

/* It takes its time. False: this run finds nothing out. */
static bool find_out(const struct cacher *cacher, struct pp_run *run)
{
	const struct pp_host *host = cacher->host;
	struct pollfd cancel = {.fd = host->cancel_fd(run), .events = POLLIN};
	if (poll(&cancel, 1, (int)(cacher->pause / 1000000)) > 0)
		return false;
	if (cacher->first == FIRST_CRASHES && host->attempt(run) == 1)
		abort();
	return cacher->first == FIRST_KEEPS || host->attempt(run) > 1;
}

static uint32_t cacher_run(void *instance, struct pp_run *run)
{
	const struct cacher *cacher = instance;
	const struct pp_host *host = cacher->host;
	const char *name = host->filename(run), *known;
	const void *bytes;
	long long length = 0;
	ssize_t count;
	if (cacher->calls > 0)
		return use_up(cacher, run);
	known = host->cache_get(run, name);
	host->log(run, PP_LOG_INFO, "%s: %s", name, known != NULL ? known : "unknown");
	if (known == NULL && !find_out(cacher, run))
		return PP_RETRY;
	for (int i = 0; (count = host->read(run, &bytes)) > 0; i++) {
		length += count;
		const char *other = i < 8 ? host->cache_get(run, "something else") : NULL;
		if (other != NULL)
			host->log(run, PP_LOG_INFO, "something else: %s", other);
	}
	if (count < 0) {
		host->set_reason(run, "%s", host->read_error(run));
		return PP_RETRY;
	}
	if (length != host->filesize(run))
		return PP_ABORT;
	host->cache_put(run, name, "kept \xc3\xa4");
	return PP_CONTINUE;
}

static void cacher_destroy(void *instance)
{
	free(instance);
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD,      .name = "cacher",          .create = cacher_create,
	.run = cacher_run, .destroy = cacher_destroy, .keys = cacher_keys,
};
