/* SPDX-License-Identifier: Apache-2.0
 * The commands `release` and `reject`, which end the hold of uploads. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/cli/invoking_user.h"
#include "core/cli/record_view.h"
#include "core/client/client.h"
#include "core/upload/event.h"

/* A record has room for this and for the name of the user. */
#define REASON_LIMIT 100

static const char release_usage[] =
	"usage: postprocessing release [-c FILE] --reason TEXT [--json] ID…\n"
	"Releases held uploads: each continues with its next step.\n"
	"  --reason TEXT  why, for the log and for `show`; at most 100 bytes\n" OPTION_CONFIG_USAGE;

static const char reject_usage[] =
	"usage: postprocessing reject [-c FILE] [--reason TEXT] [--delete] [--json] ID…\n"
	"Rejects held uploads: each ends with abort, so that its bytes are kept out of reach.\n"
	"  --reason TEXT  why, for the log and for `show`; at most 100 bytes\n"
	"  --delete       end with delete: the bytes are removed\n" OPTION_CONFIG_USAGE;

static const struct option names[] = {
	{"reason", required_argument, NULL, 'r'}, {"delete", no_argument, NULL, 'd'}, {NULL, 0, NULL, 0}};

struct decision {
	const char *word; /* "release" or "reject" */
	const char *done; /* "released" or "rejected" */
	enum outcome outcome;
	const char *why; /* NULL: not given */
	char reason[REASON_SIZE];
};

static bool take_option(void *closure, int letter, const char *value)
{
	struct decision *decision = closure;
	if (letter == 'r') {
		decision->why = value;
	} else if (decision->outcome == OUTCOME_CONTINUE) {
		terminal_error("release has no option --delete");
		return false;
	} else {
		decision->outcome = OUTCOME_DELETE;
	}
	return true;
}

/* False: with a message on stderr. */
static bool make_reason(struct decision *decision)
{
	if (decision->why == NULL && decision->outcome == OUTCOME_CONTINUE)
		fputs("say why you release: --reason TEXT\n", stderr);
	else if (decision->why != NULL && (decision->why[0] == '\0' || strlen(decision->why) > REASON_LIMIT))
		fprintf(stderr, "--reason: from 1 to %d bytes\n", REASON_LIMIT);
	else {
		snprintf(decision->reason, sizeof decision->reason, "%s by %.32s%s%s",
		         decision->outcome == OUTCOME_CONTINUE ? "released" : "rejected", invoking_user(),
		         decision->why != NULL ? ": " : "", decision->why != NULL ? decision->why : "");
		return true;
	}
	return false;
}

/* The connections of one call. */
struct deciding {
	const struct decision *decision;
	struct client *client;
	natsConnection *events, *records;
	struct record_list list; /* of the uploads in their state before */
};

/* False: with a message on stderr. */
static bool decide_one(struct deciding *deciding, const char *id)
{
	const struct decision *decision = deciding->decision;
	struct record record;
	enum client_found found = client_get_record(deciding->client, deciding->records, id, &record);
	if (found == CLIENT_ABSENT)
		terminal_error("upload %s: not found, or finished", id);
	if (found != CLIENT_FOUND)
		return false;
	bool good = record.status.held;
	if (!good)
		terminal_error("upload %s: not held; it is in the state %s (step %s)", id, phase_name(record.status.phase),
		               record_view_step(&record));
	if (good) {
		struct text message = {0};
		event_encode_hold_ended(&message, id, status_step_name(record.upload, &record.status), decision->outcome,
		                        decision->reason, invoking_user(), decision->why, clock_now());
		good = client_publish(deciding->client, deciding->events, &message);
		text_free(&message);
	}
	if (good)
		record_list_add(&deciding->list, id, &record, decision->word);
	record_clear(&record);
	return good;
}

static bool decide(const struct decision *decision, const char *config_path, bool json, char **id, int count)
{
	struct client client;
	struct deciding deciding = {.decision = decision, .client = &client};
	bool good = client_open(&client, config_path);
	if (!good)
		return false;
	record_list_begin(&deciding.list, client.config, json);
	deciding.list.done = decision->done;
	deciding.events = client_connect(&client, client.events, false);
	if (deciding.events != NULL)
		deciding.records =
			client.records == client.events ? deciding.events : client_connect(&client, client.records, false);
	good = deciding.records != NULL;
	for (int i = 0; deciding.records != NULL && i < count; i++)
		good = decide_one(&deciding, id[i]) && good;
	if (deciding.records != deciding.events)
		natsConnection_Destroy(deciding.records);
	natsConnection_Destroy(deciding.events);
	if (!json && deciding.list.count > 0)
		printf("%zu %s; run `postprocessing list` to follow them\n", deciding.list.count, decision->done);
	good = record_list_end(&deciding.list, true) && good;
	client_close(&client);
	return good;
}

static bool check_ids(char **id, int count)
{
	for (int i = 0; i < count; i++) {
		if (!upload_id_acceptable(id[i], strlen(id[i]))) {
			terminal_error("invalid upload ID \"%s\"", id[i]);
			return false;
		}
	}
	return true;
}

static int command_decide(struct decision *decision, const char *usage, int argc, char **argv)
{
	struct command_options options;
	const struct command_syntax syntax = {.usage = usage,
	                                      .names = names,
	                                      .take = take_option,
	                                      .closure = decision,
	                                      .least = 1,
	                                      .most = -1,
	                                      .needs = "an upload's ID"};
	int first = command_read(argc, argv, &syntax, &options);
	if (first < 0)
		return -1 - first;
	bool good = make_reason(decision) && check_ids(argv + first, argc - first) &&
	            decide(decision, options.config_path, options.json, argv + first, argc - first);
	return good ? EXIT_SUCCESS : EXIT_ERROR;
}

int command_release(int argc, char **argv)
{
	return command_decide(&(struct decision){.word = "release", .done = "released", .outcome = OUTCOME_CONTINUE},
	                      release_usage, argc, argv);
}

int command_reject(int argc, char **argv)
{
	return command_decide(&(struct decision){.word = "reject", .done = "rejected", .outcome = OUTCOME_ABORT},
	                      reject_usage, argc, argv);
}
