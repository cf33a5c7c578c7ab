/* SPDX-License-Identifier: Apache-2.0
 * Step module: waits. The due time is the host's to keep, so a wait survives a crash. */
#include <stdlib.h>

#include <postprocessing/step.h>

struct delay {
	const struct pp_host *host;
	int64_t duration;
};

static const struct pp_key delay_keys[] = {
	{.name = "duration",
     .type = PP_KEY_DURATION,
     .fallback = "0",
     .environment = "POSTPROCESSING_DELAY",
     .help = "How long each upload waits, counted from when it reaches this step."},
	{.name = NULL},
};

static int delay_create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct delay *delay = malloc(sizeof *delay);
	if (delay == NULL) {
		host->reject(setup, NULL, "out of memory");
		return -1;
	}
	delay->host = host;
	delay->duration = host->number(setup, "duration");
	int64_t most = host->number(setup, "max_wait"); /* 0: a host that does not tell */
	if (most > 0 && delay->duration > most) {
		host->reject(setup, "duration", "longer than the step's max_wait (%.9g s)", (double)most / 1e9);
		free(delay);
		return -1;
	}
	*instance = delay;
	return 0;
}

static uint32_t delay_run(void *instance, struct pp_run *run)
{
	const struct delay *delay = instance;
	const struct pp_host *host = delay->host;
	int64_t due;
	if (delay->duration <= 0 || host->woken_at(run) != 0)
		return PP_CONTINUE;
	if (__builtin_add_overflow(host->now(run), delay->duration, &due))
		due = INT64_MAX;
	host->wait_until(run, due);
	host->set_reason(run, "waiting %.9g s, as configured", (double)delay->duration / 1e9);
	return PP_WAIT;
}

static void delay_destroy(void *instance)
{
	free(instance);
}

const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD,       .name = "delay",        .version = "1.0", .summary = "waits for a configured time",
	.keys = delay_keys, .create = delay_create, .run = delay_run, .destroy = delay_destroy,
};
