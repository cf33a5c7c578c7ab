/* SPDX-License-Identifier: Apache-2.0
 * Outcomes of uploads: without steps, and with a virus scanner that answers, fails or is away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

/* A scanner that is away costs retries only if its step is not suspended. */
#define UNCHECKED "[step:virusscan]\ncheck_interval = 0\n"
static size_t zip_size;

static void put_files(void)
{
	char eicar[EICAR_SIZE + 1];
	unsigned char zip[EICAR_ZIP_SIZE];
	eicar_make(eicar);
	zip_size = eicar_zip_make(zip);
	storage_server_put(&scenario.storage, "/clean", "abc", 3);
	storage_server_put(&scenario.storage, "/eicar", eicar, EICAR_SIZE);
	storage_server_put(&scenario.storage, "/zip", zip, zip_size);
}

static bool is_finished_record(void *closure)
{
	json_t *record = records_read(&scenario, closure);
	bool finished = json_is_true(json_object_get(record, "Finished"));
	json_decref(record);
	return finished;
}

START_TEST(without_steps)
{
	char failed[] = "failed";
	scenario_begin(&scenario, NULL, false);
	ck_assert_uint_eq(scenario_log_count(&scenario, "no steps are configured"), 1);
	storage_expect(&scenario, "good", "/none", 68, "continue");
	storage_expect(&scenario, failed, "/none", 68, "continue");
	json_t *record = records_read(&scenario, "good");
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(record, "Status"), "CurrentStep")), "finished");
	ck_assert(json_is_false(json_object_get(record, "Finished")));
	json_decref(record);
	storage_upload_ready(&scenario, "good", false);
	storage_upload_ready(&scenario, failed, true);
	records_await_gone(&scenario, "good");
	ck_assert(wait_until(is_finished_record, failed, TEST_LIMIT));
	scenario_await_applied(&scenario);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 2);
	scenario_close(&scenario);
}
END_TEST

/* The step's event, field by field. */
static void check_scan(const char *upload, const char *virus, const char *outcome)
{
	const struct recorded *event = recorder_await(&scenario.recorder, "PostprocessingStepFinished", upload, 0);
	json_t *result = json_object_get(event->payload, "Result");
	const char *when = json_string_value(json_object_get(result, "Scandate"));
	nanos scanned;
	ck_assert(when != NULL && time_parse(when, &scanned));
	ck_assert_int_lt(llabs(clock_now() - scanned), MINUTE);
	json_t *expected = json_pack("{s:s,s:o,s:o,s:s,s:s,s:{s:b,s:s,s:s,s:o,s:s,s:n},s:n,s:s,s:n}", "UploadID", upload,
	                             "ExecutingUser", storage_user(), "ResourceID", storage_resource(), "Filename",
	                             STORAGE_FILENAME, "FinishedStep", "virusscan", "Result", "Infected", virus[0] != '\0',
	                             "Description", virus, "Scandate", when, "ResourceID", storage_resource(), "ErrorMsg",
	                             "", "Timestamp", "Error", "Outcome", outcome, "Timestamp");
	char *got = json_dumps(event->payload, JSON_COMPACT | JSON_SORT_KEYS),
		 *wanted = json_dumps(expected, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(got, wanted);
	free(got);
	free(wanted);
	json_decref(expected);
	const struct recorded *finished = recorder_find(&scenario.recorder, "PostprocessingFinished", upload, 0);
	ck_assert_msg(finished == NULL || finished->sequence > event->sequence, "the end came before the step's result");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", upload), 1);
}

START_TEST(results_of_virusscan)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	put_files();
	storage_expect(&scenario, "clean", "/clean", 3, "continue");
	storage_expect(&scenario, "empty", "/ok/0", 0, "continue");
	storage_expect(&scenario, "chunked", "/chunked/3000000", 3000000, "continue");
	storage_expect(&scenario, "eicar", "/eicar", EICAR_SIZE, "delete");
	storage_expect(&scenario, "zip", "/zip", zip_size, "delete");
	check_scan("clean", "", "continue");
	check_scan("empty", "", "continue");
	check_scan("chunked", "", "continue");
	check_scan("eicar", EICAR_NAME, "delete");
	check_scan("zip", EICAR_NAME, "delete");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 10);
	scenario_close(&scenario);
}
END_TEST

static void expect_handling(const char *outcome)
{
	char ini[64];
	snprintf(ini, sizeof ini, "[step:virusscan]\ninfected = %s\n", outcome);
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = ini}, true);
	put_files();
	storage_expect(&scenario, "eicar", "/eicar", EICAR_SIZE, outcome);
	check_scan("eicar", EICAR_NAME, outcome);
	scenario_close(&scenario);
}

START_TEST(infected_aborts)
{
	expect_handling("abort");
}
END_TEST

START_TEST(infected_continues)
{
	expect_handling("continue");
}
END_TEST

/* Numbers that only big integers and decimals can hold are passed on as the text that they were, and no verdict
 * depends on them. */
