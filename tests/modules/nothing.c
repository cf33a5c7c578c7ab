/* SPDX-License-Identifier: Apache-2.0
 * Does nothing, to measure the cost of a step itself. */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "nothing", FIXTURE_FUNCTIONS};
