/* SPDX-License-Identifier: Apache-2.0
 * A step that another service on the bus does. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define REMOTE "[step:policies]\nmodule = remote\n"

static void begin(const char *ini)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "policies", .ini = ini}, false);
}

/* StartPostprocessingStep, field by field. */
static void check_start(const char *upload, const char *step, size_t index)
{
	char url[STORAGE_URL_SIZE];
	const struct recorded *event = recorder_await(&scenario.recorder, "StartPostprocessingStep", upload, index);
	json_t *expected = json_pack("{s:s,s:s,s:o,s:s,s:i,s:s,s:o,s:s,s:s,s:n,s:n}", "UploadID", upload, "URL",
	                             storage_url(&scenario, "/none", url), "ExecutingUser", storage_user(), "Filename",
	                             STORAGE_FILENAME, "Filesize", 68, "Token", "", "ResourceID", storage_resource(),
	                             "RevaToken", "", "StepToStart", step, "Timestamp", "ImpersonatingUser");
	char *got = json_dumps(event->payload, JSON_COMPACT | JSON_SORT_KEYS),
		 *wanted = json_dumps(expected, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(got, wanted);
	free(got);
	free(wanted);
	json_decref(expected);
}

START_TEST(answers)
{
	static const char *const outcome[] = {"continue", "abort", "delete"};
	begin(REMOTE "retry_backoff = 100ms\n");
	for (size_t i = 0; i < 3; i++) {
		storage_bytes_received(&scenario, outcome[i], "/none", 68);
		check_start(outcome[i], "policies", 0);
		storage_step_finished(&scenario, outcome[i], "policies", outcome[i]);
		storage_check_finished(&scenario, outcome[i], outcome[i]);
		ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, outcome[i]), 2);
	}
	scenario_close(&scenario);
}
END_TEST

/* The record has the answer's place in the stream, by which a redelivery is recognised. */
static void check_answered(const char *upload)
{
	char answer[24] = "";
	for (size_t i = 0; i < scenario.recorder.count; i++) {
		const struct recorded *event = &scenario.recorder.message[i];
		if (strcmp(event->upload, upload) == 0 && strcmp(event->type, "PostprocessingStepFinished") == 0)
			snprintf(answer, sizeof answer, "%" PRIu64, event->sequence);
	}
	records_await(&scenario, upload, "answer", answer);
}

START_TEST(retries)
{
	/* The last one is none of the four outcomes, so it is no verdict. */
	static const char *const outcome[] = {"retry", "", "Continue"};
	char upload[16];
	begin(REMOTE "retry_backoff = 100ms\n");
	for (size_t i = 0; i < 3; i++) {
		snprintf(upload, sizeof upload, "u%zu", i);
		storage_bytes_received(&scenario, upload, "/none", 68);
		check_start(upload, "policies", 0);
		storage_step_finished(&scenario, upload, "policies", outcome[i]);
		const struct recorded *retry = recorder_await(&scenario.recorder, "PostprocessingRetry", upload, 0);
		ck_assert_int_eq(json_integer_value(json_object_get(retry->payload, "Failures")), 1);
		ck_assert_int_eq(json_integer_value(json_object_get(retry->payload, "BackoffDuration")), 100 * MILLISECOND);
		check_start(upload, "policies", 1);
		check_answered(upload);
		storage_step_finished(&scenario, upload, "policies", "continue");
		storage_check_finished(&scenario, upload, "continue");
	}
	scenario_close(&scenario);
}
END_TEST

START_TEST(no_answer)
{
	begin(REMOTE "deadline = 300ms\nretry_backoff = 100ms\nmax_retries = 2\n");
	storage_expect(&scenario, "silent", "/none", 68, "abort");
	for (size_t i = 0; i < 3; i++)
		check_start("silent", "policies", i);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "StartPostprocessingStep", "silent"), 3);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingRetry", "silent"), 2);
	const struct recorded *start = recorder_find(&scenario.recorder, "StartPostprocessingStep", "silent", 0);
	const struct recorded *again = recorder_find(&scenario.recorder, "StartPostprocessingStep", "silent", 1);
	ck_assert_int_ge(again->time - start->time, 350 * MILLISECOND);
	scenario_close(&scenario);
}
END_TEST

START_TEST(wrong_answers)
{
	begin(REMOTE);
	storage_bytes_received(&scenario, "good", "/none", 68);
	check_start("good", "policies", 0);
	storage_step_finished(&scenario, "good", "virusscan", "delete");
	storage_step_finished(&scenario, "good", "", "delete");
	storage_step_finished(&scenario, "good", "finished", "delete");
	storage_step_finished(&scenario, "nobody", "policies", "delete");
	storage_step_finished(&scenario, "", "policies", "delete");
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 1);
	storage_step_finished(&scenario, "good", "policies", "continue");
	storage_check_finished(&scenario, "good", "continue");
	/* An answer that comes twice, or contradicts itself afterwards, changes nothing. */
	storage_step_finished(&scenario, "good", "policies", "continue");
	storage_step_finished(&scenario, "good", "policies", "delete");
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 2);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_broken_total"), 0);
	scenario_close(&scenario);
}
END_TEST

