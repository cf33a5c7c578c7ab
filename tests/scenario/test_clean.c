/* SPDX-License-Identifier: Apache-2.0
 * CleanUpload: storage removes an upload, whatever it is doing. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/other.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;
static struct other other = OTHER_NONE;

/* An event from the service about the upload that it had not published before. */
static void check_silent(const char *upload, size_t said)
{
	char end[64];
	snprintf(end, sizeof end, "after-%s", upload);
	/* When this upload has ended, everything before it is done: */
	storage_clean(&scenario, end);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, upload), said);
	json_t *record = records_read(&scenario, upload);
	ck_assert_ptr_null(record);
}

static uint64_t tombstone_sequence(const char *upload)
{
	char text[256];
	return strtoull(records_tombstone(&scenario, upload, "Postprocessing-Begun", text), NULL, 10);
}

/* Where the upload's last CleanUpload stands in the stream; other events may follow it. */
static uint64_t clean_sequence(const char *upload)
{
	uint64_t sequence = 0;
	recorder_update(&scenario.recorder);
	for (size_t i = 0; i < scenario.recorder.count; i++) {
		const struct recorded *event = &scenario.recorder.message[i];
		if (strcmp(event->type, "CleanUpload") == 0 && strcmp(event->upload, upload) == 0)
			sequence = event->sequence;
	}
	return sequence;
}

/* The record is removed, and the tombstone names the event that removed it. */
static void clean(const char *upload)
{
	recorder_update(&scenario.recorder);
	size_t said = recorder_count(&scenario.recorder, NULL, upload);
	storage_clean(&scenario, upload);
	scenario_await_applied(&scenario);
	records_await_gone(&scenario, upload);
	ck_assert_uint_eq(tombstone_sequence(upload), clean_sequence(upload));
	check_silent(upload, said);
}

static bool none_runs(void *closure)
{
	(void)closure;
	return scenario_metric(&scenario, "postprocessing_steps_running") == 0;
}

#define UNCHECKED "[step:virusscan]\ncheck_interval = 0\n"

static void begin_with_blocked_scanner(const char *ini)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = ini}, true);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGSTOP), 0);
}

START_TEST(while_its_first_write_is_put_off)
{
	begin_with_blocked_scanner(UNCHECKED);
	storage_bytes_received(&scenario, "held", "/ok/300", 300);
	scenario_await_requests(&scenario, 1);
	clean("held");
	ck_assert(wait_until(none_runs, NULL, TEST_LIMIT));
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	storage_expect(&scenario, "next", "/ok/300", 300, "continue");
	check_silent("held", 0);
	/* The event that had begun it does not begin it again, whichever instance it is delivered to. */
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	check_silent("held", 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(running_and_in_line)
{
	begin_with_blocked_scanner(UNCHECKED "workers = 1\n");
	storage_bytes_received(&scenario, "runs", "/ok/300", 300);
	records_await(&scenario, "runs", "phase", "queued");
	storage_bytes_received(&scenario, "waits", "/ok/5000000", 5000000); /* more than are handed out ahead */
	records_await(&scenario, "waits", "phase", "queued");
	clean("waits");
	clean("runs");
	ck_assert(wait_until(none_runs, NULL, TEST_LIMIT));
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_steps_waiting"), 0);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_uploads_cleaned_total"), 2);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_uploads"), 0);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	check_silent("runs", 0);
	check_silent("waits", 0);
	scenario_await_log(&scenario, "upload runs: removed by storage (CleanUpload) in step virusscan, queued");
	scenario_close(&scenario);
}
END_TEST

#define LONG_DELAY "[step:delay]\nduration = 100h\n"

START_TEST(waiting)
{
	char text[256];
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = LONG_DELAY}, false);
	storage_bytes_received(&scenario, "waits", "/none", 68);
	records_await(&scenario, "waits", "phase", "waiting");
	clean("waits");
	/* An instance that does not know of the removal may ask for up to 100 hours. */
	nanos keep = strtoll(records_tombstone(&scenario, "waits", "Postprocessing-Keep", text), NULL, 10);
	ck_assert_int_gt(keep, clock_now() + 100 * HOUR);
	scenario_close(&scenario);
}
END_TEST

START_TEST(in_a_backoff_awaiting_and_unknown)
{
	scenario_begin(
		&scenario,
		&(struct scenario_options){.steps = "virusscan, policies",
	                               .ini = "[step:virusscan]\nretry_backoff = 1h\n[step:policies]\nmodule = remote\n"},
		true);
	storage_bytes_received(&scenario, "failed", "/none", 68);
	records_await(&scenario, "failed", "phase", "backoff");
	recorder_await(&scenario.recorder, "PostprocessingRetry", "failed", 0); /* published after the record is written */
	clean("failed");
	storage_bytes_received(&scenario, "asked", "/ok/68", 68);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "asked", 0);
	records_await(&scenario, "asked", "phase", "awaiting");
	clean("asked");
	/* The answer comes too late and has no effect. */
	storage_step_finished(&scenario, "asked", "policies", "continue");
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), 0);
	clean("nobody");
	/* Its session begins again under the same ID after all. */
	storage_bytes_received(&scenario, "nobody", "/ok/68", 68);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "nobody", 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(confirming_and_ended)
{
	scenario_begin(&scenario, NULL, false);
	storage_expect(&scenario, "told", "/none", 3, "continue");
	clean("told");
	storage_expect(&scenario, "over", "/none", 3, "continue");
	storage_upload_ready(&scenario, "over", true);
	records_await(&scenario, "over", "phase", "ended");
	clean("over");
	storage_expect(&scenario, "gone", "/none", 3, "continue");
	storage_upload_ready(&scenario, "gone", false);
	records_await_gone(&scenario, "gone");
	clean("gone");
	scenario_close(&scenario);
}
END_TEST

#define UPLOADS 12

static bool other_is_idle(void *closure)
{
	(void)closure;
	return !other_says(&other, "the step did not end by its deadline") && none_runs(NULL);
}

/* Two services each run some of the uploads, and either takes any event. */
START_TEST(run_by_another_instance)
{
	char upload[16];
	begin_with_blocked_scanner(UNCHECKED "workers = 12\n");
	other_start(&other, &scenario);
	for (unsigned i = 0; i < UPLOADS; i++) {
		snprintf(upload, sizeof upload, "u%u", i);
		storage_bytes_received(&scenario, upload, "/ok/300", 300);
	}
	scenario_await_requests(&scenario, UPLOADS);
	/* Half of them while they have no record yet. */
	for (unsigned i = 0; i < UPLOADS; i++) {
		snprintf(upload, sizeof upload, "u%u", i);
		if (i == UPLOADS / 2)
			records_await(&scenario, "u11", "phase", "queued");
		clean(upload);
	}
	ck_assert(wait_until(other_is_idle, NULL, TEST_LIMIT));
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	storage_expect(&scenario, "next", "/ok/300", 300, "continue");
	for (unsigned i = 0; i < UPLOADS; i++) {
		snprintf(upload, sizeof upload, "u%u", i);
		check_silent(upload, 0);
	}
	/* Its end has nothing left to wait for. */
	ck_assert(process_signal(&other.process, SIGTERM));
	ck_assert(process_wait(&other.process, 5 * SECOND));
	ck_assert(other_says(&other, "stopping: no step is running"));
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {while_its_first_write_is_put_off,  running_and_in_line,  waiting,
	                              in_a_backoff_awaiting_and_unknown, confirming_and_ended, run_by_another_instance};
	return scenario_run("scenario: clean", tests, sizeof tests / sizeof tests[0]);
}
