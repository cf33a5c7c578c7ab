/* SPDX-License-Identifier: Apache-2.0
 * Calls a function that does not exist. */
#include "tests/modules/fixture.h"

uint32_t fixture_that_nobody_has(void *instance, struct pp_run *run);

static uint32_t run(void *instance, struct pp_run *run)
{
	return fixture_that_nobody_has(instance, run);
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = "unresolved", .create = fixture_create, .run = run, .destroy = fixture_destroy};