/* No other service can answer for a delay that is over. */
START_TEST(answer_for_a_step_of_ours)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 1500ms\n"},
	               false);
	storage_bytes_received(&scenario, "waits", "/none", 68);
	records_await(&scenario, "waits", "phase", "waiting");
	storage_step_finished(&scenario, "waits", "delay", "continue");
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 0);
	storage_check_finished(&scenario, "waits", "continue");
	scenario_close(&scenario);
}
END_TEST

START_TEST(one_after_the_other)
{
	scenario_begin(
		&scenario,
		&(struct scenario_options){.steps = "policies, check", .ini = REMOTE "[step:check]\nmodule = remote\n"}, false);
	storage_bytes_received(&scenario, "two", "/none", 68);
	check_start("two", "policies", 0);
	/* The answer for the second step comes too early to count. */
	storage_step_finished(&scenario, "two", "check", "delete");
	storage_step_finished(&scenario, "two", "policies", "continue");
	check_start("two", "check", 1);
	storage_step_finished(&scenario, "two", "check", "continue");
	storage_check_finished(&scenario, "two", "continue");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 3);
	scenario_close(&scenario);
}
END_TEST

/* The reason why an upload was rejected is shown while its record exists: for a step of another service, and for one
 * of ours. */
START_TEST(rejections_are_explained)
{
	char text[4096], eicar[EICAR_SIZE + 1];
	scenario_begin(
		&scenario,
		&(struct scenario_options){.steps = "policies,virusscan", .ini = "[step:policies]\nmodule = remote\n"}, true);
	storage_bytes_received(&scenario, "one", "/none", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "one", 0);
	storage_say(&scenario, "PostprocessingStepFinished",
	            json_pack("{s:s,s:s,s:{s:s,s:i},s:n,s:s}", "UploadID", "one", "FinishedStep", "policies", "Result",
	                      "ErrorMsg", "no .exe here", "rule", 7, "Error", "Outcome", "delete"));
	storage_check_finished(&scenario, "one", "delete");
	scenario_await_log(&scenario, "upload one: delete by policies: no .exe here");
	storage_upload_ready(&scenario, "one", true);
	records_await(&scenario, "one", "phase", "ended");
	const char *const show[] = {"show", "one", NULL};
	ck_assert_int_eq(scenario_command(&scenario, show, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "policies (delete), virusscan (not reached)") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "outcome   delete, by policiesreason") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "reason    no .exe hereresult") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "result    policies: {\"ErrorMsg\":\"no .exe here\",\"rule\":7}told") != NULL, "%s",
	              text);
	const char *const json[] = {"show", "--json", "one", NULL};
	ck_assert_int_eq(scenario_command(&scenario, json, text, sizeof text), 0);
	json_t *shown = json_loads(text, 0, NULL), *decided = json_object_get(shown, "decided");
	ck_assert_str_eq(json_string_value(json_object_get(decided, "step")), "policies");
	ck_assert_str_eq(json_string_value(json_object_get(decided, "outcome")), "delete");
	ck_assert_str_eq(json_string_value(json_object_get(decided, "reason")), "no .exe here");
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(decided, "result"), "rule")), 7);
	json_decref(shown);
	/* The second step's own verdict, which is published as well, is kept longer than that. */
	eicar_make(eicar);
	storage_server_put(&scenario.storage, "/bad", eicar, EICAR_SIZE);
	storage_bytes_received(&scenario, "two", "/bad", EICAR_SIZE);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "two", 0);
	storage_say(&scenario, "PostprocessingStepFinished",
	            json_pack("{s:s,s:s,s:{s:i},s:n,s:s}", "UploadID", "two", "FinishedStep", "policies", "Result", "rule",
	                      0, "Error", "Outcome", "continue"));
	storage_check_finished(&scenario, "two", "delete");
	storage_upload_ready(&scenario, "two", true);
	records_await(&scenario, "two", "phase", "ended");
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"show", "two", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "policies (done), virusscan (delete)") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "outcome   delete, by virusscanreason") != NULL, "%s", text);
	ck_assert_msg(
		strstr(text, "result    policies: {\"rule\":0}verdict   virusscan: infected          reason   Own-Eicar") !=
			NULL,
		"%s", text);
	ck_assert_msg(strstr(text, "          bytes    68          seconds  ") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "result    virusscan: {\"Infected\":true,") != NULL, "%s", text);
	ck_assert_int_eq(
		scenario_command(&scenario, (const char *const[]){"show", "--json", "two", NULL}, text, sizeof text), 0);
	shown = json_loads(text, 0, NULL);
	const json_t *history = json_object_get(shown, "history"), *last = json_array_get(history, 1);
	ck_assert_uint_eq(json_array_size(history), 2);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(history, 0), "outcome")), "continue");
	ck_assert_str_eq(json_string_value(json_object_get(last, "step")), "virusscan");
	ck_assert_str_eq(json_string_value(json_object_get(last, "outcome")), "delete");
	ck_assert(json_is_true(json_object_get(json_object_get(last, "result"), "Infected")));
	ck_assert(json_is_false(json_object_get(last, "omitted")));
	json_decref(shown);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {answers,
	                              retries,
	                              no_answer,
	                              wrong_answers,
	                              answer_for_a_step_of_ours,
	                              one_after_the_other,
	                              rejections_are_explained};
	return scenario_run("scenario: remote", tests, sizeof tests / sizeof tests[0]);
}
