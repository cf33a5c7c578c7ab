/* SPDX-License-Identifier: Apache-2.0
 * Two services on one broker, one of which ends in order. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/peers.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;
static struct process other = PROCESS_NONE;
static char other_log[FOLDER_PATH_SIZE + 64];

static char ready[] = "ready, ", died[] = "ended or died";

static bool other_says(void *closure)
{
	char text[1 << 14];
	FILE *file = fopen(other_log, "r");
	size_t length = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
	if (file != NULL)
		fclose(file);
	text[length] = '\0';
	return strstr(text, closure) != NULL;
}

static void start_other(void)
{
	char ini[FOLDER_PATH_SIZE + 32], folder[FOLDER_PATH_SIZE + 16], state[FOLDER_PATH_SIZE + 64], socket[FOLDER_PATH_SIZE + 64];
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(folder, sizeof folder, "%s/other", scenario.folder);
	snprintf(other_log, sizeof other_log, "%s/service.log", folder);
	snprintf(state, sizeof state, "POSTPROCESSING_STATE_DIR=%s", folder);
	snprintf(socket, sizeof socket, "ANTIVIRUS_CLAMAV_SOCKET=%s/clamd.sock", scenario.folder);
	mkdir(folder, 0700);
	const char *argv[] = {"./postprocessing", "server", "-c", ini, NULL};
	const char *env[] = {state, socket, NULL};
	ck_assert(process_start(&other, &(struct process_options){.argv = argv, .env = env, .log = other_log}));
	ck_assert(wait_until(other_says, ready, TEST_LIMIT));
}

/* Its step has longer to end than one that says nothing has until it counts as dead. */
START_TEST(who_stops_is_not_taken_for_dead)
{
	/* The other one begins while clamd says nothing. */
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\ncheck_interval = 0\n"}, true);
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGSTOP), 0);
	storage_bytes_received(&scenario, "runs", "/ok/300", 300);
	scenario_await_requests(&scenario, 1);
	start_other();
	ck_assert(process_signal(&scenario.service, SIGTERM));
	scenario_await_log(&scenario, "stopping: 1 steps");
	ck_assert(!wait_until(other_says, died, PEER_PATIENCE + 2 * PEER_SIGN_INTERVAL));
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	ck_assert(process_wait(&scenario.service, TEST_LIMIT));
	ck_assert(wait_until(other_says, died, TEST_LIMIT));
	storage_check_finished(&scenario, "runs", "continue");
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", "runs"), 1);
	/* The other one goes on with it. */
	storage_upload_ready(&scenario, "runs", false);
	records_await_gone(&scenario, "runs");
	process_end(&other);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	scenario_close(&scenario);
}
END_TEST

/* The host was cloned with its state folder: each says so, and knows itself apart from the other. */
START_TEST(who_has_our_name_is_told_of)
{
	char name[128], state[FOLDER_PATH_SIZE + 16], folder[FOLDER_PATH_SIZE + 16];
	char twin[] = "another instance calls itself";
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay"}, false);
	snprintf(state, sizeof state, "%s/state", scenario.folder);
	snprintf(folder, sizeof folder, "%s/other", scenario.folder);
	ck_assert(folder_read(state, "instance-0", name, sizeof name));
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert(folder_write(folder, "instance-0", name, strlen(name)));
	ck_assert_uint_eq(scenario_log_count(&scenario, twin), 0);
	start_other();
	ck_assert(wait_until(other_says, twin, TEST_LIMIT));
	scenario_await_log(&scenario, twin);
	ck_assert(process_signal(&other, SIGTERM));
	ck_assert(process_wait(&other, TEST_LIMIT));
	ck_assert_uint_eq(scenario_log_count(&scenario, twin), 1);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {who_stops_is_not_taken_for_dead, who_has_our_name_is_told_of};
	return scenario_run("scenario: company", tests, sizeof tests / sizeof tests[0]);
}
