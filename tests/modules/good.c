/* SPDX-License-Identifier: Apache-2.0
 * Does what its keys say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/modules/fixture.h"

struct good {
	const struct pp_host *host;
	int64_t returns;
	const char *calls;
};

static const struct pp_key keys[] = {
	{.name = "returns", .type = PP_KEY_INTEGER, .min = 0, .max = 4294967295, .fallback = "1"},
	{.name = "calls", .type = PP_KEY_STRING, .fallback = ""},
	{.name = NULL},
};

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct good *good = calloc(1, sizeof *good);
	if (good == NULL)
		return -1;
	*good =
		(struct good){.host = host, .returns = host->number(setup, "returns"), .calls = host->string(setup, "calls")};
	*instance = good;
	return 0;
}

/* The result is the number of bytes and their sum. */
static int sum_bytes(const struct good *good, struct pp_run *run)
{
	char result[80];
	const void *bytes;
	ssize_t count;
	unsigned long long total = 0, sum = 0;
	while ((count = good->host->read(run, &bytes)) > 0) {
		total += (unsigned long long)count;
		for (ssize_t i = 0; i < count; i++)
			sum += ((const unsigned char *)bytes)[i];
	}
	snprintf(result, sizeof result, "{\"bytes\": %llu, \"sum\": %llu}", total, sum);
	return count < 0 ? -1 : good->host->set_result(run, result);
}

static uint32_t run(void *instance, struct pp_run *run)
{
	const struct good *good = instance;
	if (strstr(good->calls, "wait") != NULL)
		good->host->wait_until(run, 4711);
	if (strstr(good->calls, "await") != NULL)
		good->host->await_event(run, 4712);
	if (strstr(good->calls, "result") != NULL && good->host->set_result(run, "{ \"a\": [1] }") != 0)
		return PP_RETRY;
	if (strstr(good->calls, "nonsense") != NULL && good->host->set_result(run, "{a}") == 0)
		return PP_DELETE;
	if (strstr(good->calls, "reason") != NULL)
		good->host->set_reason(run, "for %s", good->host->filename(run));
	if (strstr(good->calls, "sum") != NULL && sum_bytes(good, run) != 0)
		return PP_RETRY;
	if (strstr(good->calls, "log") != NULL)
		good->host->log(run, PP_LOG_DEBUG, "a line of the log");
	return (uint32_t)good->returns;
}

static int check(void *instance, char *why, size_t size)
{
	(void)instance;
	(void)why;
	(void)size;
	return 0;
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = "good", .keys = keys, .create = create, .run = run, .destroy = free, .check = check};
