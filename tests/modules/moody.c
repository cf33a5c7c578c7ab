/* SPDX-License-Identifier: Apache-2.0
 * Works while the file `mood` does not exist. While it exists, runs and the check fail, with the file's text as the
 * reason; with the text "hang" the check does not end before the file is removed. `until` is the time that runs ask
 * for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/modules/fixture.h"

struct moody {
	const struct pp_host *host;
	const char *mood, *until;
};

static const struct pp_key keys[] = {
	{.name = "mood", .type = PP_KEY_STRING, .fallback = "/nowhere"},
	{.name = "until", .type = PP_KEY_STRING, .help = "nanoseconds since 1970, or now"},
	{.name = NULL},
};

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct moody *moody = calloc(1, sizeof *moody);
	if (moody == NULL)
		return -1;
	*moody = (struct moody){.host = host, .mood = host->string(setup, "mood"), .until = host->string(setup, "until")};
	*instance = moody;
	return 0;
}

/* 0: the file exists; its text was read. */
static int read_mood(const struct moody *moody, char *text, size_t size)
{
	FILE *file = fopen(moody->mood, "re");
	if (file == NULL)
		return -1;
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
	return 0;
}

static uint32_t run(void *instance, struct pp_run *run)
{
	const struct moody *moody = instance;
	char text[128];
	if (read_mood(moody, text, sizeof text) == 0) {
		moody->host->set_reason(run, "bad mood: %s", text);
		return PP_RETRY;
	}
	if (moody->until == NULL)
		return PP_CONTINUE;
	moody->host->wait_until(run,
	                        strcmp(moody->until, "now") == 0 ? moody->host->now(run) : strtoll(moody->until, NULL, 10));
	return PP_WAIT;
}

static int check(void *instance, char *why, size_t size)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	char text[128];
	if (read_mood(instance, text, sizeof text) != 0)
		return 0;
	while (strcmp(text, "hang") == 0 && access(((const struct moody *)instance)->mood, F_OK) == 0)
		nanosleep(&pause, NULL);
	snprintf(why, size, "%s", text);
	return -1;
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = "moody", .keys = keys, .create = create, .run = run, .destroy = free, .check = check};
