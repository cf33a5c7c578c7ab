/* SPDX-License-Identifier: Apache-2.0
 * Its keys have members that this host does not know. */
#include "tests/modules/fixture.h"

struct wide_key {
	struct pp_key key;
	const char *later;
	uint64_t more;
};

static const struct wide_key keys[] = {
	{.key = {.name = "first", .fallback = "one"}, .later = "x", .more = 1},
	{.key = {.name = "second", .type = PP_KEY_DURATION, .fallback = "2s"}, .later = "y", .more = 2},
	{.key = {.name = NULL}, .later = "z"},
};

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	if (host->number(setup, "second") != 2000000000)
		return -1;
	return fixture_create(host, setup, instance);
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {.magic = PP_STEP_MAGIC,
                                                             .abi_major = PP_STEP_ABI_MAJOR,
                                                             .abi_minor = PP_STEP_ABI_MINOR,
                                                             .size = sizeof(struct pp_step_module),
                                                             .key_size = sizeof(struct wide_key),
                                                             .name = "wide_keys",
                                                             .keys = &keys[0].key,
                                                             .create = create,
                                                             .run = fixture_run,
                                                             .destroy = fixture_destroy};