START_TEST(odd_numbers_pass_through)
{
	static const char resource[] = "{\"n\":123456789012345678901,\"f\":0.1}";
	char url[STORAGE_URL_SIZE], payload[1024];
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan",
	                                          .ini = "[step:virusscan]\non_exhausted = continue\n"
	                                                 "max_retries = 0\n"},
	               true);
	put_files();
	snprintf(payload, sizeof payload,
	         "{\"UploadID\":\"odd\",\"ExecutingUser\":{\"n\":-0.10e-1},\"ResourceID\":%s,\"Filename\":\"f\","
	         "\"Filesize\":%d,\"URL\":\"%s\"}",
	         resource, EICAR_SIZE, storage_url(&scenario, "/eicar", url));
	storage_say_text(&scenario, "BytesReceived", payload);
	const struct recorded *finished = recorder_await(&scenario.recorder, "PostprocessingFinished", "odd", 0);
	ck_assert_str_eq(json_string_value(json_object_get(finished->payload, "Outcome")), "delete");
	ck_assert_ptr_nonnull(strstr(finished->text, "\"ExecutingUser\":{\"n\":-0.10e-1}"));
	const struct recorded *scanned = recorder_find(&scenario.recorder, "PostprocessingStepFinished", "odd", 0);
	ck_assert(scanned != NULL && strstr(scanned->text, resource) != NULL);
	ck_assert_uint_eq(scenario_log_count(&scenario, "upload odd: virusscan: infected: " EICAR_NAME), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "Result rejected"), 0);
	scenario_close(&scenario);
}
END_TEST

/* A Result would be larger than an event may be: the part that is too large is omitted, and the verdict stands. */
START_TEST(an_endless_resource_spoils_no_verdict)
{
	char url[STORAGE_URL_SIZE], *payload = malloc(200000), *end = payload;
	ck_assert_ptr_nonnull(payload);
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan",
	                                          .ini = "[step:virusscan]\non_exhausted = continue\n"
	                                                 "max_retries = 0\n"},
	               true);
	put_files();
	end += sprintf(end,
	               "{\"UploadID\":\"large\",\"Filename\":\"f\",\"Filesize\":%d,\"URL\":\"%s\",\"ResourceID\":{\"x\":\"",
	               EICAR_SIZE, storage_url(&scenario, "/eicar", url));
	memset(end, 'x', 100000);
	strcpy(end + 100000, "\"}}");
	storage_say_text(&scenario, "BytesReceived", payload);
	free(payload);
	const struct recorded *finished = recorder_await(&scenario.recorder, "PostprocessingFinished", "large", 0);
	ck_assert_str_eq(json_string_value(json_object_get(finished->payload, "Outcome")), "delete");
	const struct recorded *scanned = recorder_find(&scenario.recorder, "PostprocessingStepFinished", "large", 0);
	ck_assert(scanned != NULL &&
	          json_is_null(json_object_get(json_object_get(scanned->payload, "Result"), "ResourceID")));
	ck_assert_uint_eq(scenario_log_count(&scenario, "upload large: virusscan: infected: " EICAR_NAME), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "omits the upload's ResourceID"), 1);
	scenario_await_applied(&scenario);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_broken_total"), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(passing_a_step_over_is_said)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan",
	                                          .ini = UNCHECKED "retry_backoff = 50ms\nmax_retries = 1\n"
	                                                           "on_exhausted = continue\n"},
	               false);
	storage_expect(&scenario, "clean", "/ok/3", 3, "continue");
	ck_assert_uint_eq(
		scenario_log_count(&scenario,
	                       "warning upload clean: continues without a verdict of virusscan, which failed 2 times "
	                       "(on_exhausted = continue): clamd: cannot connect to "),
		1);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_steps_passed_total"), 1);
	scenario_close(&scenario);
}
END_TEST

/* The n-th PostprocessingRetry: its payload, and that the step was not run again too early. */
static void check_retry(const char *upload, size_t index, nanos backoff)
{
	const struct recorded *event = recorder_await(&scenario.recorder, "PostprocessingRetry", upload, index);
	json_t *expected =
		json_pack("{s:s,s:s,s:o,s:I,s:I}", "UploadID", upload, "Filename", STORAGE_FILENAME, "ExecutingUser",
	              storage_user(), "Failures", (json_int_t)index + 1, "BackoffDuration", (json_int_t)backoff);
	char *got = json_dumps(event->payload, JSON_COMPACT | JSON_SORT_KEYS),
		 *wanted = json_dumps(expected, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(got, wanted);
	free(got);
	free(wanted);
	json_decref(expected);
}

static void check_distance(const char *upload, size_t index, nanos backoff)
{
	const struct recorded *one = recorder_find(&scenario.recorder, "PostprocessingRetry", upload, index);
	const struct recorded *next = recorder_find(&scenario.recorder, "PostprocessingRetry", upload, index + 1);
	ck_assert(one != NULL && next != NULL);
	/* Both are stored a little after they were decided, the first one perhaps later than the second. */
	ck_assert_int_ge(next->time - one->time, backoff - 50 * MILLISECOND);
}

START_TEST(scanner_is_away)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan", .ini = UNCHECKED "retry_backoff = 200ms\n"}, false);
	put_files();
	storage_bytes_received(&scenario, "eicar", "/eicar", EICAR_SIZE);
	storage_bytes_received(&scenario, "clean", "/clean", 3);
	for (size_t i = 0; i < 3; i++)
		check_retry("clean", i, (200 * MILLISECOND) << i);
	check_distance("clean", 0, 200 * MILLISECOND);
	check_distance("clean", 1, 400 * MILLISECOND);
	scenario_start_clamd(&scenario, NULL);
	storage_check_finished(&scenario, "clean", "continue");
	storage_check_finished(&scenario, "eicar", "delete");
	check_scan("clean", "", "continue");
	check_scan("eicar", EICAR_NAME, "delete");
	scenario_close(&scenario);
}
END_TEST

