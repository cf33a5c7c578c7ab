/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bus_connect.h"
#include "core/client.h"
#include "core/command.h"
#include "core/json_text.h"
#include "core/record_view.h"
#include "core/terminal.h"

static const char list_usage[] = "usage: postprocessing list [-c FILE] [-a] [--json]\n"
                                 "Shows the uploads that are not done with, and what each waits for.\n"
                                 "  -a  also those that ended badly and are kept for people to see\n"
                                 OPTION_CONFIG_USAGE;
static const char show_usage[] = "usage: postprocessing show [-c FILE] [--json] ID\n"
                                 "Shows one upload: where it stands, why it waits and until when.\n"
                                 OPTION_CONFIG_USAGE;

struct listing {
	struct service_steps *service;
	bool all;
	bool json;
	json_t *array; /* --json */
	size_t shown, hidden;
};

/* It may be that some wait for a step that is suspended. */
static void say_what_is_not_known(const struct service_steps *service)
{
	if (service->why[0] != '\0')
		fprintf(stderr, "the service cannot be asked which steps are suspended: %s\n", service->why);
}

static void list_one(void *closure, const struct record *record)
{
	struct listing *listing = closure;
	if (record->status.phase == PHASE_ENDED && !listing->all) {
		listing->hidden++;
		return;
	}
	if (listing->json)
		json_array_append_new(listing->array, record_view_json(listing->service, record));
	else if (listing->shown == 0)
		record_view_head();
	if (!listing->json)
		record_view_line(listing->service, record);
	listing->shown++;
}

static bool want_all(void *closure, int letter, const char *value)
{
	(void)letter;
	(void)value;
	((struct listing *)closure)->all = true;
	return true;
}

int command_list(int argc, char **argv)
{
	struct command_options options;
	struct service_steps service;
	struct listing listing = {.service = &service};
	struct client client;
	int first = command_read_options(argc, argv, list_usage, &options, "a", want_all, &listing);
	if (first < 0)
		return -1 - first;
	if (first < argc) {
		fputs(list_usage, stderr);
		return EXIT_ERROR;
	}
	if (!client_open(&client, options.config_path))
		return EXIT_ERROR;
	listing.json = options.json;
	listing.array = json_array();
	service_steps_init(&service, client.config);
	bool good = client_each_record(&client, list_one, &listing);
	if (good && options.json)
		good = json_print(listing.array);
	else if (good && listing.shown == 0)
		puts("no upload waits");
	if (good && !options.json && listing.hidden > 0)
		printf("%zu ended badly and are kept (-a shows them)\n", listing.hidden);
	say_what_is_not_known(&service);
	service_steps_free(&service);
	json_decref(listing.array);
	client_close(&client);
	return good ? EXIT_SUCCESS : EXIT_ERROR;
}

/* Reads one record. False: with a message on stderr. */
static bool get_record(const struct client *client, const char *id, struct record *record)
{
	natsConnection *connection = client_connect(client, client->records);
	jsCtx *js = NULL;
	kvStore *bucket = NULL;
	kvEntry *entry = NULL;
	char key[RECORD_KEY_SIZE], why[128], fault[BUS_FAULT_SIZE];
	bool good = false;
	if (connection == NULL)
		return false;
	record_key(client->store.table, id, key);
	natsStatus status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = js_KeyValue(&bucket, js, client->store.bucket);
	if (status == NATS_OK)
		status = kvStore_Get(&entry, bucket, key);
	if (status == NATS_NOT_FOUND && bucket != NULL)
		terminal_error("upload %s: there is no such upload, or it is done with", id);
	else if (status != NATS_OK)
		terminal_error("bucket %s: %s", client->store.bucket,
		               status == NATS_NOT_FOUND ? "it is not there: has a service ever run on this broker?"
		                                        : bus_fault(connection, status, fault));
	else if (!(good = record_decode(kvEntry_Value(entry), (size_t)kvEntry_ValueLen(entry), record, why, sizeof why) == RECORD_TAKEN))
		terminal_error("upload %s: its record cannot be read: %s", id, why);
	kvEntry_Destroy(entry);
	kvStore_Destroy(bucket);
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	return good;
}

int command_show(int argc, char **argv)
{
	struct command_options options;
	struct client client;
	struct record record;
	int first = command_read_options(argc, argv, show_usage, &options, NULL, NULL, NULL);
	if (first < 0)
		return -1 - first;
	if (first != argc - 1) {
		fputs(show_usage, stderr);
		return EXIT_ERROR;
	}
	if (!upload_id_acceptable(argv[first], strlen(argv[first]))) {
		terminal_error("invalid upload ID \"%s\"", argv[first]);
		return EXIT_ERROR;
	}
	if (!client_open(&client, options.config_path))
		return EXIT_ERROR;
	struct service_steps service;
	service_steps_init(&service, client.config);
	bool good = get_record(&client, argv[first], &record);
	if (good) {
		if (options.json) {
			json_t *object = record_view_json(&service, &record);
			good = json_print(object);
			json_decref(object);
		} else {
			record_view_print(&service, &record);
		}
		record_clear(&record);
	}
	say_what_is_not_known(&service);
	service_steps_free(&service);
	client_close(&client);
	return good ? EXIT_SUCCESS : EXIT_ERROR;
}
