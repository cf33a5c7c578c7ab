/* SPDX-License-Identifier: Apache-2.0
 * Ends the process when it is loaded. */
#include <stdlib.h>

#include "tests/modules/fixture.h"

__attribute__((constructor)) static void end(void)
{
	exit(0);
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "exits", FIXTURE_FUNCTIONS};
