/* SPDX-License-Identifier: Apache-2.0
 * Of a table that ends before `check`, as an older minor's does; what lies behind it is not its. */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {.magic = PP_STEP_MAGIC,
                                                             .abi_major = PP_STEP_ABI_MAJOR,
                                                             .abi_minor = PP_STEP_ABI_MINOR,
                                                             .size = offsetof(struct pp_step_module, check),
                                                             .name = "short_table",
                                                             FIXTURE_FUNCTIONS,
                                                             .check = (int (*)(void *, char *, size_t))1};
