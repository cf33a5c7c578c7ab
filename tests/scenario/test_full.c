/* SPDX-License-Identifier: Apache-2.0
 * The broker is full: nothing is lost, nothing is published twice, and everything continues when there is room
 * again. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define FILLER "filler"
#define LIMIT 4000000
#define UPLOADS 5
#define REFUSED "the broker refuses its record"

static void name_upload(unsigned i, char name[16])
{
	snprintf(name, 16, "u%u", i);
}

/* All uploads are in their delay. */
static void send_uploads(void)
{
	char upload[16];
	for (unsigned i = 0; i < UPLOADS; i++) {
		name_upload(i, upload);
		storage_bytes_received(&scenario, upload, "/none", 3);
	}
	for (unsigned i = 0; i < UPLOADS; i++) {
		name_upload(i, upload);
		records_await(&scenario, upload, "phase", "waiting");
	}
	scenario_await_applied(&scenario);
}

static void check_each_once(void)
{
	char upload[16];
	for (unsigned i = 0; i < UPLOADS; i++) {
		name_upload(i, upload);
		storage_check_finished(&scenario, upload, "continue");
	}
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), UPLOADS);
}

static bool publish(const char *stream, int size)
{
	static char bytes[100000];
	return js_Publish(NULL, scenario.js, stream, bytes, size, NULL, NULL) == NATS_OK;
}

/* No further message is stored, however small. */
static void fill(void)
{
	jsStreamConfig stream;
	jsStreamConfig_Init(&stream);
	stream.Name = FILLER;
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
	for (int size = 100000; size > 0; size /= 10)
		while (publish(FILLER, size))
			;
}

/* The rest of the last page of a file may hold another upload or two. */
static bool has_tried_often(void *closure)
{
	(void)closure;
	return scenario_metric(&scenario, "postprocessing_requests_failed_total") >= 3 * UPLOADS;
}

static void check_keeps_trying(void)
{
	ck_assert_msg(wait_until(has_tried_often, NULL, TEST_LIMIT), "it does not try again");
	ck_assert_int_eq(scenario_http(&scenario, "/healthz"), 200);
}

static void begin_full(void)
{
	static const struct nats_options nats = {.max_store = LIMIT};
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 3s\n", .nats = &nats},
	               false);
	send_uploads();
	fill();
	check_keeps_trying();
	/* Each upload logs it once. */
	ck_assert_uint_eq(scenario_log_count(&scenario, REFUSED), UPLOADS);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), 0);
}

START_TEST(limit_is_reached)
{
	begin_full();
	ck_assert_int_eq(js_PurgeStream(scenario.js, FILLER, NULL, NULL), NATS_OK);
	check_each_once();
	ck_assert_uint_eq(scenario_log_count(&scenario, REFUSED), UPLOADS);
	scenario_close(&scenario);
}
END_TEST

START_TEST(limit_is_raised)
{
	begin_full();
	ck_assert(nats_fixture_halt(&scenario.nats));
	scenario.nats.options.max_store = 2 * LIMIT;
	scenario_start_broker(&scenario);
	check_each_once();
	scenario_close(&scenario);
}
END_TEST

/* A separate file system, visible only to a process that keeps it and to those that enter its namespace. */
static struct process keeper;
static char keeper_pid[16];
static const char *const enter[] = {"nsenter", "-t", keeper_pid, "-U", "-m", "--preserve-credentials", NULL};

/* $0 is the broker's store. */
static bool mount_store(void)
{
	static const char command[] = "mount -t tmpfs -o size=8m none \"$0\" && echo mounted && exec cat";
	char store[FOLDER_PATH_SIZE + 16], line[16];
	snprintf(store, sizeof store, "%s/jetstream", scenario.nats.folder);
	const char *argv[] = {"unshare", "-r", "-m", "sh", "-c", command, store, NULL};
	ck_assert(process_start(
		&keeper, &(struct process_options){.argv = argv, .log = "/dev/null", .pipe_in = true, .pipe_out = true}));
	if (!process_read_line(&keeper, line, sizeof line, TEST_LIMIT))
		return false;
	snprintf(keeper_pid, sizeof keeper_pid, "%d", (int)keeper.pid);
	return true;
}

/* Runs a command that sees the store; returns its exit status. */
static int run_inside(const char *command)
{
	char store[FOLDER_PATH_SIZE + 16];
	struct process process = PROCESS_NONE;
	snprintf(store, sizeof store, "%s/jetstream", scenario.nats.folder);
	const char *argv[] = {enter[0], enter[1], enter[2], enter[3], enter[4], enter[5], "sh", "-c", command, store, NULL};
	ck_assert(process_start(&process, &(struct process_options){.argv = argv, .log = "/dev/null"}));
	ck_assert(process_wait(&process, TEST_LIMIT));
	return process.status;
}

/* nats-server 2.9 stores nothing more until it is restarted with free space. */
START_TEST(disk_is_full)
{
	scenario_open(&scenario, &(struct scenario_options){
								 .no_broker = true, .steps = "delay", .ini = "[step:delay]\nduration = 3s\n"});
	if (!mount_store()) {
		fprintf(stderr, "disk_is_full: skipped: no file system may be mounted here\n");
		process_end(&keeper);
		scenario_close(&scenario);
		return;
	}
	scenario.nats.options.under = enter;
	scenario_start_broker(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	send_uploads();
	ck_assert_int_ne(run_inside("exec dd if=/dev/zero of=\"$0/filler\" bs=4096"), 0);
	check_keeps_trying();
	ck_assert_int_eq(run_inside("exec rm \"$0/filler\""), 0);
	ck_assert(nats_fixture_kill(&scenario.nats));
	scenario_start_broker(&scenario);
	check_each_once();
	scenario_close(&scenario);
	process_end(&keeper);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {limit_is_reached, limit_is_raised, disk_is_full};
	return scenario_run("scenario: full", tests, sizeof tests / sizeof tests[0]);
}
