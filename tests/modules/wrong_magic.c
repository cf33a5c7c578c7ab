/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {.magic = 0x12345678,
                                                             .abi_major = PP_STEP_ABI_MAJOR,
                                                             .abi_minor = PP_STEP_ABI_MINOR,
                                                             .size = sizeof(struct pp_step_module),
                                                             .key_size = sizeof(struct pp_key),
                                                             .name = "wrong_magic",
                                                             FIXTURE_FUNCTIONS};
