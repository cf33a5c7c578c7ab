/* SPDX-License-Identifier: Apache-2.0
 * Its check passes, with the text of the file `note` as its note, if there is such a file. Each run continues. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/modules/fixture.h"

struct notes {
	const struct pp_host *host;
	const char *note;
};

static const struct pp_key keys[] = {
	{.name = "note", .type = PP_KEY_STRING, .fallback = "/nowhere"},
	{.name = NULL},
};

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct notes *notes = calloc(1, sizeof *notes);
	if (notes == NULL)
		return -1;
	*notes = (struct notes){.host = host, .note = host->string(setup, "note")};
	*instance = notes;
	return 0;
}

static uint32_t run(void *instance, struct pp_run *run)
{
	(void)instance;
	(void)run;
	return PP_CONTINUE;
}

static int check_run(void *instance, struct pp_run *run)
{
	const struct notes *notes = instance;
	char text[128];
	FILE *file = fopen(notes->note, "re");
	if (file == NULL)
		return 0;
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	notes->host->set_reason(run, "%s", text);
	return 0;
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = "notes", .keys = keys, .create = create, .run = run, .destroy = free, .check_run = check_run};
