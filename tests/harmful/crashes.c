/* SPDX-License-Identifier: Apache-2.0
 * Crashes when it is loaded. */
#include <signal.h>

#include "tests/modules/fixture.h"

__attribute__((constructor)) static void crash(void)
{
	raise(SIGSEGV);
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "crashes", FIXTURE_FUNCTIONS};
