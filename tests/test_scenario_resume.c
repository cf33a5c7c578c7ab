/* SPDX-License-Identifier: Apache-2.0
 * ResumePostprocessing: by ID and by step, in every state that an upload can be in. */
#include <signal.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

static size_t count(const char *type, const char *upload)
{
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	return recorder_count(&scenario.recorder, type, upload);
}

START_TEST(backoff_ends_now)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\nretry_backoff = 1h\n"}, true);
	storage_bytes_received(&scenario, "one", "/late", 3);
	storage_bytes_received(&scenario, "two", "/late", 3);
	storage_bytes_received(&scenario, "three", "/late", 3);
	records_await(&scenario, "one", "phase", "backoff");
	records_await(&scenario, "two", "phase", "backoff");
	records_await(&scenario, "three", "phase", "backoff");
	file_server_put(&scenario.storage, "/late", "abc", 3);
	storage_resume(&scenario, "one", "");
	storage_check_finished(&scenario, "one", "continue");
	ck_assert_uint_eq(count("PostprocessingFinished", NULL), 1);
	storage_resume(&scenario, "", "delay");
	ck_assert_uint_eq(count("PostprocessingFinished", NULL), 1);
	storage_resume(&scenario, "", "virusscan");
	storage_check_finished(&scenario, "two", "continue");
	storage_check_finished(&scenario, "three", "continue");
	scenario_close(&scenario);
}
END_TEST

START_TEST(awaiting_is_asked_again)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "policies", .ini = "[step:policies]\nmodule = remote\n"}, false);
	storage_bytes_received(&scenario, "one", "/none", 3);
	storage_bytes_received(&scenario, "two", "/none", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "one", 0);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "two", 0);
	storage_resume(&scenario, "one", "");
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "one", 1);
	ck_assert_uint_eq(count("StartPostprocessingStep", NULL), 3);
	storage_resume(&scenario, "", "policies");
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "one", 2);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "two", 1);
	storage_step_finished(&scenario, "one", "policies", "continue");
	storage_check_finished(&scenario, "one", "continue");
	storage_resume(&scenario, "", "policies");
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "two", 2);
	ck_assert_uint_eq(count("StartPostprocessingStep", "one"), 3);
	ck_assert_uint_eq(count("PostprocessingRetry", NULL), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(confirming_is_said_again)
{
	scenario_begin(&scenario, NULL, false);
	storage_expect(&scenario, "one", "/none", 3, "continue");
	storage_expect(&scenario, "two", "/none", 3, "continue");
	storage_expect(&scenario, "over", "/none", 3, "continue");
	storage_upload_ready(&scenario, "over", true);
	records_await(&scenario, "over", "phase", "ended");
	storage_resume(&scenario, "one", "");
	recorder_await(&scenario.recorder, "PostprocessingFinished", "one", 1);
	ck_assert_uint_eq(count("PostprocessingFinished", NULL), 4);
	storage_resume(&scenario, "", "finished");
	recorder_await(&scenario.recorder, "PostprocessingFinished", "one", 2);
	recorder_await(&scenario.recorder, "PostprocessingFinished", "two", 1);
	/* What storage has taken note of is left alone, however it is called. */
	storage_resume(&scenario, "over", "");
	ck_assert_uint_eq(count("PostprocessingFinished", "over"), 1);
	ck_assert_uint_eq(count("RestartPostprocessing", NULL), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(unknown_is_restarted)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	storage_resume(&scenario, "gone", "");
	const struct recorded *restart = recorder_await(&scenario.recorder, "RestartPostprocessing", "gone", 0);
	ck_assert_uint_eq(json_object_size(restart->payload), 2);
	ck_assert_int_ge(json_integer_value(json_object_get(json_object_get(restart->payload, "Timestamp"), "seconds")), 1);
	/* Storage answers with the upload. */
	storage_expect(&scenario, "gone", "/ok/3", 3, "continue");
	storage_upload_ready(&scenario, "gone", false);
	records_await_gone(&scenario, "gone");
	/* Now it is unknown again, although there is a trace of it in the bucket. */
	storage_resume(&scenario, "gone", "");
	recorder_await(&scenario.recorder, "RestartPostprocessing", "gone", 1);
	storage_bytes_received(&scenario, "gone", "/ok/3", 3);
	recorder_await(&scenario.recorder, "PostprocessingFinished", "gone", 1);
	storage_resume(&scenario, "", "");
	ck_assert_uint_eq(count("RestartPostprocessing", NULL), 2);
	scenario_close(&scenario);
}
END_TEST

/* An administrator's wish, for one or for all of them. */
START_TEST(delay_ends_when_resumed)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 100h\n"}, false);
	storage_bytes_received(&scenario, "one", "/none", 68);
	storage_bytes_received(&scenario, "two", "/none", 68);
	storage_bytes_received(&scenario, "three", "/none", 68);
	records_await(&scenario, "one", "phase", "waiting");
	records_await(&scenario, "two", "phase", "waiting");
	records_await(&scenario, "three", "phase", "waiting");
	storage_resume(&scenario, "one", "");
	storage_check_finished(&scenario, "one", "continue");
	ck_assert_uint_eq(count(NULL, NULL), 1);
	/* After a restart, too, as nothing else ends it. */
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	ck_assert_uint_eq(count(NULL, NULL), 1);
	storage_resume(&scenario, "", "delay");
	storage_check_finished(&scenario, "two", "continue");
	storage_check_finished(&scenario, "three", "continue");
	ck_assert_uint_eq(count(NULL, NULL), 3);
	scenario_close(&scenario);
}
END_TEST

START_TEST(running_step_goes_on)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGSTOP), 0);
	storage_bytes_received(&scenario, "runs", "/ok/300", 300);
	scenario_await_requests(&scenario, 1);
	storage_resume(&scenario, "runs", "");
	storage_resume(&scenario, "", "virusscan");
	ck_assert_uint_eq(count(NULL, NULL), 0);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	storage_check_finished(&scenario, "runs", "continue");
	ck_assert_uint_eq(count(NULL, NULL), 2);
	ck_assert_uint_eq(atomic_load(&scenario.storage.requests), 1);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {backoff_ends_now, awaiting_is_asked_again, confirming_is_said_again, unknown_is_restarted,
	                              delay_ends_when_resumed, running_step_goes_on};
	return scenario_run("scenario: resume", tests, sizeof tests / sizeof tests[0]);
}
