/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/cli/record_view.h"
#include "core/cli/step_names.h"
#include "core/client/client.h"
#include "core/upload/event.h"

static const char usage[] =
	"usage: postprocessing resume [-c FILE] [-u ID]… [-s STEP] [-r] [--json]\n"
	"       postprocessing restart …\n"
	"Makes waiting uploads continue at once, and lists them.\n"
	"  -u, --upload-id ID  this upload; can be given several times. If it is unknown, storage is asked to\n"
	"                      restart it\n"
	"  -s, --step STEP     all uploads in this step; `finished`: uploads that storage has not confirmed (the\n"
	"                      default without -u and -s)\n"
	"  -r, --restart       with -u: storage begins the upload again, from the first step\n" OPTION_CONFIG_USAGE;

static const struct option names[] = {
	{"upload-id", required_argument, NULL, 'u'},
	{"step", required_argument, NULL, 's'},
	{"restart", no_argument, NULL, 'r'},
	{NULL, 0, NULL, 0},
};

struct wish {
	const char **id; /* at most as many as there are arguments */
	size_t count;
	const char *step;
	bool restart;
};

/* What is asked, as it goes. */
struct asking {
	const struct wish *wish;
	struct client *client;
	struct record_list list; /* of the uploads in their state before the request */
	struct step_names steps;
	natsConnection *events, *records;
	size_t resumed, restarted, unknown; /* `unknown`: the service asks storage to restart them */
	bool failed;                        /* a request failed, which was reported */
};

static bool take_option(void *closure, int letter, const char *value)
{
	struct wish *wish = closure;
	if (letter == 'r') {
		wish->restart = true;
	} else if (letter == 's' && wish->step == NULL) {
		wish->step = value;
	} else if (letter == 's') {
		terminal_error("-s can be given once");
		return false;
	} else {
		for (size_t i = 0; i < wish->count; i++)
			if (strcmp(wish->id[i], value) == 0)
				return true;
		wish->id[wish->count++] = value;
	}
	return true;
}

/* False: with a message on stderr. */
static bool check(const struct wish *wish)
{
	if (wish->count > 0 && wish->step != NULL)
		fputs("-u and -s cannot be combined\n", stderr);
	else if (wish->restart && wish->count == 0)
		fputs("-r requires -u\n", stderr);
	else
		return true;
	return false;
}

static bool check_ids(const struct wish *wish)
{
	for (size_t i = 0; i < wish->count; i++) {
		if (!upload_id_acceptable(wish->id[i], strlen(wish->id[i]))) {
			terminal_error("invalid upload ID \"%s\"", wish->id[i]);
			return false;
		}
	}
	return true;
}

static bool publish(struct asking *asking, const char *id, const char *step, bool restart)
{
	struct text message = {0};
	if (restart)
		event_encode_restart(&message, id, clock_now());
	else
		event_encode_resume(&message, id, step, clock_now());
	bool good = client_publish(asking->client, asking->events, &message);
	text_free(&message);
	return good;
}

static void ask_for_one(struct asking *asking, const char *id)
{
	struct record record;
	enum client_found found = client_get_record(asking->client, asking->records, id, &record);
	bool ended = found == CLIENT_FOUND && record.status.phase == PHASE_ENDED && !asking->wish->restart;
	if (ended)
		terminal_error("upload %s: not resumed, because it has ended (%s); use -r to restart it", id,
		               outcome_name(record.status.outcome));
	/* Without a record, the state of the upload is unknown, but storage can restart it. */
	bool wanted = !ended && (found != CLIENT_FAILED || asking->wish->restart);
	bool good = wanted && publish(asking, id, "", asking->wish->restart);
	if (good) {
		size_t *count = asking->wish->restart   ? &asking->restarted
		                : found == CLIENT_FOUND ? &asking->resumed
		                                        : &asking->unknown;
		(*count)++;
		record_list_add(&asking->list, id, found == CLIENT_FOUND ? &record : NULL,
		                asking->wish->restart || found != CLIENT_FOUND ? "restart" : "resume");
	}
	asking->failed = asking->failed || !good;
	if (found == CLIENT_FOUND)
		record_clear(&record);
}

