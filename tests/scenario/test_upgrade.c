/* SPDX-License-Identifier: Apache-2.0
 * What an older version of this program left behind when it was killed, in each state of an upload: the present
 * version continues from there. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/text.h"
#include "core/jetstream/checkpoint.h"
#include "tests/harness/base64.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

#define STEPS "virusscan, policies, delay"
#define INI \
	"[step:policies]\nmodule = remote\n[step:delay]\nduration = 300ms\n[step:virusscan]\nretry_backoff = 300ms\n"
/* The address of storage when the records were written. */
#define OLD_STORAGE "127.0.0.1:46209"
#define LINE_LIMIT 16384

static struct scenario scenario;

static const char *data_folder(void)
{
	static char path[PATH_MAX];
	const char *source = getenv("srcdir");
	snprintf(path, sizeof path, "%s/tests/data/upgrade", source != NULL ? source : ".");
	return path;
}

/* The value with its URL changed to today's storage, where the bytes are; nothing else is changed. */
static void move_storage(const char *value, struct text *moved)
{
	static const char lead[] = "\"data\":\"";
	char storage[48];
	const char *data = strstr(value, lead);
	ck_assert_msg(data != NULL, "a record without data");
	data += strlen(lead);
	char *encoded = strndup(data, strcspn(data, "\""));
	size_t length;
	char *bytes = base64_bytes(encoded, &length), *at = strstr(bytes, OLD_STORAGE);
	ck_assert_msg(at != NULL, "a record without the URL that was expected");
	snprintf(storage, sizeof storage, "127.0.0.1:%u/ok/68", scenario.storage.port);
	struct text inner = {0};
	text_add_bytes(&inner, bytes, (size_t)(at - bytes));
	text_add(&inner, storage);
	text_add(&inner, at + strcspn(at, "?"));
	text_add_bytes(moved, value, (size_t)(data - value));
	text_add_base64(moved, inner.data, inner.length);
	text_add(moved, data + strlen(encoded));
	ck_assert(!inner.failed && !moved->failed);
	text_free(&inner);
	free(encoded);
	free(bytes);
}

/* Stores one message in the bucket, with its headers except those that the broker has evaluated. */
static void plant(const json_t *entry)
{
	const char *subject = json_string_value(json_object_get(entry, "subject")),
			   *value = json_string_value(json_object_get(entry, "value"));
	struct text moved = {0};
	natsMsg *message = NULL;
	const char *name;
	json_t *text;
	if (*value != '\0')
		move_storage(value, &moved);
	ck_assert_int_eq(natsMsg_Create(&message, subject, NULL, moved.data != NULL ? moved.data : "", (int)moved.length),
	                 NATS_OK);
	json_object_foreach(json_object_get(entry, "headers"), name, text) if (strncmp(name, "Nats-", 5) != 0)
		ck_assert_int_eq(natsMsgHeader_Set(message, name, json_string_value(text)), NATS_OK);
	ck_assert_int_eq(js_PublishMsg(NULL, scenario.js, message, NULL, NULL), NATS_OK);
	natsMsg_Destroy(message);
	text_free(&moved);
}

static void make_bucket(void)
{
	kvStore *bucket = NULL;
	kvConfig config;
	kvConfig_Init(&config);
	config.Bucket = "postprocessing";
	config.History = 1;
	ck_assert_int_eq(js_CreateKeyValue(&bucket, scenario.js, &config), NATS_OK);
	kvStore_Destroy(bucket);
}

static void plant_all(void)
{
	char path[PATH_MAX + 32], line[LINE_LIMIT];
	snprintf(path, sizeof path, "%s/records.jsonl", data_folder());
	FILE *file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s cannot be read", path);
	size_t count = 0;
	while (fgets(line, sizeof line, file) != NULL) {
		json_t *entry = json_loads(line, 0, NULL);
		ck_assert_ptr_nonnull(entry);
		plant(entry);
		json_decref(entry);
		count++;
	}
	fclose(file);
	ck_assert_uint_eq(count, 9);
}

/* The same instance is back: it continues with its uploads at once. */
static void take_name(void)
{
	char name[128], state[FOLDER_PATH_SIZE + 16];
	ck_assert(folder_read(data_folder(), "instance-0", name, sizeof name));
	snprintf(state, sizeof state, "%s/state", scenario.folder);
	ck_assert_int_eq(mkdir(state, 0700), 0);
	ck_assert(folder_write(state, "instance-0", name, strlen(name)));
}

static void answer_policies(const char *upload)
{
	recorder_await(&scenario.recorder, "StartPostprocessingStep", upload, 0);
	records_await(&scenario, upload, "phase", "awaiting");
	storage_step_finished(&scenario, upload, "policies", "continue");
}

static void check_end(const char *upload, const char *outcome)
{
	const struct recorded *finished = recorder_await(&scenario.recorder, "PostprocessingFinished", upload, 0);
	ck_assert_str_eq(recorded_string(finished, "Outcome"), outcome);
	json_t *metadata = json_object_get(finished->envelope, "Metadata");
	ck_assert_str_eq(json_string_value(json_object_get(metadata, "initiatorid")), STORAGE_INITIATOR);
	ck_assert_str_eq(json_string_value(json_object_get(metadata, "traceparent")), STORAGE_TRACEPARENT);
	storage_upload_ready(&scenario, upload, false);
	records_await_gone(&scenario, upload);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", upload), 1);
}

START_TEST(records_are_carried_on)
{
	static const char *const in_a_scan[] = {"queued", "backoff", "silent-1", "silent-2"};
	scenario_open(&scenario, &(struct scenario_options){.steps = STEPS, .ini = INI});
	scenario_start_clamd(&scenario, NULL);
	make_bucket();
	plant_all();
	take_name();
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	check_end("confirming", "abort");
	check_end("waiting", "continue");
	for (size_t i = 0; i < sizeof in_a_scan / sizeof in_a_scan[0]; i++)
		answer_policies(in_a_scan[i]);
	answer_policies("awaiting");
	for (size_t i = 0; i < sizeof in_a_scan / sizeof in_a_scan[0]; i++)
		check_end(in_a_scan[i], "continue");
	check_end("awaiting", "continue");
	/* Records of ended uploads are kept, and publish nothing more. */
	records_await(&scenario, "ended", "phase", "ended");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, "ended"), 0);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, "gone"), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, "invalid record"), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(positions_are_read)
{
	struct checkpoint position;
	ck_assert(checkpoint_read(data_folder(), CHECKPOINT_EVENTS, "postprocessing-pull", &position));
	ck_assert_int_eq(position.stream, 1795851387951750291);
	ck_assert_uint_eq(position.sequence, 30);
	ck_assert_int_eq(position.noted, 1795851392986591827);
	ck_assert(checkpoint_read(data_folder(), CHECKPOINT_BUCKET, "postprocessing", &position));
	ck_assert_int_eq(position.stream, 1795851387949479976);
	ck_assert_uint_eq(position.sequence, 22);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {records_are_carried_on, positions_are_read};
	return scenario_run("upgrade", tests, sizeof tests / sizeof tests[0]);
}
