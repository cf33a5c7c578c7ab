/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/modules/fixture.h"

static const struct pp_key keys[] = {{.name = "first"}, {.name = NULL}};

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {.magic = PP_STEP_MAGIC,
                                                             .abi_major = PP_STEP_ABI_MAJOR,
                                                             .abi_minor = PP_STEP_ABI_MINOR,
                                                             .size = sizeof(struct pp_step_module),
                                                             .key_size = sizeof(struct pp_key) - 8,
                                                             .name = "narrow_keys",
                                                             .keys = keys,
                                                             FIXTURE_FUNCTIONS};
