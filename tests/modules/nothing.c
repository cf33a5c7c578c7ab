/* SPDX-License-Identifier: Apache-2.0
 * Does nothing, for what a step costs beside what it does. */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "nothing", FIXTURE_FUNCTIONS};
