/* SPDX-License-Identifier: Apache-2.0
 * No broker is configured: the service runs a private one, whose data is kept. */
#include <stdio.h>

#include "core/broker/broker.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

static void connect(void)
{
	struct broker_address address;
	char state[FOLDER_PATH_SIZE + 16], why[256] = "";
	snprintf(state, sizeof state, "%s/state", scenario.folder);
	ck_assert_msg(broker_endpoint_read(state, &address, why, sizeof why), "%s", why);
	scenario_connect(&scenario, address.endpoint, address.username, address.password);
	ck_assert_uint_eq(scenario_log_count(&scenario, address.password), 0);
	broker_endpoint_free(&address);
}

/* The broker's password is new at each start. */
static void connect_again(void)
{
	recorder_free(&scenario.recorder);
	jsCtx_Destroy(scenario.js);
	natsConnection_Destroy(scenario.connection);
	connect();
}

static void begin(void)
{
	static const char ini[] = "[step:policies]\nmodule = remote\n[step:delay]\nduration = 2s\n";
	scenario_begin(&scenario, &(struct scenario_options){.embedded = true, .steps = "policies, delay", .ini = ini},
	               false);
	connect();
	ck_assert_uint_eq(scenario_log_count(&scenario, "events: starting an embedded broker"), 1);
	storage_bytes_received(&scenario, "waits", "/none", 3);
	storage_bytes_received(&scenario, "asks", "/none", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "waits", 0);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "asks", 0);
	storage_step_finished(&scenario, "waits", "policies", "continue");
	records_await(&scenario, "waits", "phase", "waiting");
	scenario_await_applied(&scenario);
}

static const char found[] = "unfinished uploads found";

static bool has_found_more(void *closure)
{
	return scenario_log_count(&scenario, found) > *(size_t *)closure;
}

static void start_and_finish(void)
{
	/* The first service has logged it, too. Until the second one does, the broker of the first may still be there. */
	size_t before = scenario_log_count(&scenario, found);
	scenario_start_service(&scenario);
	ck_assert(wait_until(has_found_more, &before, TEST_LIMIT));
	connect_again();
	storage_step_finished(&scenario, "asks", "policies", "delete");
	storage_check_finished(&scenario, "asks", "delete");
	storage_check_finished(&scenario, "waits", "continue");
	ck_assert_int_ge(recorder_find(&scenario.recorder, "PostprocessingFinished", "waits", 0)->time -
	                     scenario.recorder.message[0].time,
	                 2 * SECOND);
	/* Everything is there, from the first event on. */
	ck_assert_str_eq(scenario.recorder.message[0].upload, "waits");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "StartPostprocessingStep", NULL), 2);
	scenario_close(&scenario);
}

START_TEST(is_kept_over_a_restart)
{
	begin();
	scenario_stop_service(&scenario);
	start_and_finish();
}
END_TEST

START_TEST(is_kept_over_a_kill)
{
	begin();
	scenario_kill_service(&scenario);
	start_and_finish();
}
END_TEST

static void remove_from_state(const char *name)
{
	char path[FOLDER_PATH_SIZE + 64];
	snprintf(path, sizeof path, "%s/state/%s", scenario.folder, name);
	ck_assert_msg(folder_remove(path), "%s cannot be removed", path);
}

static bool both_are_saved(void *closure)
{
	(void)closure;
	char text[256];
	return folder_read(scenario.folder, "state/position", text, sizeof text) &&
	       folder_read(scenario.folder, "state/bucket", text, sizeof text);
}

static bool is_not_ready(void *closure)
{
	(void)closure;
	return scenario_http(&scenario, "/readyz") == 503;
}

/* Somebody has deleted the broker's files. The service reports it at once, and accepts new uploads after a while. */
START_TEST(files_are_deleted)
{
	size_t before;
	begin();
	ck_assert(wait_until(both_are_saved, NULL, TEST_LIMIT));
	scenario_stop_service(&scenario);
	remove_from_state("broker");
	scenario.options.hasty = true;
	before = scenario_log_count(&scenario, found);
	scenario_start_service(&scenario);
	scenario_await_log(&scenario, "the broker no longer has the stream and the bucket");
	scenario_await_log(&scenario, "/state/broker)");
	ck_assert(wait_until(is_not_ready, NULL, TEST_LIMIT));
	ck_assert(wait_until(has_found_more, &before, TEST_LIMIT));
	connect_again();
	storage_bytes_received(&scenario, "asks", "/none", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "asks", 0);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {is_kept_over_a_restart, is_kept_over_a_kill, files_are_deleted};
	return scenario_run("scenario: embedded", tests, sizeof tests / sizeof tests[0]);
}
