/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/cli/record_view.h"
#include "core/cli/step_names.h"
#include "core/client/client.h"
#include "core/client/json_text.h"

static const char usage[] =
	"usage: postprocessing list [-c FILE] [-a] [-s STEP] [--state STATE] [--older-than DURATION]\n"
	"                           [--newer-than DURATION] [--json]\n"
	"Lists the unfinished uploads and what each is waiting for.\n"
	"  -a, --all              also rejected uploads whose records are still kept\n"
	"  -s, --step STEP        only uploads in this step; `finished`: uploads whose steps are all done\n"
	"  --state STATE          only uploads in this state, or in one of several: queued, running, waiting, backoff,\n"
	"                         awaiting, held, confirming, unconfirmed, ended, suspended, or those that a step\n"
	"                         rejected without a verdict: no-verdict\n"
	"  --older-than DURATION  only uploads that began longer ago than this, for example 36h\n"
	"  --newer-than DURATION  only uploads that began more recently than this\n" OPTION_CONFIG_USAGE;

enum { OPTION_STATE = 'S', OPTION_OLDER = 'o', OPTION_NEWER = 'n' };

static const struct option names[] = {
	{"all", no_argument, NULL, 'a'},
	{"step", required_argument, NULL, 's'},
	{"state", required_argument, NULL, OPTION_STATE},
	{"older-than", required_argument, NULL, OPTION_OLDER},
	{"newer-than", required_argument, NULL, OPTION_NEWER},
	{NULL, 0, NULL, 0},
};

/* Selects the uploads to show. */
struct filter {
	bool all;
	const char *step; /* NULL: any */
	unsigned phases;  /* a bit for each; 0 without the others: any */
	bool suspended, held, no_verdict;
	nanos older, newer; /* 0: of any age */
};

struct listing {
	struct filter filter;
	struct record_list list;
	struct step_names steps;
	nanos now;
	json_t *runs; /* under way before the records were read; NULL: unknown */
	size_t hidden;
};

#define LISTED "listed"

/* The run of an upload; NULL: none. */
static json_t *find_run(const json_t *runs, const char *id)
{
	size_t i;
	json_t *run;
	json_array_foreach(runs, i, run)
	{
		if (strcmp(json_member(run, "id"), id) == 0)
			return run;
	}
	return NULL;
}

