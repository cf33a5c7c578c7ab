/* SPDX-License-Identifier: Apache-2.0
 * Uploads whose URL has no bytes any more: the whole program asks storage for a new one, whatever dies. */
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

static void begin(const char *ini)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = ini}, true);
	storage_server_put(&scenario.storage, "/new", "abc", 3);
}

static void check_asked(const char *upload)
{
	const struct recorded *asked = recorder_await(&scenario.recorder, "RestartPostprocessing", upload, 0);
	json_t *when = json_object_get(asked->payload, "Timestamp");
	ck_assert_int_gt(json_integer_value(json_object_get(when, "seconds")), 0);
}

static void check_end(const char *upload, const char *outcome)
{
	storage_check_finished(&scenario, upload, outcome);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "RestartPostprocessing", upload), 1);
}

/* Storage has another URL for it, and publishes it. The step has no retries: these attempts cost none. */
START_TEST(a_new_url)
{
	begin("[step:virusscan]\nretry_backoff = 100ms\nmax_retries = 0\n");
	storage_bytes_received(&scenario, "moved", "/old", 3);
	check_asked("moved");
	recorder_await(&scenario.recorder, "PostprocessingRetry", "moved", 2);
	ck_assert_uint_eq(scenario_log_count(&scenario, "upload moved: its URL no longer has any content; asking storage"),
	                  1);
	storage_bytes_received(&scenario, "moved", "/new", 3);
	check_end("moved", "continue");
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_urls_asked_total"), 1);
	scenario_close(&scenario);
}
END_TEST

/* The new URL gives the same answer. */
START_TEST(two_urls_without_bytes)
{
	begin("[step:virusscan]\nretry_backoff = 100ms\non_exhausted = continue\n");
	storage_bytes_received(&scenario, "lost", "/status/410", 3);
	check_asked("lost");
	storage_bytes_received(&scenario, "lost", "/old", 3);
	check_end("lost", "abort");
	scenario_await_log(&scenario, "the bytes are gone: the storage ");
	ck_assert_uint_eq(scenario_log_count(&scenario, "the bytes are gone: the storage "), 1);
	scenario_close(&scenario);
}
END_TEST

/* The storage was coming back: the same URL has the bytes again, and nobody begins the upload again. */
START_TEST(the_old_url_has_them_again)
{
	begin("[step:virusscan]\nretry_backoff = 100ms\nmax_retries = 0\n");
	storage_bytes_received(&scenario, "back", "/late", 3);
	check_asked("back");
	recorder_await(&scenario.recorder, "PostprocessingRetry", "back", 1);
	storage_server_put(&scenario.storage, "/late", "abc", 3);
	check_end("back", "continue");
	scenario_close(&scenario);
}
END_TEST

/* The request is in the record: the next process does not ask again, and recognises the answer. */
START_TEST(killed_in_between)
{
	begin("[step:virusscan]\nretry_backoff = 100ms\n");
	storage_bytes_received(&scenario, "moved", "/old", 3);
	check_asked("moved");
	json_t *record = records_read(&scenario, "moved");
	ck_assert_ptr_nonnull(json_object_get(json_object_get(record, "StepHost"), "asked"));
	json_decref(record);
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	recorder_await(&scenario.recorder, "PostprocessingRetry", "moved", 2);
	storage_bytes_received(&scenario, "moved", "/old2", 3);
	check_end("moved", "abort");
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_new_url, two_urls_without_bytes, the_old_url_has_them_again, killed_in_between};
	return scenario_run("scenario: gone", tests, sizeof tests / sizeof tests[0]);
}
