/* SPDX-License-Identifier: Apache-2.0
 * A module of which there are two versions. The result of a run names the version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/modules/fixture.h"

#ifndef EDITION
#define EDITION 1
#endif

struct versions {
	const struct pp_host *host;
	const char *label;
	int64_t run_time;
	uint32_t outcome;
};

static const struct pp_key keys[] = {
	{.name = "outcome", .type = PP_KEY_CHOICE, .choices = "continue abort", .fallback = "continue"},
	{.name = "create_time", .type = PP_KEY_DURATION, .fallback = "0"},
	{.name = "run_time", .type = PP_KEY_DURATION, .fallback = "0"},
	{.name = "label", .type = PP_KEY_STRING, .fallback = "none"},
#if EDITION > 1
	{.name = "new", .type = PP_KEY_BOOL, .fallback = "false"},
#endif
	{.name = NULL},
};

static void pause_for(int64_t nanoseconds)
{
	struct timespec pause = {nanoseconds / 1000000000, nanoseconds % 1000000000};
	nanosleep(&pause, NULL);
}

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct versions *versions = calloc(1, sizeof *versions);
	if (versions == NULL)
		return -1;
	*versions = (struct versions){.host = host,
	                              .label = host->string(setup, "label"),
	                              .run_time = host->number(setup, "run_time"),
	                              .outcome = host->number(setup, "outcome") == 0 ? PP_CONTINUE : PP_ABORT};
	*instance = versions;
	if (strcmp(versions->label, "refused") == 0) {
		host->reject(setup, "label", "this label is refused");
		free(versions);
		return -1;
	}
	if (strcmp(versions->label, "crash") == 0)
		abort();
	pause_for(host->number(setup, "create_time"));
	return 0;
}

static uint32_t run(void *instance, struct pp_run *run)
{
	const struct versions *versions = instance;
	char result[80];
	const void *bytes;
	ssize_t count;
	pause_for(versions->run_time);
	while ((count = versions->host->read(run, &bytes)) > 0)
		;
	snprintf(result, sizeof result, "{\"version\": %d, \"label\": \"%s\"}", EDITION, versions->label);
	if (count < 0 || versions->host->set_result(run, result) != 0)
		return PP_RETRY;
	versions->host->log(run, PP_LOG_DEBUG, "version %d, label %s", EDITION, versions->label);
	return versions->outcome;
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD,     .name = "versions", .keys = keys,
                                                             .create = create, .run = run,         .destroy = free};