/* The upload has a record. */
static void mark_run(const json_t *runs, const char *id)
{
	json_t *run = find_run(runs, id);
	if (run != NULL)
		json_object_set_new(run, LISTED, json_true());
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* One state, or several separated by commas. */
static bool take_states(struct filter *filter, const char *text)
{
	for (;; text++) {
		size_t length = strcspn(text, ",");
		bool suspended = is_word(text, length, "suspended"), held = is_word(text, length, "held");
		bool no_verdict = is_word(text, length, "no-verdict"), known = suspended || held || no_verdict;
		filter->no_verdict = filter->no_verdict || no_verdict;
		filter->suspended = filter->suspended || suspended;
		filter->held = filter->held || held;
		for (unsigned phase = PHASE_QUEUED; phase <= PHASE_ENDED; phase++) {
			bool same = is_word(text, length, phase_name((enum phase)phase));
			filter->phases |= (unsigned)same << phase;
			known = known || same;
		}
		if (!known) {
			terminal_error("--state %s: unknown state \"%.*s\"", text, (int)length, text);
			return false;
		}
		text += length;
		if (*text == '\0')
			return true;
	}
}

static bool take_age(const char *option, const char *text, nanos *age)
{
	if (duration_parse(text, age) && *age > 0)
		return true;
	terminal_error("%s %s: not a duration such as 90m or 36h", option, text);
	return false;
}

static bool take_option(void *closure, int letter, const char *value)
{
	struct filter *filter = closure;
	switch (letter) {
	case 'a':
		filter->all = true;
		return true;
	case 's':
		filter->step = value;
		return true;
	case OPTION_STATE:
		return take_states(filter, value);
	case OPTION_OLDER:
		return take_age("--older-than", value, &filter->older);
	default:
		return take_age("--newer-than", value, &filter->newer);
	}
}

/* An upload without a start time counts as old. */
static bool has_age(const struct filter *filter, nanos start, nanos now)
{
	nanos age = start != 0 ? now - start : INT64_MAX;
	return (filter->older == 0 || age >= filter->older) && (filter->newer == 0 || age < filter->newer);
}

static bool has_state(struct listing *listing, const struct record *record)
{
	const struct filter *filter = &listing->filter;
	struct suspension suspension;
	if (filter->phases == 0 && !filter->suspended && !filter->held && !filter->no_verdict)
		return true;
	if (filter->no_verdict && record_view_no_verdict(record))
		return true;
	/* A held upload waits for people, not for another service. */
	if (record->status.held)
		return filter->held;
	struct run_view run;
	enum phase phase = record_view_runs(&listing->list.service, record, &run) ? PHASE_RUNNING : record->status.phase;
	return (filter->phases & 1u << phase) != 0 ||
	       (filter->suspended && service_steps_find(&listing->list.service, record, listing->now, &suspension));
}

/* An upload without a verdict is also found by the step that gave none. */
static bool has_step(const struct filter *filter, const struct record *record)
{
	bool by_its_end = filter->no_verdict && record_view_no_verdict(record);
	return filter->step == NULL || strcmp(record_view_step(record), filter->step) == 0 ||
	       (by_its_end && strcmp(record->upload->step[record->status.decided - 1], filter->step) == 0);
}

static void list_one(void *closure, const struct record *record)
{
	struct listing *listing = closure;
	const struct filter *filter = &listing->filter;
	step_names_note(&listing->steps, record);
	mark_run(listing->runs, record->upload->id);
	if (!has_step(filter, record) || !has_age(filter, record->upload->start_time, listing->now) ||
	    !has_state(listing, record))
		return;
	bool ended = filter->all || filter->no_verdict || (filter->phases & 1u << PHASE_ENDED) != 0;
	if (record->status.phase == PHASE_ENDED && !ended) {
		listing->hidden++;
		return;
	}
	record_list_add(&listing->list, record->upload->id, record, NULL);
}

/* Adds the runs that went on while the records were read, and have none. An upload gets its record only after it has
 * run for a while. */
static void list_runs(struct listing *listing)
{
	const struct filter *filter = &listing->filter;
	bool any_state = filter->phases == 0 && !filter->suspended && !filter->held && !filter->no_verdict;
	json_t *runs = json_array_size(listing->runs) > 0 ? service_steps_runs(&listing->list.service) : NULL;
	size_t i;
	const json_t *run;
	json_array_foreach(runs, i, run)
	{
		struct run_view view;
		const char *id = json_member(run, "id"), *step = json_member(run, "step");
		const json_t *before = find_run(listing->runs, id);
		if (before != NULL && json_object_get(before, LISTED) == NULL && service_run_read(run, &view) &&
		    (any_state || (filter->phases & 1u << PHASE_RUNNING) != 0) &&
		    (filter->step == NULL || strcmp(step, filter->step) == 0) && has_age(filter, view.since, listing->now))
			record_list_add_run(&listing->list, id, step, &view);
	}
	json_decref(runs);
}

static bool is_filtered(const struct filter *filter)
{
	return filter->step != NULL || filter->phases != 0 || filter->suspended || filter->held || filter->no_verdict ||
	       filter->older != 0 || filter->newer != 0;
}

/* Prints the lines below the table. */
static void print_rest(const struct listing *listing)
{
	if (listing->list.count == 0)
		puts(is_filtered(&listing->filter) ? "no matching uploads" : "no unfinished uploads");
	if (listing->hidden > 0)
		printf("not shown: %zu rejected upload%s (use -a to show %s)\n", listing->hidden,
		       listing->hidden == 1 ? "" : "s", listing->hidden == 1 ? "it" : "them");
}

static bool list(struct listing *listing, struct client *client, bool json)
{
	record_list_begin(&listing->list, client->config, json);
	step_names_init(&listing->steps, client->config, listing->filter.step);
	listing->runs = service_steps_runs(&listing->list.service);
	bool good = client_each_record(client, list_one, listing) && step_names_check(&listing->steps);
	if (good)
		list_runs(listing);
	json_decref(listing->runs);
	if (good && !json)
		print_rest(listing);
	step_names_free(&listing->steps);
	return record_list_end(&listing->list, good) && good;
}

int command_list(int argc, char **argv)
{
	struct command_options options;
	struct listing listing = {.now = clock_now()};
	struct client client;
	const struct command_syntax syntax = {
		.usage = usage, .letters = "as:", .names = names, .take = take_option, .closure = &listing.filter};
	int first = command_read(argc, argv, &syntax, &options);
	if (first < 0)
		return -1 - first;
	if (!client_open(&client, options.config_path))
		return EXIT_ERROR;
	bool good = list(&listing, &client, options.json);
	client_close(&client);
	return good ? EXIT_SUCCESS : EXIT_ERROR;
}