static void look_at(void *closure, const struct record *record)
{
	struct asking *asking = closure;
	step_names_note(&asking->steps, record);
	if (record->status.phase == PHASE_ENDED || strcmp(record_view_step(record), asking->wish->step) != 0)
		return;
	asking->resumed++;
	record_list_add(&asking->list, record->upload->id, record, "resume");
}

static void ask_for_step(struct asking *asking)
{
	const char *step = asking->wish->step;
	asking->failed = !client_each_record(asking->client, look_at, asking) || !step_names_check(&asking->steps) ||
	                 (asking->list.count > 0 && !publish(asking, "", step, false));
}

/* Prints the lines below the table. */
static void print_rest(const struct asking *asking)
{
	if (asking->resumed > 0)
		printf("%zu asked to resume; run `postprocessing list` to follow %s\n", asking->resumed,
		       asking->resumed == 1 ? "it" : "them");
	if (asking->restarted > 0)
		printf("storage was asked to begin %zu upload%s again\n", asking->restarted, asking->restarted == 1 ? "" : "s");
	if (asking->unknown == 1)
		puts("no upload with this ID is under way here: storage was asked to restart it");
	else if (asking->unknown > 1)
		printf("no uploads with %zu of these IDs are under way here: storage was asked to restart them\n",
		       asking->unknown);
	if (asking->list.count == 0 && asking->wish->step != NULL)
		puts(strcmp(asking->wish->step, STEP_FINISHED_NAME) == 0 ? "no upload is waiting for storage to confirm it"
		                                                         : "no upload is in that step");
}

/* *some: there is something to print. */
static bool ask(struct asking *asking, bool *some)
{
	const struct wish *wish = asking->wish;
	struct client *client = asking->client;
	asking->events = client_connect(client, client->events, false);
	if (asking->events == NULL)
		return false;
	asking->records =
		client->records == client->events ? asking->events : client_connect(client, client->records, false);
	for (size_t i = 0; asking->records != NULL && i < wish->count; i++)
		ask_for_one(asking, wish->id[i]);
	if (asking->records != NULL && wish->step != NULL)
		ask_for_step(asking);
	bool good = asking->records != NULL && !asking->failed;
	*some = good || wish->count > 0;
	if (asking->records != asking->events)
		natsConnection_Destroy(asking->records);
	natsConnection_Destroy(asking->events);
	return good;
}

static bool resume(const struct wish *wish, const char *config_path, bool json)
{
	struct client client;
	struct asking asking = {.wish = wish, .client = &client};
	if (!client_open(&client, config_path))
		return false;
	record_list_begin(&asking.list, client.config, json);
	step_names_init(&asking.steps, client.config, wish->step);
	bool some = false, good = ask(&asking, &some);
	if (some && !json)
		print_rest(&asking);
	good = record_list_end(&asking.list, some) && good;
	step_names_free(&asking.steps);
	client_close(&client);
	return good;
}

int command_resume(int argc, char **argv)
{
	struct command_options options;
	struct wish wish = {.id = alloc_zeroed((size_t)argc, sizeof *wish.id)};
	const struct command_syntax syntax = {
		.usage = usage, .letters = "u:s:r", .names = names, .take = take_option, .closure = &wish};
	int first = command_read(argc, argv, &syntax, &options);
	if (first >= 0 && wish.count == 0 && wish.step == NULL)
		wish.step = wish.restart ? NULL : STEP_FINISHED_NAME;
	int status = first < 0 ? -1 - first : EXIT_ERROR;
	if (first >= 0 && check(&wish) && check_ids(&wish) && resume(&wish, options.config_path, options.json))
		status = EXIT_SUCCESS;
	free(wish.id);
	return status;
}
