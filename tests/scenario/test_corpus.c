/* SPDX-License-Identifier: Apache-2.0
 * The events of a real storage provider, replayed in order. What the service publishes for each upload is compared
 * with what the original service and its scanner published. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/base64.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

#define LINE_LIMIT 4096
#define LINES 50

struct line {
	json_t *envelope, *payload;
	const char *type, *upload;
};

static struct scenario scenario;
static struct line corpus[LINES];

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "";
}

static void read_line(struct line *line, const char *text)
{
	size_t length;
	line->envelope = json_loads(text, 0, NULL);
	const char *encoded = text_of(line->envelope, "Payload");
	char *payload = base64_bytes(encoded, &length);
	ck_assert_ptr_nonnull(payload);
	line->payload = json_loadb(payload, length, 0, NULL);
	free(payload);
	ck_assert_ptr_nonnull(line->payload);
	line->type = text_of(json_object_get(line->envelope, "Metadata"), "eventtype") + strlen("events.");
	line->upload = text_of(line->payload, "UploadID");
}

static void read_corpus(void)
{
	char path[1024], text[LINE_LIMIT];
	const char *folder = getenv("srcdir");
	size_t count = 0;
	snprintf(path, sizeof path, "%s/tests/data/storage-events.jsonl", folder != NULL ? folder : ".");
	FILE *file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s cannot be read", path);
	for (; fgets(text, sizeof text, file) != NULL; count++) {
		ck_assert_uint_lt(count, LINES);
		read_line(&corpus[count], text);
	}
	fclose(file);
	ck_assert_uint_eq(count, LINES);
}

/* The members that differ from run to run. */
static bool is_of_the_moment(const char *key)
{
	return strcmp(key, "Scandate") == 0 || strcmp(key, "seconds") == 0 || strcmp(key, "nanos") == 0 ||
	       strcmp(key, "Description") == 0;
}

/* A member of the moment: of the same type, a time where the other one is a time, empty where the other one is
 * empty. */
static void compare_moment(json_t *got, json_t *wanted, const char *where)
{
	nanos time;
	ck_assert_msg(json_typeof(got) == json_typeof(wanted), "%s has another type", where);
	if (!json_is_string(wanted))
		return;
	ck_assert_msg((json_string_length(got) == 0) == (json_string_length(wanted) == 0), "%s is empty in one only",
	              where);
	if (time_parse(json_string_value(wanted), &time))
		ck_assert_msg(time_parse(json_string_value(got), &time), "%s is not a time", where);
}

static void compare(json_t *got, json_t *wanted, const char *where)
{
	char deeper[256];
	const char *key;
	json_t *value;
	if (!json_is_object(wanted)) {
		ck_assert_msg(json_equal(got, wanted), "%s has another value", where);
		return;
	}
	ck_assert_msg(json_object_size(got) == json_object_size(wanted), "%s has other keys", where);
	json_object_foreach(wanted, key, value)
	{
		json_t *mine = json_object_get(got, key);
		snprintf(deeper, sizeof deeper, "%s.%s", where, key);
		ck_assert_msg(mine != NULL, "%s is missing", deeper);
		if (is_of_the_moment(key))
			compare_moment(mine, value, deeper);
		else
			compare(mine, value, deeper);
	}
}

/* Version and trace ID of a traceparent; each service has its own span. */
#define TRACE_LENGTH 35

static void compare_envelope(const struct recorded *got, const struct line *line)
{
	static const char *const keys[] = {"Timestamp", "ID", "Topic", "Payload", "Metadata"};
	json_t *mine = json_object_get(got->envelope, "Metadata"), *theirs = json_object_get(line->envelope, "Metadata");
	nanos time;
	ck_assert_uint_eq(json_object_size(got->envelope), json_object_size(line->envelope));
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		ck_assert_msg(json_object_get(got->envelope, keys[i]) != NULL, "no %s", keys[i]);
	ck_assert_str_eq(text_of(got->envelope, "Topic"), text_of(line->envelope, "Topic"));
	ck_assert(time_parse(text_of(got->envelope, "Timestamp"), &time));
	ck_assert_uint_eq(strlen(text_of(got->envelope, "ID")), 36);
	ck_assert_uint_eq(json_object_size(mine), json_object_size(theirs));
	ck_assert_str_eq(text_of(mine, "eventtype"), text_of(theirs, "eventtype"));
	ck_assert_str_eq(text_of(mine, "initiatorid"), text_of(theirs, "initiatorid"));
	ck_assert_uint_eq(strlen(text_of(mine, "eventid")), 36);
	ck_assert(json_is_string(json_object_get(mine, "traceparent")));
	/* A restart belongs to no known upload. */
	if (strcmp(line->type, "RestartPostprocessing") != 0)
		ck_assert_int_eq(strncmp(text_of(mine, "traceparent"), text_of(theirs, "traceparent"), TRACE_LENGTH), 0);
}

