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

static const char usage[] =
	"usage: postprocessing list [-c FILE] [-a] [-s STEP] [--state STATE] [--older-than DURATION]\n"
	"                           [--newer-than DURATION] [--json]\n"
	"Lists the unfinished uploads and what each is waiting for.\n"
	"  -a, --all              also rejected uploads whose records are still kept\n"
	"  -s, --step STEP        only uploads in this step; `finished`: uploads whose steps are all done\n"
	"  --state STATE          only uploads in this state, or in one of several: queued, running, waiting, backoff,\n"
	"                         awaiting, held, confirming, unconfirmed, ended, suspended\n"
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
	bool suspended, held;
	nanos older, newer; /* 0: of any age */
};

struct listing {
	struct filter filter;
	struct record_list list;
	struct step_names steps;
	nanos now;
	size_t hidden;
};

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
		bool known = suspended || held;
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
static bool has_age(const struct filter *filter, const struct record *record, nanos now)
{
	nanos age = record->upload->start_time != 0 ? now - record->upload->start_time : INT64_MAX;
	return (filter->older == 0 || age >= filter->older) && (filter->newer == 0 || age < filter->newer);
}

static bool has_state(struct listing *listing, const struct record *record)
{
	const struct filter *filter = &listing->filter;
	struct suspension suspension;
	if (filter->phases == 0 && !filter->suspended && !filter->held)
		return true;
	/* A held upload waits for people, not for another service. */
	if (record->status.held)
		return filter->held;
	struct run_view run;
	enum phase phase = record_view_runs(&listing->list.service, record, &run) ? PHASE_RUNNING : record->status.phase;
	return (filter->phases & 1u << phase) != 0 ||
	       (filter->suspended && service_steps_find(&listing->list.service, record, listing->now, &suspension));
}

static void list_one(void *closure, const struct record *record)
{
	struct listing *listing = closure;
	const struct filter *filter = &listing->filter;
	step_names_note(&listing->steps, record);
	if ((filter->step != NULL && strcmp(record_view_step(record), filter->step) != 0) ||
	    !has_age(filter, record, listing->now) || !has_state(listing, record))
		return;
	if (record->status.phase == PHASE_ENDED && !filter->all && (filter->phases & 1u << PHASE_ENDED) == 0) {
		listing->hidden++;
		return;
	}
	record_list_add(&listing->list, record->upload->id, record, NULL);
}

static bool is_filtered(const struct filter *filter)
{
	return filter->step != NULL || filter->phases != 0 || filter->suspended || filter->held || filter->older != 0 ||
	       filter->newer != 0;
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
	bool good = client_each_record(client, list_one, listing) && step_names_check(&listing->steps);
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
