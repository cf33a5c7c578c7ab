/* SPDX-License-Identifier: Apache-2.0
 * Has a later major version, whose functions the host does not know how to call. */
#include "tests/modules/fixture.h"

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	.magic = PP_STEP_MAGIC, .abi_major = PP_STEP_ABI_MAJOR + 1, .abi_minor = 0, .size = 24, .name = (const char *)1};
