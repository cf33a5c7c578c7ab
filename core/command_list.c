/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bus_connect.h"
#include "core/client.h"
#include "core/command.h"
#include "core/json_text.h"
#include "core/service_steps.h"
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

static const char *step_of(const struct record *record)
{
	return record->stepless ? "-" : status_step_name(record->upload, &record->status);
}

/* A user as the event had it; numbers that jansson has no integer for become inexact ones. */
static json_t *describe_user(const char *json)
{
	json_t *user = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	return user != NULL ? user : json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

/* NULL: it waits for no suspended step. */
static json_t *describe_suspension(struct service_steps *service, const struct record *record)
{
	struct suspension suspension;
	char since[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
	if (!service_steps_find(service, record, clock_now(), &suspension))
		return NULL;
	return json_pack("{s:o, s:s, s:s*}", "reason", json_text(suspension.reason), "since", time_format(suspension.since, since), "until",
	                 suspension.until != 0 ? time_format(suspension.until, until) : NULL);
}

/* Everything but the URL, which is a secret. */
static json_t *describe(struct service_steps *service, const struct record *record)
{
	const struct upload *upload = record->upload;
	const struct status *status = &record->status;
	char started[TIME_TEXT_SIZE], due[TIME_TEXT_SIZE];
	json_t *steps = json_array();
	for (size_t i = 0; i < upload->step_count; i++)
		json_array_append_new(steps, json_string(upload->step[i]));
	return json_pack("{s:s, s:o*, s:o, s:o, s:s, s:s, s:s, s:i, s:i, s:o*, s:s*, s:s*, s:b, s:o*, s:o*, s:o*}",
	                 "id", upload->id,
	                 "filename", json_text(upload->filename),
	                 "filesize", upload->filesize < 0 ? json_null() : json_integer(upload->filesize),
	                 "steps", steps,
	                 "step", step_of(record),
	                 "phase", phase_name(status->phase),
	                 "outcome", outcome_name(status->outcome),
	                 "failures", (int)status->failures,
	                 "confirmations", (int)status->confirmations,
	                 "reason", json_text(status->reason),
	                 "started", upload->start_time != 0 ? time_format(upload->start_time, started) : NULL,
	                 "due", status->due != 0 ? time_format(status->due, due) : NULL,
	                 "foreign", (int)record->foreign,
	                 "owner", record->owner[0] != '\0' ? json_string(record->owner) : NULL,
	                 "user", describe_user(upload->user_json),
	                 "suspended", describe_suspension(service, record));
}

/* ", 2026-01-01T12:30:05Z (in 3m)" */
static void add_time(char *text, size_t size, nanos time)
{
	char until[TIME_TEXT_SIZE], left[DURATION_TEXT_SIZE];
	nanos now = clock_now();
	size_t used = strlen(text);
	snprintf(text + used, size - used, ", %s (in %s)", time_format(time / SECOND * SECOND, until),
	         duration_format(time > now ? (time - now) / SECOND * SECOND : 0, left));
}

/* "waits until 12:30:05 (in 3m)", "runs", … Returns why, which is what its step says, or what the service says of that. */
static const char *explain(struct service_steps *service, const struct record *record, struct suspension *suspension, char *text,
                           size_t size)
{
	static const char *const format[] = {
		[PHASE_QUEUED] = "queued or running", [PHASE_RUNNING] = "running",
		[PHASE_WAITING] = "waits as the step asked", [PHASE_BACKOFF] = "failed, is tried again",
		[PHASE_AWAITING] = "another service does it", [PHASE_CONFIRMING] = "storage has to confirm",
		[PHASE_UNCONFIRMED] = "storage never confirmed", [PHASE_ENDED] = "ended",
	};
	const struct status *status = &record->status;
	if (service_steps_find(service, record, clock_now(), suspension)) {
		snprintf(text, size, "waits for %s, which is suspended", step_of(record));
		if (suspension->until != 0)
			add_time(text, size, suspension->until);
		return suspension->reason;
	}
	snprintf(text, size, "%s", record->stepless ? "has not begun, its record lists no steps" : format[status->phase]);
	if (status->due != 0 && status->phase != PHASE_QUEUED && status->phase != PHASE_RUNNING)
		add_time(text, size, status->due);
	return status->reason;
}

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
	listing->shown++;
	if (listing->json) {
		json_array_append_new(listing->array, describe(listing->service, record));
		return;
	}
	char state[256];
	struct suspension suspension;
	const char *why = explain(listing->service, record, &suspension, state, sizeof state);
	if (listing->shown == 1)
		printf("%-36s  %-10s  %-8s  %s\n", "UPLOAD", "STEP", "OUTCOME", "STATE, FILE");
	terminal_cell(stdout, record->upload->id, 36);
	terminal_cell(stdout, step_of(record), 10);
	printf("%-8s  %s, ", outcome_name(record->status.outcome), state);
	terminal_print(stdout, record->upload->filename);
	putchar('\n');
	if (why[0] != '\0') {
		printf("%-36s  ", "");
		terminal_print(stdout, why);
		putchar('\n');
	}
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

static void show_text(struct service_steps *service, const struct record *record)
{
	const struct upload *upload = record->upload;
	const struct status *status = &record->status;
	char text[256];
	struct suspension suspension;
	const char *why = explain(service, record, &suspension, text, sizeof text);
	fputs("upload    ", stdout);
	terminal_print(stdout, upload->id);
	fputs("\nfile      ", stdout);
	terminal_print(stdout, upload->filename);
	if (upload->filesize < 0)
		printf(", size unknown\nsteps     ");
	else
		printf(", %" PRId64 " bytes\nsteps     ", upload->filesize);
	for (size_t i = 0; i < upload->step_count; i++) {
		fputs(i > 0 ? ", " : "", stdout);
		terminal_print(stdout, upload->step[i]);
		fputs(i < status->step ? " (done)" : i == status->step ? " (now)" : "", stdout);
	}
	printf("%s\nstate     %s\n", upload->step_count == 0 ? "none" : "", text);
	if (why[0] != '\0') {
		fputs("reason    ", stdout);
		terminal_print(stdout, why);
		putchar('\n');
	}
	if (status->outcome != OUTCOME_NONE)
		printf("outcome   %s\n", outcome_name(status->outcome));
	if (status->failures > 0)
		printf("failures  %u of this step\n", status->failures);
	if (status->confirmations > 0)
		printf("told      storage was told %u times\n", status->confirmations);
	if (upload->start_time != 0) {
		char began[TIME_TEXT_SIZE];
		printf("began     %s\n", time_format(upload->start_time / SECOND * SECOND, began));
	}
	fputs("owner     ", stdout);
	terminal_print(stdout, record->foreign ? "another implementation" : record->owner);
	putchar('\n');
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
			json_t *object = describe(&service, &record);
			good = json_print(object);
			json_decref(object);
		} else {
			show_text(&service, &record);
		}
		record_clear(&record);
	}
	say_what_is_not_known(&service);
	service_steps_free(&service);
	client_close(&client);
	return good ? EXIT_SUCCESS : EXIT_ERROR;
}
