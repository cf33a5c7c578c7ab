/* SPDX-License-Identifier: Apache-2.0
 * Uses memory in the first run on an upload, and may end its process there, to measure how soon the next run begins. */
#include <stdlib.h>
#include <string.h>

#include "tests/modules/fixture.h"

struct mortal {
	const struct pp_host *host;
	size_t size;
	int64_t dies;
};

static const struct pp_key mortal_keys[] = {{.name = "size", .type = PP_KEY_SIZE, .fallback = "0"},
                                            {.name = "dies", .type = PP_KEY_BOOL, .fallback = "true"},
                                            {.name = NULL}};

static int mortal_create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct mortal *mortal = malloc(sizeof *mortal);
	if (mortal == NULL) {
		host->reject(setup, NULL, "out of memory");
		return -1;
	}
	*mortal = (struct mortal){host, (size_t)host->number(setup, "size"), host->number(setup, "dies")};
	*instance = mortal;
	return 0;
}

static uint32_t mortal_run(void *instance, struct pp_run *run)
{
	const struct mortal *mortal = instance;
	if (mortal->host->attempt(run) > 1)
		return PP_CONTINUE;
	char *memory = malloc(mortal->size + 1);
	if (memory != NULL)
		memset(memory, 1, mortal->size + 1);
	/* So that the compiler does not leave it out. */
	uint32_t outcome = memory != NULL && memory[mortal->size] == 1 ? PP_RETRY : PP_ABORT;
	if (mortal->dies && outcome == PP_RETRY)
		abort();
	free(memory);
	return outcome;
}

static void mortal_destroy(void *instance)
{
	free(instance);
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD,      .name = "mortal",          .create = mortal_create,
	.run = mortal_run, .destroy = mortal_destroy, .keys = mortal_keys,
};
