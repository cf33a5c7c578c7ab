/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/cli/record_view.h"
#include "core/client/client.h"
#include "core/client/json_text.h"

static const char usage[] =
	"usage: postprocessing show [-c FILE] [--json] ID\n"
	"Shows one upload: its state, why it is waiting and until when, or why it was rejected.\n" OPTION_CONFIG_USAGE;

/* False: with a message on stderr. */
static bool get_record(const struct client *client, const char *id, struct record *record)
{
	natsConnection *connection = client_connect(client, client->records, false);
	enum client_found found = connection != NULL ? client_get_record(client, connection, id, record) : CLIENT_FAILED;
	natsConnection_Destroy(connection);
	if (found == CLIENT_ABSENT)
		terminal_error("upload %s: not found, or finished", id);
	return found == CLIENT_FOUND;
}

static bool print(struct service_steps *service, const struct record *record, bool json)
{
	struct progress_view progress;
	char at[TIME_TEXT_SIZE];
	bool known = service_progress_find(service->config, record, &progress);
	if (!json) {
		record_view_print(service, record, known ? &progress : NULL);
		return true;
	}
	json_t *object = record_view_json(service, record);
	if (known)
		json_object_set_new(object, "progress",
		                    json_pack("{s:I, s:o, s:s}", "done", (json_int_t)progress.done, "total",
		                              progress.total < 0 ? json_null() : json_integer(progress.total), "at",
		                              time_format(progress.at, at)));
	bool good = json_print(object);
	json_decref(object);
	return good;
}

int command_show(int argc, char **argv)
{
	struct command_options options;
	struct client client;
	struct record record;
	struct service_steps service;
	const struct command_syntax syntax = {.usage = usage, .least = 1, .most = 1, .needs = "an upload's ID"};
	int first = command_read(argc, argv, &syntax, &options);
	if (first < 0)
		return -1 - first;
	if (!upload_id_acceptable(argv[first], strlen(argv[first]))) {
		terminal_error("invalid upload ID \"%s\"", argv[first]);
		return EXIT_ERROR;
	}
	if (!client_open(&client, options.config_path))
		return EXIT_ERROR;
	service_steps_init(&service, client.config);
	bool good = get_record(&client, argv[first], &record);
	if (good) {
		good = print(&service, &record, options.json);
		record_clear(&record);
	}
	record_view_say_unknown(&service);
	service_steps_free(&service);
	client_close(&client);
	return good ? EXIT_SUCCESS : EXIT_ERROR;
}
