/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/terminal.h"
#include "core/cli/command.h"
#include "core/cli/record_view.h"
#include "core/client/client.h"
#include "core/client/json_text.h"
#include "core/quarantine/folder.h"

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

/* The steps that have a copy of the upload in the quarantine, as far as this user can see; a new reference. */
static json_t *find_copies(const struct config *config, const struct record *record)
{
	json_t *steps = json_array();
	char name[ENTRY_NAME_SIZE], file[ENTRY_FILE_SIZE], path[PATH_MAX];
	for (size_t i = 0; config->quarantine_folder != NULL && i < record->upload->step_count; i++) {
		const char *step = record->upload->step[i];
		if (!entry_name(record->upload->id, step, name))
			continue;
		snprintf(path, sizeof path, "%s/%s", config->quarantine_folder, entry_file(name, ENTRY_SEALED, file));
		if (access(path, F_OK) == 0)
			json_array_append_new(steps, json_string(step));
	}
	return steps;
}

static void print_copies(const json_t *copies, const char *id)
{
	size_t i;
	const json_t *step;
	json_array_foreach(copies, i, step)
	{
		fputs("copy      in the quarantine, from ", stdout);
		terminal_print(stdout, json_string_value(step));
		fputs("; see `postprocessing quarantine show ", stdout);
		terminal_print(stdout, id);
		puts("`");
	}
}

static bool print(struct service_steps *service, const struct record *record, bool json)
{
	struct progress_view progress;
	char at[TIME_TEXT_SIZE];
	bool known = service_progress_find(service->config, record, &progress);
	json_t *copies = find_copies(service->config, record);
	if (!json) {
		record_view_print(service, record, known ? &progress : NULL);
		print_copies(copies, record->upload->id);
		json_decref(copies);
		return true;
	}
	json_t *object = record_view_json(service, record);
	if (known)
		json_object_set_new(object, "progress",
		                    json_pack("{s:I, s:o, s:s}", "done", (json_int_t)progress.done, "total",
		                              progress.total < 0 ? json_null() : json_integer(progress.total), "at",
		                              time_format(progress.at, at)));
	json_object_set_new(object, "quarantined", copies);
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
