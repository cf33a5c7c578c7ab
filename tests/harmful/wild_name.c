/* SPDX-License-Identifier: Apache-2.0
 * A pointer in its table is invalid. */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = (const char *)8, FIXTURE_FUNCTIONS};
