/* SPDX-License-Identifier: Apache-2.0
 * Two services on one broker, one of which stops in an orderly way. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/server/peers.h"
#include "tests/scenario/other.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;
static struct other other = OTHER_NONE;

/* Its step may take longer to stop than a silent instance may before it counts as dead. */
START_TEST(a_stopping_instance_is_not_taken_for_dead)
{
	/* The other one starts while clamd is silent. */
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\ncheck_interval = 0\n"},
	               true);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGSTOP), 0);
	storage_bytes_received(&scenario, "runs", "/ok/300", 300);
	scenario_await_requests(&scenario, 1);
	other_start(&other, &scenario);
	ck_assert(process_signal(&scenario.service, SIGTERM));
	scenario_await_log(&scenario, "stopping: 1 step");
	ck_assert(!other_awaits(&other, "stopped or died", PEER_TIMEOUT + 2 * PEER_SIGN_INTERVAL));
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	ck_assert(process_wait(&scenario.service, TEST_LIMIT));
	ck_assert(other_awaits(&other, "stopped or died", TEST_LIMIT));
	storage_check_finished(&scenario, "runs", "continue");
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", "runs"), 1);
	/* The other one continues with it. */
	storage_upload_ready(&scenario, "runs", false);
	records_await_gone(&scenario, "runs");
	other_end(&other);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	scenario_close(&scenario);
}
END_TEST

/* The host was cloned with its state folder: each instance reports it, and can tell itself from the other. */
START_TEST(another_instance_of_our_name_is_reported)
{
	char name[128], state[FOLDER_PATH_SIZE + 16], folder[FOLDER_PATH_SIZE + 16];
	char twin[] = "another instance is also named";
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay"}, false);
	snprintf(state, sizeof state, "%s/state", scenario.folder);
	snprintf(folder, sizeof folder, "%s/other", scenario.folder);
	ck_assert(folder_read(state, "instance-0", name, sizeof name));
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert(folder_write(folder, "instance-0", name, strlen(name)));
	ck_assert_uint_eq(scenario_log_count(&scenario, twin), 0);
	other_start(&other, &scenario);
	ck_assert(other_awaits(&other, twin, TEST_LIMIT));
	scenario_await_log(&scenario, twin);
	ck_assert(process_signal(&other.process, SIGTERM));
	ck_assert(process_wait(&other.process, TEST_LIMIT));
	ck_assert_uint_eq(scenario_log_count(&scenario, twin), 1);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_stopping_instance_is_not_taken_for_dead, another_instance_of_our_name_is_reported};
	return scenario_run("scenario: company", tests, sizeof tests / sizeof tests[0]);
}
