/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {.magic = PP_STEP_MAGIC,
                                                             .abi_major = PP_STEP_ABI_MAJOR,
                                                             .abi_minor = PP_STEP_ABI_MINOR + 1,
                                                             .size = sizeof(struct pp_step_module) + 8,
                                                             .key_size = sizeof(struct pp_key),
                                                             .name = "newer_minor",
                                                             FIXTURE_FUNCTIONS};
