/* SPDX-License-Identifier: Apache-2.0
 * Keeps the text of the file `file` and the secret `word` from create() on. Each run aborts, with both as the reason,
 * and with `details` as those of its verdict. */
#include <stdio.h>
#include <stdlib.h>

#define PP_STEP_NEEDS_MINOR 1u
#include "tests/modules/fixture.h"

struct keeps {
	const struct pp_host *host;
	char file[64], word[64];
	const char *details;
};

static const struct pp_key keys[] = {
	{.name = "file", .type = PP_KEY_PATH, .required = 1},
	{.name = "command", .type = PP_KEY_STRING},
	{.name = "details", .type = PP_KEY_STRING},
	{.name = "word", .type = PP_KEY_SECRET, .fallback = "none"},
	{.name = NULL},
};

static const struct pp_need needs[] = {
	{.kind = PP_NEED_PATH, .key = "file"},
	{.kind = PP_NEED_PATH, .key = "command"},
	{.kind = 0},
};

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct keeps *keeps = calloc(1, sizeof *keeps);
	FILE *file = fopen(host->string(setup, "file"), "re");
	if (keeps == NULL || file == NULL) {
		host->reject(setup, "file", "cannot be read");
		free(keeps);
		return -1;
	}
	keeps->host = host;
	keeps->details = host->string(setup, "details");
	snprintf(keeps->word, sizeof keeps->word, "%s", host->string(setup, "word"));
	keeps->file[fread(keeps->file, 1, sizeof keeps->file - 1, file)] = '\0';
	fclose(file);
	*instance = keeps;
	return 0;
}

static uint32_t run(void *instance, struct pp_run *run)
{
	const struct keeps *keeps = instance;
	keeps->host->set_verdict(run, "kept", keeps->details);
	keeps->host->set_reason(run, "kept: %s, %s", keeps->file, keeps->word);
	return PP_ABORT;
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = "keeps", .keys = keys, .create = create, .run = run, .destroy = free, .needs = needs};
