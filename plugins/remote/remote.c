/* SPDX-License-Identifier: Apache-2.0
 * Step module: another service on the bus does the step. The host publishes StartPostprocessingStep under the
 * step's name; the answer's outcome is the verdict, and no answer by the step's deadline is a retry. */
#include <stddef.h>

#include <postprocessing/step.h>

static int remote_create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	(void)setup;
	*instance = (void *)(uintptr_t)host; /* the host's table outlives the instance and is never written to */
	return 0;
}

static uint32_t remote_run(void *instance, struct pp_run *run)
{
	const struct pp_host *host = instance;
	host->await_event(run, host->deadline(run));
	host->set_reason(run, "waiting for the service that performs this step");
	return PP_AWAIT;
}

static void remote_destroy(void *instance)
{
	(void)instance;
}

const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD,
	.name = "remote",
	.version = "1.0",
	.summary = "leaves the step to another service on the bus",
	.create = remote_create,
	.run = remote_run,
	.destroy = remote_destroy,
};
