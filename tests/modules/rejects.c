/* SPDX-License-Identifier: Apache-2.0
 * Rejects its keys: the first with a reason, the whole with another, or (silent) without any. */
#include "tests/modules/fixture.h"

static const struct pp_key keys[] = {
	{.name = "socket", .type = PP_KEY_STRING},
	{.name = "silent", .type = PP_KEY_BOOL, .fallback = "false"},
	{.name = NULL},
};

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	(void)instance;
	if (host->number(setup, "silent") == 0) {
		host->reject(setup, "socket", "cannot use \"%s\"", host->string(setup, "socket"));
		host->reject(setup, NULL, "%s is no step of ours", host->step_name(setup));
	}
	return 7;
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = "rejects", .keys = keys, .create = create, .run = fixture_run, .destroy = fixture_destroy};
