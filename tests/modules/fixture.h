/* SPDX-License-Identifier: Apache-2.0
 * What the modules of the tests share. Each of them has one defect. */
#ifndef TESTS_MODULES_FIXTURE_H
#define TESTS_MODULES_FIXTURE_H

#include <postprocessing/step.h>

static inline int fixture_create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	static char nothing;
	(void)host;
	(void)setup;
	*instance = &nothing;
	return 0;
}

static inline uint32_t fixture_run(void *instance, struct pp_run *run)
{
	(void)instance;
	(void)run;
	return PP_CONTINUE;
}

static inline void fixture_destroy(void *instance)
{
	(void)instance;
}

#define FIXTURE_FUNCTIONS .create = fixture_create, .run = fixture_run, .destroy = fixture_destroy

#endif
