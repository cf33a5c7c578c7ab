/* SPDX-License-Identifier: Apache-2.0
 * Records that another implementation left in the bucket: each upload continues from where it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define STEPS "virusscan, policies, delay"
#define LIST "virusscan,policies,delay"
#define INI \
	"[step:policies]\nmodule = remote\n[step:delay]\nduration = 700ms\n[step:virusscan]\nretry_backoff = 300ms\n"

static void open_with_clamd(void)
{
	char eicar[EICAR_SIZE + 1];
	scenario_open(&scenario, &(struct scenario_options){.steps = STEPS, .ini = INI});
	scenario_start_clamd(&scenario, NULL);
	eicar_make(eicar);
	storage_server_put(&scenario.storage, "/eicar", eicar, EICAR_SIZE);
}

static void plant(const char *upload, const char *path, const char *current, const char *outcome)
{
	records_plant(&scenario, records_foreign(&scenario, upload, path, LIST, current, outcome));
}

static void start(void)
{
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
}

/* The upload's record ends with its confirmation, like any other. */
static void confirm(const char *upload)
{
	storage_upload_ready(&scenario, upload, false);
	records_await_gone(&scenario, upload);
}

/* The other implementation did not store the trace. */
static void check_end(const char *upload, const char *outcome)
{
	const struct recorded *finished = recorder_await(&scenario.recorder, "PostprocessingFinished", upload, 0);
	ck_assert_str_eq(recorded_string(finished, "Outcome"), outcome);
	ck_assert_str_eq(recorded_string(finished, "Filename"), STORAGE_FILENAME);
	json_t *user = storage_user();
	ck_assert(json_equal(json_object_get(finished->payload, "ExecutingUser"), user));
	json_decref(user);
	const char *initiator =
		json_string_value(json_object_get(json_object_get(finished->envelope, "Metadata"), "initiatorid"));
	ck_assert_str_eq(initiator, STORAGE_INITIATOR);
	confirm(upload);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", upload), 1);
}

START_TEST(in_a_scan)
{
	open_with_clamd();
	plant("clean", "/ok/68", "virusscan", "");
	plant("eicar", "/eicar", "virusscan", "");
	/* Stored before its first step began. */
	plant("fresh", "/ok/68", "", "");
	start();
	check_end("eicar", "delete");
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "clean", 0);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "fresh", 0);
	storage_step_finished(&scenario, "clean", "policies", "continue");
	storage_step_finished(&scenario, "fresh", "policies", "abort");
	check_end("clean", "continue");
	check_end("fresh", "abort");
	scenario_close(&scenario);
}
END_TEST

/* The writer of these records had no steps. Here there are some, and no upload passes without them. */
START_TEST(without_steps)
{
	static const char *const uploads[] = {"null", "none", "empty", "status"};
	open_with_clamd();
	for (size_t i = 0; i < 4; i++) {
		json_t *record = records_foreign(&scenario, uploads[i], "/eicar", LIST, "", "");
		json_object_set_new(record, "Steps", i == 2 ? json_array() : json_null());
		if (i == 1)
			json_object_del(record, "Steps");
		if (i == 3)
			json_object_set_new(record, "Status", json_null());
		records_plant(&scenario, record);
	}
	start();
	for (size_t i = 0; i < 4; i++)
		check_end(uploads[i], "delete");
	scenario_close(&scenario);
}
END_TEST

START_TEST(in_a_remote_step)
{
	open_with_clamd();
	plant("asked", "/ok/68", "policies", "");
	start();
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "asked", 0);
	storage_step_finished(&scenario, "asked", "policies", "continue");
	check_end("asked", "continue");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", NULL), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(answer_that_was_on_its_way)
{
	open_with_clamd();
	plant("asked", "/ok/68", "policies", "");
	jsStreamConfig stream;
	jsStreamConfig_Init(&stream);
	stream.Name = "main-queue";
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
	storage_step_finished(&scenario, "asked", "policies", "delete");
	start();
	check_end("asked", "delete");
	scenario_close(&scenario);
}
END_TEST

START_TEST(in_a_delay)
{
	open_with_clamd();
	plant("waits", "/ok/68", "delay", "");
	nanos started = clock_now();
	start();
	check_end("waits", "continue");
	ck_assert_int_ge(recorder_find(&scenario.recorder, NULL, "waits", 0)->time - started, 700 * MILLISECOND);
	scenario_close(&scenario);
}
END_TEST

