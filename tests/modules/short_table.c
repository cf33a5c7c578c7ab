/* SPDX-License-Identifier: Apache-2.0
 * Its table ends before `check`, like that of an older minor version; the bytes behind it do not belong to it. */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {.magic = PP_STEP_MAGIC,
                                                             .abi_major = PP_STEP_ABI_MAJOR,
                                                             .abi_minor = PP_STEP_ABI_MINOR,
                                                             .size = offsetof(struct pp_step_module, check),
                                                             .name = "short_table",
                                                             FIXTURE_FUNCTIONS,
                                                             .check = (int (*)(void *, char *, size_t))1};
