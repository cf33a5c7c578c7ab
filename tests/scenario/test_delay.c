/* SPDX-License-Identifier: Apache-2.0
 * The delay, and the two variables that deployments use. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

/* From the arrival of the upload to its end, by the broker's clock. */
static void check_duration(const char *upload, nanos least)
{
	const struct recorded *finished = recorder_find(&scenario.recorder, "PostprocessingFinished", upload, 0);
	ck_assert_ptr_nonnull(finished);
	for (size_t i = 0; i < scenario.recorder.count; i++) {
		const struct recorded *begun = &scenario.recorder.message[i];
		if (strcmp(begun->type, "BytesReceived") == 0 && strcmp(begun->upload, upload) == 0)
			ck_assert_int_ge(finished->time - begun->time, least);
	}
}

START_TEST(is_not_cut_short)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 1200ms\n"},
	               false);
	storage_bytes_received(&scenario, "one", "/none", 3);
	storage_bytes_received(&scenario, "two", "/none", 3);
	storage_check_finished(&scenario, "one", "continue");
	storage_check_finished(&scenario, "two", "continue");
	check_duration("one", 1200 * MILLISECOND);
	check_duration("two", 1200 * MILLISECOND);
	/* The end of a delay is not published. */
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 2);
	scenario_close(&scenario);
}
END_TEST

START_TEST(two_variables_are_a_list)
{
	static const char *const env[] = {"POSTPROCESSING_VIRUSSCAN=true", "POSTPROCESSING_DELAY=1s", NULL};
	char eicar[EICAR_SIZE + 1];
	eicar_make(eicar);
	scenario_begin(&scenario, &(struct scenario_options){.env = env}, true);
	storage_server_put(&scenario.storage, "/eicar", eicar, EICAR_SIZE);
	ck_assert_uint_eq(scenario_log_count(&scenario, "steps: virusscan, delay\n"), 1);
	storage_bytes_received(&scenario, "clean", "/ok/3", 3);
	storage_bytes_received(&scenario, "eicar", "/eicar", EICAR_SIZE);
	storage_check_finished(&scenario, "clean", "continue");
	storage_check_finished(&scenario, "eicar", "delete");
	check_duration("clean", SECOND);
	/* The verdict, then the end: an upload that is to be deleted is not delayed. */
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", "eicar"), 1);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", "clean"), 1);
	ck_assert_uint_lt(recorder_find(&scenario.recorder, "PostprocessingFinished", "eicar", 0)->sequence,
	                  recorder_find(&scenario.recorder, "PostprocessingFinished", "clean", 0)->sequence);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 4);
	json_t *record = records_read(&scenario, "clean");
	json_t *steps = json_pack("[s,s]", "virusscan", "delay");
	ck_assert(json_equal(json_object_get(record, "Steps"), steps));
	json_decref(steps);
	json_decref(record);
	scenario_close(&scenario);
}
END_TEST

START_TEST(unlisted_runs_last)
{
	static const char *const env[] = {"POSTPROCESSING_STEPS=virusscan", "POSTPROCESSING_DELAY=700ms", NULL};
	scenario_begin(&scenario, &(struct scenario_options){.env = env}, true);
	ck_assert_uint_eq(scenario_log_count(&scenario, "steps: virusscan, delay\n"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "`delay` is not in the list of steps; it runs last"), 1);
	storage_expect(&scenario, "clean", "/ok/3", 3, "continue");
	check_duration("clean", 700 * MILLISECOND);
	scenario_close(&scenario);
}
END_TEST

START_TEST(listed_runs_where_it_is_listed)
{
	static const char *const env[] = {"POSTPROCESSING_STEPS=delay,virusscan", "POSTPROCESSING_DELAY=700ms", NULL};
	scenario_begin(&scenario, &(struct scenario_options){.env = env}, true);
	ck_assert_uint_eq(scenario_log_count(&scenario, "steps: delay, virusscan\n"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "is not in the list"), 0);
	storage_bytes_received(&scenario, "clean", "/ok/3", 3);
	const struct recorded *scan = recorder_await(&scenario.recorder, "PostprocessingStepFinished", "clean", 0);
	ck_assert_int_ge(scan->time - scenario.recorder.message[0].time, 700 * MILLISECOND);
	storage_check_finished(&scenario, "clean", "continue");
	scenario_close(&scenario);
}
END_TEST

/* A step that asks for a time in the past, too far ahead, or again and again: each upload ends, with few writes. */
START_TEST(steps_that_ask_for_nonsense)
{
	static const char *const until[] = {"1", "9223372036854775807", "-1", "now"};
	static const char *const why[] = {"1970-01-01T00:00:00.000000001Z, which is before its run began",
	                                  "longer than max_wait (2h) allows", "which is before its run began",
	                                  "more than 3 times (max_waits)"};
	char build[FOLDER_PATH_SIZE], modules[FOLDER_PATH_SIZE + 64], ini[256];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	snprintf(modules, sizeof modules, "POSTPROCESSING_PLUGIN_DIR=%s/tests/modules/.libs", build);
	for (size_t i = 0; i < sizeof until / sizeof until[0]; i++) {
		snprintf(ini, sizeof ini,
		         "[step:moody]\nuntil = %s\nmax_wait = 2h\nmax_waits = 3\nmax_retries = 1\nretry_backoff = 10ms\n",
		         until[i]);
		scenario_begin(
			&scenario,
			&(struct scenario_options){.steps = "moody", .ini = ini, .env = (const char *const[]){modules, NULL}},
			false);
		storage_bytes_received(&scenario, "one", "/none", 3);
		storage_check_finished(&scenario, "one", "abort");
		ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingRetry", "one"), 1);
		ck_assert_uint_ge(scenario_log_count(&scenario, why[i]), 1);
		ck_assert_uint_le(scenario_metric(&scenario, "postprocessing_records_written_total"), 12);
		scenario_close(&scenario);
	}
}
END_TEST

/* All uploads would fail. */
START_TEST(delay_beyond_max_wait)
{
	scenario_open(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 721h\n"});
	scenario_start_service(&scenario);
	ck_assert(process_wait(&scenario.service, TEST_LIMIT));
	ck_assert_int_eq(scenario.service.status, 2);
	scenario_await_log(&scenario, "postprocessing.ini:10: duration: longer than the step's max_wait (2592000 s)");
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {is_not_cut_short,
	                              two_variables_are_a_list,
	                              unlisted_runs_last,
	                              listed_runs_where_it_is_listed,
	                              steps_that_ask_for_nonsense,
	                              delay_beyond_max_wait};
	return scenario_run("scenario: delay", tests, sizeof tests / sizeof tests[0]);
}
