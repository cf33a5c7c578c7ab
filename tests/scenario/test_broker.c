/* SPDX-License-Identifier: Apache-2.0
 * The broker is not there, goes away, comes back, or refuses the service. */
#include <poll.h>
#include <stdio.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define UPLOADS 300
#define KILL_EVERY 100

static bool is_not_ready(void *closure)
{
	(void)closure;
	return scenario_http(&scenario, "/readyz") == 503 && scenario_http(&scenario, "/healthz") == 200;
}

static void name_upload(unsigned i, char name[16])
{
	snprintf(name, 16, "u%u", i);
}

/* Confirms ended uploads that are not confirmed yet. */
static bool are_all_confirmed(void *closure)
{
	bool *confirmed = closure;
	char upload[16];
	unsigned count = 0;
	recorder_update(&scenario.recorder);
	for (unsigned i = 0; i < UPLOADS; i++) {
		name_upload(i, upload);
		if (!confirmed[i] && recorder_find(&scenario.recorder, "PostprocessingFinished", upload, 0) != NULL) {
			storage_upload_ready(&scenario, upload, false);
			confirmed[i] = true;
		}
		count += confirmed[i];
	}
	return count == UPLOADS;
}

static void check_each_once(void)
{
	char upload[16];
	recorder_update(&scenario.recorder);
	for (unsigned i = 0; i < UPLOADS; i++) {
		name_upload(i, upload);
		const struct recorded *finished = recorder_find(&scenario.recorder, "PostprocessingFinished", upload, 0);
		ck_assert_ptr_nonnull(finished);
		ck_assert_str_eq(recorded_string(finished, "Outcome"), "continue");
		ck_assert_msg(recorder_count(&scenario.recorder, "PostprocessingFinished", upload) == 1, "%s ended twice",
		              upload);
		ck_assert_msg(recorder_count(&scenario.recorder, "PostprocessingStepFinished", upload) == 1,
		              "%s was scanned twice", upload);
	}
}

/* What /readyz says is logged a little later, and not at all if it has changed again by then. */
static void await_logged(const char *words, unsigned times)
{
	nanos limit = clock_monotonic() + TEST_LIMIT;
	while (scenario_log_count(&scenario, words) != times && clock_monotonic() < limit)
		poll(NULL, 0, 10);
	ck_assert_uint_eq(scenario_log_count(&scenario, words), times);
}

/* Killed under load, in a different state each time. */
START_TEST(killed_under_load)
{
	static bool confirmed[UPLOADS];
	char upload[16];
	unsigned deaths = 0;
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan, delay", .ini = "[step:delay]\nduration = 300ms\n"},
	               true);
	scenario_await_ready(&scenario);
	await_logged("info ready, ", 1);
	for (unsigned i = 0; i < UPLOADS; i++) {
		name_upload(i, upload);
		storage_bytes_received(&scenario, upload, "/ok/300", 300);
		if (i % KILL_EVERY == KILL_EVERY / 2) {
			ck_assert(nats_fixture_kill(&scenario.nats));
			deaths++;
			ck_assert(wait_until(is_not_ready, NULL, TEST_LIMIT));
			await_logged("warning not ready: broker ", deaths);
			ck_assert(nats_fixture_restart(&scenario.nats));
			scenario_await_ready(&scenario);
			await_logged("info ready again, ", deaths);
			/* What storage does not confirm within a minute is published again. */
			are_all_confirmed(confirmed);
		}
	}
	ck_assert(wait_until(are_all_confirmed, confirmed, 3 * TEST_LIMIT));
	for (unsigned i = 0; i < UPLOADS; i++) {
		name_upload(i, upload);
		records_await_gone(&scenario, upload);
	}
	scenario_await_ready(&scenario);
	check_each_once();
	ck_assert_uint_eq(scenario_log_count(&scenario, "warning not ready: broker "), UPLOADS / KILL_EVERY);
	scenario_close(&scenario);
}
END_TEST

/* The broker hangs for a while and continues: unanswered requests are repeated, and not carried out twice. */
START_TEST(hangs_under_load)
{
	char upload[16];
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 100ms\n"},
	               false);
	for (unsigned i = 0; i < 50; i++) {
		name_upload(i, upload);
		storage_bytes_received(&scenario, upload, "/none", 3);
	}
	ck_assert(nats_fixture_pause(&scenario.nats));
	/* Requests count as lost after 5 s; the connection counts as lost after three pings. */
	ck_assert(wait_until(is_not_ready, NULL, TEST_LIMIT));
	ck_assert(nats_fixture_resume(&scenario.nats));
	for (unsigned i = 0; i < 50; i++) {
		name_upload(i, upload);
		storage_check_finished(&scenario, upload, "continue");
	}
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 50);
	scenario_close(&scenario);
}
END_TEST

START_TEST(not_there_at_start)
{
	scenario_open(&scenario, &(struct scenario_options){.no_broker = true});
	scenario_start_service(&scenario);
	ck_assert(wait_until(is_not_ready, NULL, TEST_LIMIT));
	scenario_await_log(&scenario, "no answer: is the broker running");
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "one", "/none", 3, "continue");
	ck_assert_uint_eq(scenario_log_count(&scenario, " warning broker "), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, ": connected\n"), 1);
	scenario_close(&scenario);
}
END_TEST

/* The service can be stopped while it waits. */
START_TEST(never_there)
{
	scenario_open(&scenario, &(struct scenario_options){.no_broker = true});
	scenario_start_service(&scenario);
	scenario_await_log(&scenario, "no answer: is the broker running");
	scenario_stop_service(&scenario);
	scenario_close(&scenario);
}
END_TEST

#define WRONG "wr0ng-passw0rd"

/* From now on the broker accepts the password that was wrong. */
static void change_password(void)
{
	ck_assert(nats_fixture_halt(&scenario.nats));
	scenario.nats.options.password = WRONG;
	scenario_start_broker(&scenario);
}

START_TEST(wrong_password)
{
	static const char *const env[] = {"POSTPROCESSING_EVENTS_USERNAME=me", "POSTPROCESSING_EVENTS_PASSWORD=" WRONG,
	                                  NULL};
	const struct nats_options nats = {.username = "me", .password = "right-password"};
	scenario_open(&scenario, &(struct scenario_options){.no_broker = true, .nats = &nats, .env = env});
	ck_assert(nats_fixture_restart(&scenario.nats));
	scenario_start_service(&scenario);
	scenario_await_log(&scenario, "the broker rejects the user name or password");
	ck_assert_int_ne(scenario_http(&scenario, "/readyz"), 200);
	change_password();
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "one", "/none", 3, "continue");
	ck_assert_uint_eq(scenario_log_count(&scenario, WRONG), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, "rejects the user name"), 1);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {killed_under_load, hangs_under_load, not_there_at_start, never_there, wrong_password};
	return scenario_run("scenario: broker", tests, sizeof tests / sizeof tests[0]);
}
