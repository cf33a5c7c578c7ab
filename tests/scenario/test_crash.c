/* SPDX-License-Identifier: Apache-2.0
 * The service dies, or is told to stop, in the middle of its work. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define LARGE 200000

/* From now on storage has a file there that begins with EICAR. */
static void put_infected(void)
{
	static char bytes[LARGE];
	eicar_make(bytes);
	storage_server_put(&scenario.storage, "/stall/200000", bytes, LARGE);
}

static void start_again(void)
{
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
}

/* Unacknowledged events are redelivered after a few seconds, not after half a minute. */
static void redeliver_soon(void)
{
	jsConsumerInfo *info = NULL;
	ck_assert_int_eq(js_GetConsumerInfo(&info, scenario.js, "main-queue", "postprocessing-pull", NULL, NULL), NATS_OK);
	info->Config->AckWait = 3 * SECOND;
	ck_assert_int_eq(js_UpdateConsumer(NULL, scenario.js, "main-queue", info->Config, NULL, NULL), NATS_OK);
	jsConsumerInfo_Destroy(info);
}

/* The upload has ended once, and nothing more comes. */
static void check_once(const char *upload, const char *outcome)
{
	storage_check_finished(&scenario, upload, outcome);
	storage_upload_ready(&scenario, upload, false);
	records_await_gone(&scenario, upload);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", upload), 1);
}

START_TEST(killed_in_a_delay)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 2s\n"},
	               false);
	storage_bytes_received(&scenario, "waits", "/none", 68);
	records_await(&scenario, "waits", "phase", "waiting");
	json_t *record = records_read(&scenario, "waits");
	char due[64];
	snprintf(due, sizeof due, "%s", json_string_value(json_object_get(json_object_get(record, "StepHost"), "due")));
	json_decref(record);
	scenario_kill_service(&scenario);
	start_again();
	/* The delay continues; it does not start over. */
	records_await(&scenario, "waits", "due", due);
	check_once("waits", "continue");
	nanos time, lasted = recorder_find(&scenario.recorder, NULL, "waits", 0)->time - scenario.recorder.message[0].time;
	ck_assert_int_ge(lasted, 2 * SECOND);
	ck_assert(time_parse(due, &time));
	ck_assert_int_ge(recorder_find(&scenario.recorder, NULL, "waits", 0)->time, time);
	scenario_close(&scenario);
}
END_TEST

/* A delay that ends while no service runs takes effect at the next start. */
START_TEST(due_while_away)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 300ms\n"},
	               false);
	storage_bytes_received(&scenario, "waits", "/none", 68);
	records_await(&scenario, "waits", "phase", "waiting");
	scenario_kill_service(&scenario);
	storage_bytes_received(&scenario, "later", "/none", 68);
	scenario_start_service(&scenario);
	check_once("waits", "continue");
	check_once("later", "continue");
	scenario_close(&scenario);
}
END_TEST

/* A run that begins at once has no record yet: only the unacknowledged event knows of it. */
START_TEST(killed_before_there_is_a_record)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	redeliver_soon();
	nanos before = clock_monotonic();
	storage_bytes_received(&scenario, "stalls", "/stall/200000", LARGE);
	scenario_await_requests(&scenario, 1);
	scenario_kill_service(&scenario);
	nanos lasted = clock_monotonic() - before;
	json_t *record = records_read(&scenario, "stalls");
	ck_assert(record == NULL || lasted > 2 * SECOND);
	json_decref(record);
	put_infected();
	start_again();
	check_once("stalls", "delete");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", "stalls"), 1);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingRetry", "stalls"), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(killed_while_storage_stalls)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	storage_bytes_received(&scenario, "stalls", "/stall/200000", LARGE);
	scenario_await_requests(&scenario, 1);
	scenario_await_applied(&scenario);
	scenario_kill_service(&scenario);
	put_infected();
	start_again();
	check_once("stalls", "delete");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", "stalls"), 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(killed_while_clamd_hangs)
{
	char upload[16];
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGSTOP), 0);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(upload, sizeof upload, "u%u", i);
		storage_bytes_received(&scenario, upload, "/ok/300", 300);
	}
	/* An unacknowledged event would be redelivered only after half a minute. */
	scenario_await_applied(&scenario);
	scenario_await_requests(&scenario, 4);
	scenario_kill_service(&scenario);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	scenario_start_service(&scenario);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(upload, sizeof upload, "u%u", i);
		check_once(upload, "continue");
	}
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 20);
	scenario_close(&scenario);
}
END_TEST