START_TEST(all_done)
{
	open_with_clamd();
	plant("done", "/ok/68", "finished", "continue");
	plant("told", "/ok/68", "finished", "delete");
	json_t *ended = records_foreign(&scenario, "ended", "/ok/68", LIST, "finished", "abort");
	json_object_set_new(ended, "Finished", json_true());
	records_plant(&scenario, ended);
	start();
	/* Storage's confirmation may be on its way, so the end is not published at once. */
	records_await(&scenario, "done", "phase", "confirming");
	records_await(&scenario, "told", "phase", "confirming");
	confirm("done");
	storage_resume(&scenario, "told", "");
	check_end("told", "delete");
	storage_resume(&scenario, "ended", "");
	storage_resume(&scenario, "", "finished");
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 1);
	json_t *record = records_read(&scenario, "ended");
	ck_assert(json_is_true(json_object_get(record, "Finished")));
	ck_assert_ptr_null(json_object_get(record, "StepHost"));
	json_decref(record);
	scenario_close(&scenario);
}
END_TEST

START_TEST(in_a_backoff)
{
	open_with_clamd();
	json_t *record = records_foreign(&scenario, "failed", "/eicar", LIST, "virusscan", "retry");
	json_object_set_new(record, "Failures", json_integer(2));
	records_plant(&scenario, record);
	nanos started = clock_now();
	start();
	check_end("failed", "delete");
	/* The second backoff. */
	ck_assert_int_ge(recorder_find(&scenario.recorder, "PostprocessingStepFinished", "failed", 0)->time - started,
	                 600 * MILLISECOND);
	scenario_close(&scenario);
}
END_TEST

START_TEST(step_that_is_not_configured)
{
	open_with_clamd();
	records_plant(&scenario, records_foreign(&scenario, "odd", "/ok/68", "virusscan,ocr", "ocr", ""));
	records_plant(&scenario, records_foreign(&scenario, "odder", "/ok/68", "ocr,delay", "ocr", "retry"));
	start();
	const struct recorded *asked = recorder_await(&scenario.recorder, "StartPostprocessingStep", "odd", 0);
	ck_assert_str_eq(recorded_string(asked, "StepToStart"), "ocr");
	storage_step_finished(&scenario, "odd", "ocr", "continue");
	check_end("odd", "continue");
	storage_resume(&scenario, "odder", "");
	asked = recorder_await(&scenario.recorder, "StartPostprocessingStep", "odder", 0);
	ck_assert_str_eq(recorded_string(asked, "StepToStart"), "ocr");
	storage_step_finished(&scenario, "odder", "ocr", "continue");
	check_end("odder", "continue");
	scenario_close(&scenario);
}
END_TEST

/* A value that is not a record is left alone and stops nothing. */
START_TEST(not_a_record)
{
	open_with_clamd();
	plant("good", "/eicar", "virusscan", "");
	json_t *bad = records_foreign(&scenario, "bad", "/ok/68", LIST, "virusscan", "");
	json_object_set_new(bad, "Steps", json_string("virusscan"));
	records_plant(&scenario, bad);
	bad = records_foreign(&scenario, "worse", "/ok/68", LIST, "no such step", "");
	records_plant(&scenario, bad);
	start();
	check_end("good", "delete");
	scenario_await_log(&scenario, "invalid record: upload bad: \"Steps\" is missing or invalid");
	scenario_await_log(&scenario, "invalid record: upload worse: \"CurrentStep\" is not one of its \"Steps\"");
	scenario_close(&scenario);
}
END_TEST

/* A record that the other implementation takes over again has everything that it reads. */
START_TEST(our_record_as_others_read_it)
{
	static const char *const keys[] = {"ID",         "URL",   "User",   "ImpersonatingUser", "Filename",    "Filesize",
	                                   "ResourceID", "Steps", "Status", "Failures",          "InitiatorID", "Finished",
	                                   "StartTime"};
	open_with_clamd();
	start();
	storage_bytes_received(&scenario, "ours", "/ok/68", 68);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "ours", 0);
	json_t *ours = records_read(&scenario, "ours"),
		   *theirs = records_foreign(&scenario, "ours", "/ok/68", LIST, "policies", "");
	ck_assert_uint_eq(json_object_size(ours), json_object_size(theirs) + 1);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (strcmp(keys[i], "StartTime") == 0)
			ck_assert(json_is_string(json_object_get(ours, keys[i])));
		else
			ck_assert_msg(json_equal(json_object_get(ours, keys[i]), json_object_get(theirs, keys[i])), "%s differs",
			              keys[i]);
	}
	json_decref(ours);
	json_decref(theirs);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {in_a_scan,        without_steps,
	                              in_a_remote_step, answer_that_was_on_its_way,
	                              in_a_delay,       all_done,
	                              in_a_backoff,     step_that_is_not_configured,
	                              not_a_record,     our_record_as_others_read_it};
	return scenario_run("scenario: foreign", tests, sizeof tests / sizeof tests[0]);
}
