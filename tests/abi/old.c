/* SPDX-License-Identifier: Apache-2.0
 * A module that was built for step ABI 1.0, with the header of that time. It calls every function that there was, and
 * tells in its Result what they returned. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/abi/step-1.0.h"

struct old {
	const struct pp_host *host;
	const char *step, *text, *unset;
	int64_t flag, number, duration, size, word, ends, deadline, max_wait;
};

static const struct pp_key keys[] = {
	{.name = "text", .fallback = "a text", .help = "any text"},
	{.name = "unset"},
	{.name = "flag", .type = PP_KEY_BOOL, .fallback = "yes"},
	{.name = "number", .type = PP_KEY_INTEGER, .fallback = "7", .min = -10, .max = 10},
	{.name = "duration", .type = PP_KEY_DURATION, .fallback = "1m30s"},
	{.name = "size", .type = PP_KEY_SIZE, .fallback = "3KiB"},
	{.name = "word", .type = PP_KEY_CHOICE, .choices = "one two three", .fallback = "three"},
	{.name = "ends",
     .type = PP_KEY_CHOICE,
     .choices = "retry continue abort delete wait await cancelled",
     .fallback = "continue"},
	{.name = NULL},
};

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct old *old = calloc(1, sizeof *old);
	if (old == NULL || host->abi_major != 1 || host->size < sizeof *host)
		return -1;
	if (host->number(setup, "number") == 0) {
		host->reject(setup, "number", "%s must not be %d", host->step_name(setup), 0);
		free(old);
		return -1;
	}
	*old = (struct old){.host = host,
	                    .step = host->step_name(setup),
	                    .text = host->string(setup, "text"),
	                    .unset = host->string(setup, "unset"),
	                    .flag = host->number(setup, "flag"),
	                    .number = host->number(setup, "number"),
	                    .duration = host->number(setup, "duration"),
	                    .size = host->number(setup, "size"),
	                    .word = host->number(setup, "word"),
	                    .ends = host->number(setup, "ends"),
	                    .deadline = host->number(setup, "deadline"),
	                    .max_wait = host->number(setup, "max_wait")};
	*instance = old;
	return 0;
}

/* The bytes and their sum; -1: read_error() is the reason. */
static int64_t read_all(const struct pp_host *host, struct pp_run *run, int64_t *length)
{
	const void *bytes;
	ssize_t count;
	int64_t sum = 0;
	while ((count = host->read(run, &bytes)) > 0) {
		for (ssize_t i = 0; i < count; i++)
			sum += ((const unsigned char *)bytes)[i];
		*length += count;
	}
	if (count < 0)
		host->set_reason(run, "read: %s", host->read_error(run));
	return count < 0 ? -1 : sum;
}

static void tell(const struct old *old, struct pp_run *run, int64_t length, int64_t sum)
{
	const struct pp_host *host = old->host;
	char result[2048];
	int64_t left = host->deadline(run) - host->now(run);
	snprintf(
		result, sizeof result,
		"{\"keys\":[\"%s\",\"%s\",%d,%lld,%lld,%lld,%lld,%lld,%lld,%lld],\"id\":\"%s\",\"filename\":\"%s\",\"filesize\":%lld,"
		"\"resource\":%s,\"attempt\":%u,\"woken\":%lld,\"read\":%lld,\"sum\":%lld,\"left\":%d,\"cancelled\":%d}",
		old->step, old->text, old->unset == NULL, (long long)old->flag, (long long)old->number,
		(long long)old->duration, (long long)old->size, (long long)old->word, (long long)old->deadline,
		(long long)old->max_wait, host->upload_id(run), host->filename(run), (long long)host->filesize(run),
		host->resource_id(run), (unsigned)host->attempt(run), (long long)host->woken_at(run), (long long)length,
		(long long)sum, left > 0, host->cancelled(run));
	if (host->set_result(run, "not JSON") == 0 || host->set_result(run, result) != 0)
		host->set_reason(run, "set_result() returned something else");
}

static uint32_t run(void *instance, struct pp_run *run)
{
	static const uint32_t values[] = {PP_RETRY, PP_CONTINUE, PP_ABORT, PP_DELETE, PP_WAIT, PP_AWAIT};
	const struct old *old = instance;
	const struct pp_host *host = old->host;
	struct pollfd cancel = {.fd = host->cancel_fd(run), .events = POLLIN};
	int64_t length = 0, sum = read_all(host, run, &length);
	if (sum < 0)
		return PP_RETRY;
	host->log(run, PP_LOG_INFO, "%lld bytes", (long long)length);
	host->set_reason(run, "the reason of %s", old->step);
	tell(old, run, length, sum);
	if (old->ends == 4)
		host->wait_until(run, 4711);
	if (old->ends == 5)
		host->await_event(run, 4712);
	if (old->ends < 6)
		return values[old->ends];
	while (host->cancelled(run) == 0)
		poll(&cancel, 1, 20000);
	host->set_reason(run, "cancelled, readable: %d", poll(&cancel, 1, 0));
	return PP_RETRY;
}

static int check(void *instance, char *why, size_t size)
{
	const struct old *old = instance;
	snprintf(why, size, "the check of %s", old->step);
	return old->ends == 0 ? -1 : 0;
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = "old",   .version = "1", .summary = "built for 1.0", .keys = keys, .create = create,
	.run = run,   .destroy = free, .check = check};
