/* SPDX-License-Identifier: Apache-2.0
 * The broker dies, and its files of our consumer are torn, empty or missing: events that were handled are not
 * handled again, even if their markers were removed already, and events that were not handled yet are. */
#include <signal.h>
#include <stdio.h>

#include "core/jetstream/checkpoint.h"
#include "core/jetstream/tombstones.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define STREAM "main-queue"
#define CONSUMER "postprocessing-pull"

/* The ack floor is read every few seconds and saved every few more: wait until it contains the whole stream. */
static bool position_is_saved(void *closure)
{
	(void)closure;
	char folder[FOLDER_PATH_SIZE + 8];
	struct checkpoint position;
	jsStreamInfo *info = NULL;
	snprintf(folder, sizeof folder, "%s/state", scenario.folder);
	if (!checkpoint_read(folder, CHECKPOINT_EVENTS, CONSUMER, &position) ||
	    js_GetStreamInfo(&info, scenario.js, STREAM, NULL, NULL) != NATS_OK)
		return false;
	bool all = position.sequence == info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	return all;
}

static void clear_tombstones(void)
{
	const struct log log = {.fd = 2, .level = LOG_ERROR};
	const struct store store = {.bucket = "postprocessing", .log = &log};
	char endpoint[64];
	snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", scenario.nats.port);
	ck_assert_int_eq(tombstones_clear(&store, &(struct broker_address){.endpoint = endpoint}, 0), 1);
}

/* One upload is over, without a trace; another one waits for an answer; everything is known to be acknowledged. */
static void begin(void)
{
	static const char ini[] = "[step:policies]\nmodule = remote\n";
	jsStreamConfig stream;
	scenario_open(&scenario, &(struct scenario_options){.steps = "policies", .ini = ini});
	jsStreamConfig_Init(&stream);
	stream.Name = STREAM;
	stream.Duplicates = SECOND; /* otherwise the broker would hide repeated messages for minutes */
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_bytes_received(&scenario, "done", "/none", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "done", 0);
	storage_step_finished(&scenario, "done", "policies", "continue");
	recorder_await(&scenario.recorder, "PostprocessingFinished", "done", 0);
	storage_upload_ready(&scenario, "done", false);
	records_await_gone(&scenario, "done");
	storage_bytes_received(&scenario, "asks", "/none", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "asks", 0);
	scenario_await_applied(&scenario);
	ck_assert(wait_until(position_is_saved, NULL, TEST_LIMIT));
	clear_tombstones();
	/* If nats-server 2.15.1 is killed before its first orderly stop, it restores what the marker replaced (issue
	 * 8505). */
	if (!nats_is_version(scenario.nats.port, "2.15."))
		return;
	ck_assert(nats_fixture_halt(&scenario.nats));
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
}

#define TEAR "truncate -s $(($(stat -c %s \"$0/o.dat\") / 2)) \"$0/o.dat\""

/* $0 is the consumer's folder. */
static void damage(const char *command)
{
	char folder[FOLDER_PATH_SIZE + 96];
	snprintf(folder, sizeof folder, "%s/jetstream/$G/streams/" STREAM "/obs/" CONSUMER, scenario.nats.folder);
	const char *argv[] = {"sh", "-c", command, folder, NULL};
	struct process process = PROCESS_NONE;
	ck_assert(process_start(&process, &(struct process_options){.argv = argv}));
	ck_assert(process_wait(&process, TEST_LIMIT));
	ck_assert_int_eq(process.status, 0);
}

/* begun: the upload that the running service has begun. */
static void check_goes_on(uint64_t begun)
{
	scenario_await_log(&scenario, "it starts after the last processed event");
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "untaken", 0);
	storage_step_finished(&scenario, "untaken", "policies", "continue");
	storage_step_finished(&scenario, "asks", "policies", "continue");
	storage_check_finished(&scenario, "untaken", "continue");
	storage_check_finished(&scenario, "asks", "continue");
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	/* Each was requested once and ended once. */
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "StartPostprocessingStep", NULL), 3);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), 3);
	ck_assert_ptr_null(records_read(&scenario, "done"));
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_uploads_begun_total"), begun);
	scenario_close(&scenario);
}

/* An event is stored that no instance has taken when the broker dies. */
static void damage_under_our_feet(const char *command)
{
	begin();
	ck_assert(process_signal(&scenario.service, SIGSTOP));
	storage_bytes_received(&scenario, "untaken", "/none", 3);
	ck_assert(nats_fixture_kill(&scenario.nats));
	damage(command);
	scenario_start_broker(&scenario);
	ck_assert(process_signal(&scenario.service, SIGCONT));
	check_goes_on(3);
}

START_TEST(torn)
{
	damage_under_our_feet(TEAR);
}
END_TEST

START_TEST(torn_to_almost_nothing)
{
	damage_under_our_feet("truncate -s 1 \"$0/o.dat\"");
}
END_TEST

/* Files that are created in memory meanwhile, as by nats-server 2.15, are removed again. */
START_TEST(torn_and_restarted)
{
	begin();
	ck_assert(nats_fixture_kill(&scenario.nats));
	damage(TEAR);
	scenario_start_broker(&scenario);
	storage_bytes_received(&scenario, "untaken", "/none", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "untaken", 0);
	if (nats_is_version(scenario.nats.port, "2.15."))
		scenario_await_log(&scenario, "the broker cannot store it on disk");
	ck_assert(nats_fixture_halt(&scenario.nats)); /* see begin() */
	scenario_start_broker(&scenario);
	check_goes_on(3);
}
END_TEST

START_TEST(empty)
{
	damage_under_our_feet(": > \"$0/o.dat\"");
}
END_TEST

START_TEST(missing)
{
	damage_under_our_feet("rm \"$0/o.dat\"");
}
END_TEST

START_TEST(without_configuration)
{
	damage_under_our_feet(": > \"$0/meta.inf\"");
}
END_TEST

START_TEST(all_consumers_missing)
{
	damage_under_our_feet("rm -r \"$0\"");
}
END_TEST

static void damage_while_we_are_down(const char *command)
{
	begin();
	scenario_kill_service(&scenario);
	storage_bytes_received(&scenario, "untaken", "/none", 3);
	ck_assert(nats_fixture_kill(&scenario.nats));
	damage(command);
	scenario_start_broker(&scenario);
	scenario_start_service(&scenario);
	check_goes_on(1);
}

START_TEST(torn_while_we_are_down)
{
	damage_while_we_are_down(TEAR);
}
END_TEST

START_TEST(empty_while_we_are_down)
{
	damage_while_we_are_down(": > \"$0/o.dat\"");
}
END_TEST

/* Until it was restarted, nats-server 2.9 reports another creation time of the consumer than afterwards. */
START_TEST(empty_soon_after_a_restart)
{
	begin();
	ck_assert(nats_fixture_halt(&scenario.nats));
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
	scenario_kill_service(&scenario);
	storage_bytes_received(&scenario, "untaken", "/none", 3);
	ck_assert(nats_fixture_kill(&scenario.nats));
	damage(": > \"$0/o.dat\"");
	scenario_start_broker(&scenario);
	scenario_start_service(&scenario);
	check_goes_on(1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {torn,
	                              torn_to_almost_nothing,
	                              torn_and_restarted,
	                              empty,
	                              missing,
	                              without_configuration,
	                              all_consumers_missing,
	                              torn_while_we_are_down,
	                              empty_while_we_are_down,
	                              empty_soon_after_a_restart};
	return scenario_run("scenario: torn", tests, sizeof tests / sizeof tests[0]);
}
