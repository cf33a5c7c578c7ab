/* SPDX-License-Identifier: Apache-2.0
 * What today's servers publish, and what they publish twice. */
#include <stdio.h>
#include <string.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"
#include "tests/upload/storage_events.h"

static struct scenario scenario;
static struct storage_events events;

enum { BEGIN, CLEAN, READY };

/* An event of the list, changed to this upload, whose bytes are where `path` says. */
static void say(size_t which, const char *upload, const char *path)
{
	char url[STORAGE_URL_SIZE];
	json_t *payload = json_deep_copy(events.payload[which]);
	json_object_set_new(payload, "UploadID", json_string(upload));
	if (path != NULL)
		json_object_set_new(payload, "URL", json_string(storage_url(&scenario, path, url)));
	storage_say_with(&scenario, json_deep_copy(events.envelope[which]), payload);
}

static void check_carried(const char *type, const char *upload, bool resource)
{
	const struct recorded *said = recorder_await(&scenario.recorder, type, upload, 0);
	json_t *metadata = json_object_get(said->envelope, "Metadata"),
		   *first = json_object_get(events.envelope[BEGIN], "Metadata");
	ck_assert_uint_eq(json_object_size(metadata), json_object_size(first));
	ck_assert(json_equal(json_object_get(metadata, "extrainfo"), json_object_get(first, "extrainfo")));
	ck_assert(json_equal(json_object_get(metadata, "initiatorid"), json_object_get(first, "initiatorid")));
	ck_assert(json_equal(json_object_get(metadata, "traceparent"), json_object_get(first, "traceparent")));
	if (resource)
		ck_assert(json_equal(json_object_get(said->payload, "ResourceID"),
		                     json_object_get(events.payload[BEGIN], "ResourceID")));
}

/* Foreign metadata and ResourceID are in all events of an upload, also if the service has only its record. */
START_TEST(metadata_and_resource)
{
	storage_events_open_2026(&events);
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan, policies",
	                                          .ini = "[step:policies]\nmodule = remote\nretry_backoff = 100ms\n"},
	               true);
	say(BEGIN, "one", "/ok/6");
	check_carried("PostprocessingStepFinished", "one", true);
	check_carried("StartPostprocessingStep", "one", true);
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_step_finished(&scenario, "one", "policies", "retry");
	check_carried("PostprocessingRetry", "one", false);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "one", 1);
	storage_step_finished(&scenario, "one", "policies", "continue");
	check_carried("PostprocessingFinished", "one", true);
	say(READY, "one", NULL);
	records_await_gone(&scenario, "one");
	/* Another one is removed. */
	say(BEGIN, "two", "/ok/6");
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "two", 0);
	say(CLEAN, "two", NULL);
	records_await_gone(&scenario, "two");
	say(READY, "two", NULL);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", "two"), 0);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_broken_total"), 0);
	scenario_close(&scenario);
	storage_events_close(&events);
}
END_TEST

/* More than 16 KB are dropped, and that is logged once. */
START_TEST(too_much_metadata)
{
	char large[20001];
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	storage_events_open_2026(&events);
	scenario_begin(&scenario, NULL, false);
	json_t *envelope = json_deep_copy(events.envelope[BEGIN]);
	json_object_set_new(json_object_get(envelope, "Metadata"), "large", json_string(large));
	json_t *payload = json_deep_copy(events.payload[BEGIN]);
	json_object_set_new(payload, "UploadID", json_string("one"));
	storage_say_with(&scenario, envelope, payload);
	check_carried("PostprocessingFinished", "one", true);
	ck_assert_uint_eq(scenario_log_count(&scenario, "upload one: \"large\" is dropped from its \"Metadata\""), 1);
	scenario_close(&scenario);
	storage_events_close(&events);
}
END_TEST

static size_t announcements(const char *upload)
{
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	return recorder_count(&scenario.recorder, RECORDER_ANNOUNCEMENT, upload);
}

/* Storage is told of each step that is done here, just as of those that others are asked to do. */
START_TEST(steps_are_announced)
{
	char url[STORAGE_URL_SIZE];
	scenario_begin(
		&scenario,
		&(struct scenario_options){.steps = "virusscan, policies, delay",
	                               .ini = "[step:policies]\nmodule = remote\n[step:delay]\nduration = 100ms\n"},
		true);
	storage_bytes_received(&scenario, "one", "/ok/68", 68);
	const struct recorded *said = recorder_await(&scenario.recorder, RECORDER_ANNOUNCEMENT, "one", 0);
	json_t *expected = json_pack("{s:s,s:s,s:o,s:s,s:i,s:s,s:o,s:s,s:s,s:n,s:n}", "UploadID", "one", "URL",
	                             storage_url(&scenario, "/ok/68", url), "ExecutingUser", storage_user(), "Filename",
	                             STORAGE_FILENAME, "Filesize", 68, "Token", "", "ResourceID", storage_resource(),
	                             "RevaToken", "", "StepToStart", "virusscan", "Timestamp", "ImpersonatingUser");
	ck_assert(json_equal(said->payload, expected));
	json_decref(expected);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "one", 0);
	storage_step_finished(&scenario, "one", "policies", "continue");
	said = recorder_await(&scenario.recorder, RECORDER_ANNOUNCEMENT, "one", 1);
	ck_assert_str_eq(recorded_string(said, "StepToStart"), "delay");
	storage_check_finished(&scenario, "one", "continue");
	ck_assert_uint_eq(announcements("one"), 2);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "StartPostprocessingStep", "one"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, " error "), 0);
	scenario_close(&scenario);
}
END_TEST

