/* SPDX-License-Identifier: Apache-2.0
 * Tells the type of an upload by its first bytes, and stops programs. */
#define PP_STEP_NEEDS_MINOR 1 /* for set_verdict() and count(); older hosts refuse the module */
#include <postprocessing/step.h>
#include <stdlib.h>
#include <string.h>

struct filetype {
	const struct pp_host *host;
	int64_t programs; /* a place in `choices` */
};

static const struct pp_key keys[] = {
	{.name = "programs",
     .type = PP_KEY_CHOICE,
     .choices = "abort delete continue",
     .fallback = "abort",
     .help = "What becomes of programs and scripts."},
	{.name = NULL},
};

static const struct {
	const char *start, *type;
} types[] = {{"\177ELF", "program"}, {"MZ", "program"}, {"#!", "script"}, {"%PDF-", "pdf"}, {"PK\3\4", "archive"}};

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	struct filetype *filetype = malloc(sizeof *filetype);
	if (filetype == NULL)
		return -1;
	*filetype = (struct filetype){host, host->number(setup, "programs")};
	*instance = filetype;
	return 0;
}

/* The first bytes: read() returns as many as it likes at a time. -1: they cannot be had. */
static int read_start(const struct pp_host *host, struct pp_run *run, char start[8])
{
	const void *bytes;
	size_t used = 0;
	while (used < 8) {
		ssize_t count = host->read(run, &bytes);
		if (count <= 0)
			return (int)count;
		size_t room = 8 - used, taken = (size_t)count < room ? (size_t)count : room;
		memcpy(start + used, bytes, taken);
		used += taken;
	}
	return 0;
}

static const char *find_type(const char start[8])
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (memcmp(start, types[i].start, strlen(types[i].start)) == 0)
			return types[i].type;
	return "other";
}

/* Called for several uploads at a time, so it changes nothing in the instance. */
static uint32_t run(void *instance, struct pp_run *run)
{
	static const uint32_t verdicts[] = {PP_ABORT, PP_DELETE, PP_CONTINUE};
	const struct filetype *filetype = instance;
	const struct pp_host *host = filetype->host;
	char start[8] = "", result[32] = "{\"type\":\"";
	if (read_start(host, run, start) != 0) {
		host->set_reason(run, "%s", host->read_error(run));
		return PP_RETRY; /* an error is not a verdict */
	}
	const char *type = find_type(start);
	host->set_result(run, strcat(strcat(result, type), "\"}"));
	host->set_verdict(run, type, NULL); /* for `show`, and for later steps */
	if (strcmp(type, "program") != 0 && strcmp(type, "script") != 0)
		return PP_CONTINUE;
	host->log(run, PP_LOG_INFO, "%s is a %s", host->filename(run), type);
	host->count(run, "programs", 1); /* postprocessing_step_programs_total in /metrics */
	host->set_reason(run, "the file is a %s", type);
	return verdicts[filetype->programs];
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {
	PP_STEP_HEAD, .name = "filetype", .version = "1.0", .summary = "stops programs",
	.keys = keys, .create = create,   .run = run,       .destroy = free,
};
