/* SPDX-License-Identifier: Apache-2.0
 * When it is loaded, it starts a process that outlives the loading process. */
#include <unistd.h>

#include "tests/modules/fixture.h"

__attribute__((constructor)) static void start(void)
{
	if (fork() != 0)
		return;
	alarm(20);
	for (;;)
		pause();
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "leaves_child", FIXTURE_FUNCTIONS};
