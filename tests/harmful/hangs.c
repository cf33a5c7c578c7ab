/* SPDX-License-Identifier: Apache-2.0
 * Loading it never ends. */
#include <unistd.h>

#include "tests/modules/fixture.h"

__attribute__((constructor)) static void hang(void)
{
	for (;;)
		pause();
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "hangs", FIXTURE_FUNCTIONS};