START_TEST(retries_used_up)
{
	scenario_begin(
		&scenario,
		&(struct scenario_options){.steps = "virusscan", .ini = UNCHECKED "retry_backoff = 50ms\nmax_retries = 2\n"},
		false);
	storage_expect(&scenario, "clean", "/ok/3", 3, "abort");
	check_retry("clean", 0, 50 * MILLISECOND);
	check_retry("clean", 1, 100 * MILLISECOND);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, "clean"), 3);
	scenario_close(&scenario);
}
END_TEST

/* Errors of storage, and files that clamd refuses to scan, are never a verdict. */
START_TEST(storage_fails)
{
	static const struct {
		const char *path;
		size_t size;
	} bad[] = {{"/status/403", 1000000},
	           {"/status/500", 1000000},
	           {"/status/301", 10},
	           {"/status/204", 0},
	           {"/cut/200000", 200000},
	           {"/cut-chunked/200000", 200000},
	           {"/ok/3", 68},
	           {"/ok/240", 68},
	           {"/chunked/240", 68},
	           {"/ok/240", 0},
	           {"/gzip", 3}};
	char upload[32];
	scenario_open(&scenario,
	              &(struct scenario_options){.steps = "virusscan",
	                                         .ini = "[step:virusscan]\nretry_backoff = 50ms\nmax_retries = 1\n"
	                                                "max_scan_size = 10M\n"});
	scenario_start_clamd(&scenario, "StreamMaxLength 1M");
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(upload, sizeof upload, "u%zu", i);
		storage_expect(&scenario, upload, bad[i].path, bad[i].size, "abort");
		check_retry(upload, 0, 50 * MILLISECOND);
		ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, upload), 2);
	}
	/* The scanner says that it takes no such file: that is a verdict. */
	storage_expect(&scenario, "large", "/ok/2000000", 2000000, "abort");
	ck_assert_uint_eq(
		scenario_log_count(&scenario, "large: abort by virusscan: unscannable: larger than clamd accepts"), 1);
	scenario_close(&scenario);
}
END_TEST

static void send_unsized(const char *upload, const char *path)
{
	char url[STORAGE_URL_SIZE], payload[512];
	snprintf(payload, sizeof payload, "{\"UploadID\":\"%s\",\"Filename\":\"f\",\"Filesize\":-1,\"URL\":\"%s\"}", upload,
	         storage_url(&scenario, path, url));
	storage_say_text(&scenario, "BytesReceived", payload);
}

/* In this case storage's answer has to contain the number of bytes. */
START_TEST(nobody_announced_a_size)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\nmax_retries = 0\n"},
	               true);
	send_unsized("sized", "/ok/3000");
	send_unsized("chunked", "/chunked/3000");
	const struct recorded *end = recorder_await(&scenario.recorder, "PostprocessingFinished", "sized", 0);
	ck_assert_str_eq(recorded_string(end, "Outcome"), "continue");
	end = recorder_await(&scenario.recorder, "PostprocessingFinished", "chunked", 0);
	ck_assert_str_eq(recorded_string(end, "Outcome"), "abort");
	ck_assert_uint_eq(scenario_log_count(&scenario, "the size of the upload is unknown"), 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(file_comes_late)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\nretry_backoff = 100ms\n"},
	               true);
	storage_bytes_received(&scenario, "late", "/eicar", EICAR_SIZE);
	check_retry("late", 0, 100 * MILLISECOND);
	check_retry("late", 1, 200 * MILLISECOND);
	put_files();
	storage_check_finished(&scenario, "late", "delete");
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {without_steps,
	                              results_of_virusscan,
	                              infected_aborts,
	                              infected_continues,
	                              odd_numbers_pass_through,
	                              an_endless_resource_spoils_no_verdict,
	                              passing_a_step_over_is_said,
	                              scanner_is_away,
	                              retries_used_up,
	                              storage_fails,
	                              nobody_announced_a_size,
	                              file_comes_late};
	return scenario_run("scenario: outcome", tests, sizeof tests / sizeof tests[0]);
}
