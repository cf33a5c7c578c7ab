/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static void add(struct facts *facts, const char *name, const char *value)
{
	size_t left = facts->size - facts->used;
	int length = snprintf(facts->room + facts->used, left, "%s=%s", name, value);
	if (length < 0 || (size_t)length >= left ||
	    facts->count + 1 >= sizeof facts->variable / sizeof facts->variable[0]) {
		facts->failed = true;
		return;
	}
	facts->variable[facts->count++] = facts->room + facts->used;
	facts->used += (size_t)length + 1;
}

/* A fact that is not known is not set. */
static void add_text(struct facts *facts, const char *name, const char *value)
{
	if (value != NULL)
		add(facts, name, value);
}

static void add_number(struct facts *facts, const char *name, int64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRId64, value);
	add(facts, name, text);
}

static size_t length_of(const char *text)
{
	return text == NULL ? 0 : strlen(text);
}

bool facts_make(struct facts *facts, const struct pp_host *host, struct pp_run *run, const char *step, bool file)
{
	/* The others are the service's, which may hold secrets. */
	static const char *const kept[] = {"LANG", "LC_ALL", "TZ", "TMPDIR"};
	const char *id = host->upload_id(run), *name = host->filename(run), *resource = host->resource_id(run);
	*facts = (struct facts){.size = 4096 + length_of(id) + length_of(name) + length_of(resource) + length_of(step) +
	                                length_of(host->user_id(run)) + length_of(host->space_id(run))};
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		facts->size += length_of(getenv(kept[i]));
	facts->room = malloc(facts->size);
	if (facts->room == NULL)
		return false;
	add(facts, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		add_text(facts, kept[i], getenv(kept[i]));
	add_text(facts, "POSTPROCESSING_ID", id);
	add_text(facts, "POSTPROCESSING_FILENAME", name);
	if (host->filesize(run) >= 0)
		add_number(facts, "POSTPROCESSING_FILESIZE", host->filesize(run));
	add_text(facts, "POSTPROCESSING_RESOURCE_ID", resource);
	add_text(facts, "POSTPROCESSING_USER_ID", host->user_id(run));
	add_text(facts, "POSTPROCESSING_SPACE_ID", host->space_id(run));
	add_text(facts, "POSTPROCESSING_STEP", step);
	add_number(facts, "POSTPROCESSING_ATTEMPT", host->attempt(run));
	if (file)
		add(facts, "POSTPROCESSING_FILE", COMMAND_FILE_PATH);
	return !facts->failed;
}

void facts_free(struct facts *facts)
{
	free(facts->room);
	facts->room = NULL;
}