/* If the step of an upload ends the service again and again, its failures are counted, and the upload ends. */
START_TEST(killed_again_and_again)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan",
	                                          .ini = "[step:virusscan]\nmax_retries = 1\nretry_backoff = 50ms\n"},
	               true);
	redeliver_soon();
	storage_bytes_received(&scenario, "bad", "/stall/200000", LARGE);
	/* The first run begins unmarked and without a record: the event is redelivered. The other runs are marked. */
	for (unsigned i = 1; i <= 3; i++) {
		scenario_await_requests(&scenario, i);
		scenario_kill_service(&scenario);
		scenario_start_service(&scenario);
	}
	storage_check_finished(&scenario, "bad", "abort");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingRetry", "bad"), 1);
	scenario_close(&scenario);
}
END_TEST

/* The service is told to stop while its scanner does not answer. */
static void stop_in_a_run(void)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGSTOP), 0);
	storage_bytes_received(&scenario, "runs", "/ok/300", 300);
	scenario_await_requests(&scenario, 1);
	ck_assert(process_signal(&scenario.service, SIGTERM));
	scenario_await_log(&scenario, "stopping: 1 step");
}

START_TEST(stops_with_its_verdict)
{
	stop_in_a_run();
	/* The service waits for the run: a verdict within the grace period counts. */
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	ck_assert(process_wait(&scenario.service, TEST_LIMIT));
	ck_assert_int_eq(scenario.service.status, 0);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", "runs"), 1);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", "runs"), 1);
	scenario_start_service(&scenario);
	check_once("runs", "continue");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", "runs"), 1);
	scenario_close(&scenario);
}
END_TEST

/* Signals that come at once are one. */
static bool is_signalled_to_death(void *closure)
{
	(void)closure;
	return process_signal(&scenario.service, SIGTERM) && process_wait(&scenario.service, 10 * MILLISECOND);
}

START_TEST(stops_at_once)
{
	stop_in_a_run();
	ck_assert(wait_until(is_signalled_to_death, NULL, TEST_LIMIT));
	ck_assert_int_eq(scenario.service.status, 128 + SIGTERM);
	ck_assert_uint_eq(scenario_log_count(&scenario, "warning stopped at once by a second signal"), 1);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	scenario_start_service(&scenario);
	check_once("runs", "continue");
	scenario_close(&scenario);
}
END_TEST

START_TEST(stops_without_one)
{
	scenario_begin(
		&scenario,
		&(struct scenario_options){.steps = "virusscan", .ini = "[postprocessing]\nshutdown_grace = 500ms\n"}, true);
	storage_bytes_received(&scenario, "stalls", "/stall/200000", LARGE);
	scenario_await_requests(&scenario, 1);
	nanos before = clock_monotonic();
	scenario_stop_service(&scenario);
	ck_assert_int_lt(clock_monotonic() - before, 10 * SECOND);
	/* The service's own stop is not a failure of the step. */
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 0);
	put_infected();
	start_again();
	check_once("stalls", "delete");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingRetry", NULL), 0);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		killed_in_a_delay,        due_while_away,         killed_before_there_is_a_record, killed_while_storage_stalls,
		killed_while_clamd_hangs, killed_again_and_again, stops_with_its_verdict,          stops_at_once,
		stops_without_one};
	return scenario_run("scenario: crash", tests, sizeof tests / sizeof tests[0]);
}
