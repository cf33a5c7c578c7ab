/* SPDX-License-Identifier: Apache-2.0
 * The table ends in the middle of a member. */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {.magic = PP_STEP_MAGIC,
                                                             .abi_major = PP_STEP_ABI_MAJOR,
                                                             .abi_minor = PP_STEP_ABI_MINOR,
                                                             .size = offsetof(struct pp_step_module, check) + 3,
                                                             .name = "torn_table",
                                                             FIXTURE_FUNCTIONS,
                                                             .check = (int (*)(void *, char *, size_t))1};
