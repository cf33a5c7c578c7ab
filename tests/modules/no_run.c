/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "no_run", .create = fixture_create,
                                                             .destroy = fixture_destroy};