/* No write is made or waited for: the step without its announcement writes as much. */
START_TEST(announcements_cost_no_write)
{
	uint64_t writes[2];
	for (size_t i = 0; i < 2; i++) {
		scenario_begin(&scenario,
		               &(struct scenario_options){.steps = "virusscan",
		                                          .ini = i == 0 ? "[events]\nannounce_steps = false\n" : NULL},
		               true);
		storage_expect(&scenario, "one", "/ok/68", 68, "continue");
		storage_upload_ready(&scenario, "one", false);
		records_await_gone(&scenario, "one");
		ck_assert_uint_eq(announcements(NULL), i);
		writes[i] = scenario_metric(&scenario, "postprocessing_records_written_total");
		scenario_close(&scenario);
	}
	ck_assert_uint_eq(writes[0], writes[1]);
}
END_TEST

/* An antivirus service runs beside us, and scans what it was not asked to: its answers have no effect, and that is
 * logged once. */
START_TEST(announcement_that_is_answered)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan, delay", .ini = "[step:delay]\nduration = 1h\n"},
	               true);
	for (unsigned i = 0; i < 3; i++) {
		char upload[8];
		snprintf(upload, sizeof upload, "u%u", i);
		storage_bytes_received(&scenario, upload, "/ok/68", 68);
		recorder_await(&scenario.recorder, RECORDER_ANNOUNCEMENT, upload, 0);
		storage_step_finished(&scenario, upload, "virusscan", "delete");
		records_await(&scenario, upload, "phase", "waiting");
	}
	scenario_await_applied(&scenario);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, "step virusscan: another service runs it as well"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, " error "), 1);
	scenario_close(&scenario);
}
END_TEST

/* The upload has ended so many times, and every event is applied. An event may be applied before its step ends: its
 * effects are awaited. */
static void check_ends(const char *upload, size_t count)
{
	recorder_await(&scenario.recorder, "PostprocessingFinished", upload, count - 1);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", upload), count);
}

/* Three events at once for an upload whose steps take no time. */
START_TEST(announced_three_times)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 0\n"},
	               false);
	for (unsigned i = 0; i < 3; i++)
		storage_bytes_received(&scenario, "thrice", "/none", 3);
	check_ends("thrice", 1);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_repeated_total"), 2);
	/* The same after its record was deleted, and the process that had seen it was killed. */
	storage_upload_ready(&scenario, "thrice", false);
	records_await_gone(&scenario, "thrice");
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_bytes_received(&scenario, "thrice", "/none", 3);
	check_ends("thrice", 1);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_repeated_total"), 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(begun_again)
{
	char text[256];
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 0\n"},
	               false);
	storage_expect(&scenario, "asked", "/none", 3, "continue");
	/* Somebody requests others. */
	storage_restart(&scenario, "nobody");
	storage_bytes_received(&scenario, "asked", "/none", 3);
	check_ends("asked", 1);
	storage_restart(&scenario, "asked");
	storage_bytes_received(&scenario, "asked", "/none", 3);
	check_ends("asked", 2);
	/* That was requested once. */
	storage_bytes_received(&scenario, "asked", "/none", 3);
	check_ends("asked", 2);
	storage_bytes_received(&scenario, "asked", "/other", 3);
	check_ends("asked", 3);
	/* The same with only the tombstone of the record. The URL is secret. */
	storage_upload_ready(&scenario, "asked", false);
	records_await_gone(&scenario, "asked");
	ck_assert_ptr_null(strstr(records_tombstone(&scenario, "asked", "Postprocessing-Ended", text), SCENARIO_SECRET));
	ck_assert_uint_gt(strlen(text), 30);
	storage_bytes_received(&scenario, "asked", "/other", 3);
	check_ends("asked", 3);
	storage_restart(&scenario, "asked");
	storage_bytes_received(&scenario, "asked", "/other", 3);
	check_ends("asked", 4);
	storage_upload_ready(&scenario, "asked", false);
	records_await_gone(&scenario, "asked");
	storage_bytes_received(&scenario, "asked", "/none", 3);
	check_ends("asked", 5);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		metadata_and_resource,         too_much_metadata,     steps_are_announced, announcements_cost_no_write,
		announcement_that_is_answered, announced_three_times, begun_again};
	return scenario_run("scenario: wire", tests, sizeof tests / sizeof tests[0]);
}
