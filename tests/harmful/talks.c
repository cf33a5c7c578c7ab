/* SPDX-License-Identifier: Apache-2.0
 * Writes to standard output when it is loaded. */
#include <stdio.h>

#include "tests/modules/fixture.h"

__attribute__((constructor)) static void talk(void)
{
	puts("hello from a module");
	fflush(stdout);
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "talks", FIXTURE_FUNCTIONS};