/* Provides bytes that have the same scan result as the original's; the event's URL is changed to lead to them. */
static void serve(struct line *line)
{
	char path[64], url[STORAGE_URL_SIZE], bytes[EICAR_SIZE + 1];
	json_int_t size = json_integer_value(json_object_get(line->payload, "Filesize"));
	ck_assert_int_le(size, EICAR_SIZE);
	memset(bytes, 'a', sizeof bytes);
	if (strcmp(text_of(line->payload, "Filename"), "eicar.com") == 0)
		eicar_make(bytes);
	snprintf(path, sizeof path, "/data/%s", line->upload);
	storage_server_put(&scenario.storage, path, bytes, (size_t)size);
	json_object_set_new(line->payload, "URL", json_string(storage_url(&scenario, path, url)));
}

static bool is_of_the_service(const char *type)
{
	return strcmp(type, "PostprocessingStepFinished") == 0 || strcmp(type, "PostprocessingFinished") == 0 ||
	       strcmp(type, "RestartPostprocessing") == 0;
}

/* Returns whether the service had to publish something. */
static bool replay(struct line *line)
{
	/* The original's steps were done by other services. Here the service does them itself, and publishes the same
	 * events. */
	if (strcmp(line->type, "StartPostprocessingStep") == 0) {
		bool first = strcmp(text_of(line->payload, "StepToStart"), "virusscan") == 0;
		const struct recorded *got =
			recorder_await(&scenario.recorder, RECORDER_ANNOUNCEMENT, line->upload, first ? 0 : 1);
		char url[STORAGE_URL_SIZE], path[64];
		snprintf(path, sizeof path, "/data/%s", line->upload);
		json_object_set_new(line->payload, "URL", json_string(storage_url(&scenario, path, url)));
		compare_envelope(got, line);
		compare(got->payload, line->payload, line->type);
		return false;
	}
	if (is_of_the_service(line->type)) {
		const struct recorded *got = recorder_await(&scenario.recorder, line->type, line->upload, 0);
		compare_envelope(got, line);
		/* Today's servers need it, and this one did not have it. */
		json_object_del(got->payload, "ResourceID");
		compare(got->payload, line->payload, line->type);
		return true;
	}
	if (strcmp(line->type, "BytesReceived") == 0)
		serve(line);
	if (strcmp(line->type, "UploadReady") == 0)
		recorder_await(&scenario.recorder, "PostprocessingFinished", line->upload, 0);
	storage_say_with(&scenario, json_incref(line->envelope), json_incref(line->payload));
	return false;
}

START_TEST(as_the_original)
{
	size_t said = 0;
	read_corpus();
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan, delay", .ini = "[step:delay]\nduration = 1s\n"},
	               true);
	for (size_t i = 0; i < LINES; i++)
		said += replay(&corpus[i]);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(said, 11);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), said);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_broken_total"), 0);
	for (size_t i = 0; i < LINES; i++) {
		if (strcmp(corpus[i].type, "UploadReady") == 0) {
			bool failed = json_is_true(json_object_get(corpus[i].payload, "Failed"));
			json_t *record = records_read(&scenario, corpus[i].upload);
			ck_assert_int_eq(record != NULL, failed);
			ck_assert(!failed || json_is_true(json_object_get(record, "Finished")));
			json_decref(record);
		}
		json_decref(corpus[i].envelope);
		json_decref(corpus[i].payload);
	}
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {as_the_original};
	return scenario_run("scenario: corpus", tests, sizeof tests / sizeof tests[0]);
}
