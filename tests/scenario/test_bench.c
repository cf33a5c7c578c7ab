/* SPDX-License-Identifier: Apache-2.0
 * postprocessing-bench against a real service: what it reports, and that it leaves nothing behind. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bench/target.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

#define WORDS_LIMIT 24

static struct scenario scenario;
static char addr[64];
static const char *env[] = {addr, NULL};

static void begin(const char *steps, const char *ini, bool clamd)
{
	snprintf(addr, sizeof addr, "POSTPROCESSING_DEBUG_ADDR=127.0.0.1:%u", port_reserve());
	scenario_begin(&scenario, &(struct scenario_options){.steps = steps, .ini = ini, .env = env}, clamd);
}

/* Starts it with these options, separated by spaces. */
static void start_bench(struct process *bench, const char *options, const char *path)
{
	char ini[FOLDER_PATH_SIZE + 32], log[FOLDER_PATH_SIZE + 32], words[256];
	const char *argv[WORDS_LIMIT] = {"./postprocessing-bench", "-c", ini, "--json"};
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(log, sizeof log, "%s/bench.log", scenario.folder);
	snprintf(words, sizeof words, "%s", options);
	ck_assert_uint_lt(process_add_words(argv, 4, WORDS_LIMIT, words), WORDS_LIMIT - 1);
	const char *with[] = {addr, path, NULL};
	ck_assert(process_start(bench, &(struct process_options){.argv = argv, .env = with, .log = log, .pipe_out = true}));
}

/* Its output; NULL: none. It must end with `status`. */
static json_t *end_bench(struct process *bench, int status)
{
	char text[65536], said[8192] = "";
	size_t length = process_read_all(bench, text, sizeof text);
	ck_assert(process_wait(bench, TEST_LIMIT));
	folder_read(scenario.folder, "bench.log", said, sizeof said);
	ck_assert_msg(bench->status == status, "it ended with status %d:\n%s", bench->status, said);
	process_end(bench);
	if (length == 0)
		return NULL;
	json_t *shown = json_loadb(text, length, 0, NULL);
	ck_assert_msg(shown != NULL, "not JSON: %.*s", (int)length, text);
	return shown;
}

static json_t *run_bench(const char *options, int status)
{
	struct process bench;
	start_bench(&bench, options, NULL);
	return end_bench(&bench, status);
}

static bool said(const char *words)
{
	char text[8192] = "";
	return folder_read(scenario.folder, "bench.log", text, sizeof text) && strstr(text, words) != NULL;
}

/* A value of one of its columns, which must be present. */
static double figure(json_t *shown, const char *column, const char *name)
{
	json_t *value = json_object_get(json_object_get(shown, column), name);
	ck_assert_msg(json_is_number(value), "%s: no %s", column, name);
	return json_number_value(value);
}

static size_t records_left(void)
{
	kvStore *bucket = NULL;
	kvKeysList keys = {0};
	ck_assert_int_eq(js_KeyValue(&bucket, scenario.js, "postprocessing"), NATS_OK);
	natsStatus status = kvStore_Keys(&keys, bucket, NULL);
	ck_assert(status == NATS_OK || status == NATS_NOT_FOUND);
	size_t count = (size_t)keys.Count;
	kvKeysList_Destroy(&keys);
	kvStore_Destroy(bucket);
	return count;
}

static void check_latencies(json_t *shown, const char *column)
{
	double p50 = figure(shown, column, "latency_p50_seconds"), p90 = figure(shown, column, "latency_p90_seconds");
	double p99 = figure(shown, column, "latency_p99_seconds"), max = figure(shown, column, "latency_max_seconds");
	ck_assert_double_gt(p50, 0);
	ck_assert_double_le(p50, p90);
	ck_assert_double_le(p90, p99);
	ck_assert_double_le(p99, max);
	ck_assert_double_le(max, figure(shown, column, "seconds"));
}

START_TEST(closed_loop)
{
	begin(NULL, NULL, false);
	json_t *shown = run_bench("-n 300 -f 20", 0);
	ck_assert(said("broker under load: 127.0.0.1:"));
	ck_assert_double_eq(figure(shown, "service", "uploads"), 300);
	ck_assert_double_eq(figure(shown, "service", "events_per_upload"), 3);
	ck_assert_double_eq(figure(shown, "service", "writes_per_upload"), 2);
	ck_assert_double_gt(figure(shown, "service", "uploads_per_second"), 0);
	check_latencies(shown, "service");
	ck_assert_double_ge(figure(shown, "service", "server_cpu_seconds_per_upload"), 0);
	ck_assert_double_ge(figure(shown, "service", "broker_cpu_seconds_per_upload"), 0);
	ck_assert_double_gt(figure(shown, "service", "server_resident_bytes"), 1e6);
	ck_assert_double_gt(figure(shown, "service", "broker_resident_bytes"), 1e6);
	json_decref(shown);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), 300);
	ck_assert_uint_eq(records_left(), 0);
	scenario_close(&scenario);
}
END_TEST

static size_t count_spaces(void)
{
	const char *space[16];
	size_t count = 0;
	recorder_update(&scenario.recorder);
	for (size_t i = 0; i < scenario.recorder.count; i++) {
		const struct recorded *event = &scenario.recorder.message[i];
		if (strcmp(event->type, "BytesReceived") != 0)
			continue;
		const char *name =
			json_string_value(json_object_get(json_object_get(event->payload, "ResourceID"), "space_id"));
		size_t k = 0;
		while (k < count && strcmp(space[k], name) != 0)
			k++;
		if (k == count && count < 16)
			space[count++] = name;
	}
	return count;
}

START_TEST(open_loop_with_noise_and_spaces)
{
	begin(NULL, NULL, false);
	json_t *shown = run_bench("--rate 200 -d 1s --noise 4 --spaces 5", 0);
	ck_assert_double_eq(figure(shown, "service", "uploads"), 200);
	ck_assert_double_eq(figure(shown, "service", "events_per_upload"), 7);
	/* The last one is due 5 ms before the end of that second. */
	ck_assert_double_ge(figure(shown, "service", "seconds"), 0.99);
	check_latencies(shown, "service");
	json_decref(shown);
	ck_assert_uint_eq(count_spaces(), 5);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_broken_total"), 0);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_irrelevant_total"), 1000);
	scenario_close(&scenario);
}
END_TEST

START_TEST(floor_beside_a_service_with_a_remote_step)
{
	static const char *const columns[] = {"service", "floor"};
	jsStreamInfo *info = NULL;
	begin("policies", "[step:policies]\nmodule = remote\n", false);
	json_t *shown = run_bench("-n 50 -f 5 --floor -r 2", 0);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_double_eq(figure(shown, columns[i], "uploads"), 50);
		ck_assert_double_eq(figure(shown, columns[i], "events_per_upload"), 5);
		ck_assert_double_gt(figure(shown, columns[i], "server_resident_bytes"), 1e6);
		check_latencies(shown, columns[i]);
	}
	ck_assert_double_eq(figure(shown, "floor", "writes_per_upload"), 3);
	double ratio = figure(shown, "service", "uploads_per_second") / figure(shown, "floor", "uploads_per_second");
	ck_assert_double_eq_tol(figure(shown, "ratio", "uploads_per_second"), ratio, 1e-9);
	json_decref(shown);
	/* The stream and bucket of the baseline are removed, and were not those of the service. */
	ck_assert_int_eq(js_GetStreamInfo(&info, scenario.js, BENCH_TARGET_NAME, NULL, NULL), NATS_NOT_FOUND);
	ck_assert_int_eq(js_GetStreamInfo(&info, scenario.js, "KV_" BENCH_TARGET_NAME, NULL, NULL), NATS_NOT_FOUND);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), 100);
	ck_assert_uint_eq(records_left(), 0);
	/* The baseline alone needs no service. */
	scenario_stop_service(&scenario);
	shown = run_bench("-n 20 --bare", 0);
	ck_assert_ptr_null(json_object_get(shown, "service"));
	ck_assert_double_eq(figure(shown, "floor", "uploads"), 20);
	json_decref(shown);
	scenario_close(&scenario);
}
END_TEST

START_TEST(files_are_served_and_scanned)
{
	begin("virusscan", NULL, true);
	json_t *shown = run_bench("-n 8 -f 4 --size 10KB", 0);
	ck_assert_double_eq(figure(shown, "service", "uploads"), 8);
	json_decref(shown);
	shown = run_bench("-n 3 --size 10KB --greedy 10 --greedy-size 200KB", 0);
	ck_assert_double_eq(figure(shown, "behind", "uploads"), 13);
	ck_assert_double_eq(figure(shown, "alone", "uploads"), 3);
	ck_assert_double_gt(figure(shown, "backlog", "taken_in_seconds"), 0);
	ck_assert_double_gt(figure(shown, "backlog", "done_seconds"), figure(shown, "backlog", "gap_max_seconds"));
	ck_assert_double_gt(figure(shown, "backlog", "gap_max_seconds"), 0);
	json_decref(shown);
	ck_assert(!said("did not end with `continue`"));
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_uploads_continued_total"), 24);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_steps_retried_total"), 0);
	ck_assert_uint_eq(records_left(), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(without_a_service)
{
	scenario_open(&scenario, NULL);
	ck_assert_ptr_null(run_bench("-n 5", 2));
	ck_assert(said("has no stream main-queue"));
	/* After the service has stopped, nothing is published to its stream. */
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	scenario_stop_service(&scenario);
	ck_assert_ptr_null(run_bench("-n 5", 2));
	ck_assert(said("no service reads stream main-queue"));
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(scenario.recorder.count, 0);
	scenario_close(&scenario);
}
END_TEST

static bool has_begun(void *closure)
{
	return scenario_metric(&scenario, "postprocessing_uploads_begun_total") >= *(uint64_t *)closure;
}

START_TEST(one_signal_ends_it_in_order)
{
	struct process bench;
	uint64_t some = 50;
	begin(NULL, NULL, false);
	start_bench(&bench, "-d 10m -f 10", NULL);
	ck_assert(wait_until(has_begun, &some, TEST_LIMIT));
	ck_assert(process_signal(&bench, SIGINT));
	json_t *shown = end_bench(&bench, 0);
	ck_assert(json_is_true(json_object_get(shown, "interrupted")));
	ck_assert_double_ge(figure(shown, "service", "uploads"), 50);
	json_decref(shown);
	ck_assert_uint_eq(records_left(), 0);
	scenario_close(&scenario);
}
END_TEST

static bool is_ending(void *closure)
{
	(void)closure;
	return said("a second signal abandons them");
}

START_TEST(a_second_signal_ends_what_would_take_too_long)
{
	struct process bench;
	uint64_t all = 30;
	begin("delay", "[step:delay]\nduration = 10h\n", false);
	start_bench(&bench, "-n 100 -f 30", NULL);
	ck_assert(wait_until(has_begun, &all, TEST_LIMIT));
	ck_assert(process_signal(&bench, SIGINT));
	ck_assert(wait_until(is_ending, NULL, TEST_LIMIT));
	ck_assert(process_signal(&bench, SIGINT));
	json_decref(end_bench(&bench, 2));
	ck_assert(said("30 of 30 uploads did not finish in time"));
	ck_assert_uint_eq(records_left(), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(timeout_ends)
{
	begin("delay", "[step:delay]\nduration = 10h\n", false);
	json_decref(run_bench("-n 10 -t 1s", 2));
	ck_assert(said("10 of 10 uploads did not finish in time"));
	ck_assert_uint_eq(records_left(), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(errors_are_reported)
{
	static const struct {
		const char *options, *words;
	} wrong[] = {
		{"-n 0", "\"0\" is not between 1 and 100000000"},
		{"-d soon", "\"soon\" is not a duration"},
		{"--size big", "\"big\" is not a size"},
		{"--plot x.pdf", "must end in .png or .svg"},
		{"--spaces 2 more", "usage: postprocessing-bench"},
	};
	scenario_open(&scenario, NULL);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_ptr_null(run_bench(wrong[i].options, 2));
		ck_assert_msg(said(wrong[i].words), "%s", wrong[i].options);
	}
	scenario_close(&scenario);
}
END_TEST

/* Replaces gnuplot: saves its input. */
static const char draws[] = "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\ncat > \"${0%/*}/drawn\"\n";

START_TEST(the_plot_is_drawn_by_gnuplot)
{
	char path[FOLDER_PATH_SIZE + 64], program[FOLDER_PATH_SIZE + 16], options[512], drawn[8192];
	struct process bench;
	begin(NULL, NULL, false);
	snprintf(path, sizeof path, "PATH=%s", scenario.folder);
	snprintf(options, sizeof options, "--plot %s/it's.svg --rate 50 -d 200ms", scenario.folder);
	start_bench(&bench, options, path);
	ck_assert_ptr_null(end_bench(&bench, 2));
	ck_assert(said("--plot needs gnuplot"));

	ck_assert(folder_write(scenario.folder, "gnuplot", draws, sizeof draws - 1));
	snprintf(program, sizeof program, "%s/gnuplot", scenario.folder);
	ck_assert_int_eq(chmod(program, 0700), 0);
	snprintf(path, sizeof path, "PATH=%s:/usr/bin:/bin", scenario.folder);
	start_bench(&bench, options, path);
	json_t *shown = end_bench(&bench, 0), *load = json_object_get(shown, "load");
	ck_assert_uint_ge(json_array_size(load), 2);
	ck_assert_double_eq(json_number_value(json_object_get(json_array_get(load, 0), "offered_per_second")), 50);
	json_decref(shown);
	ck_assert(folder_read(scenario.folder, "drawn", drawn, sizeof drawn));
	ck_assert_ptr_nonnull(strstr(drawn, "$service << END\n50.0 "));
	ck_assert_ptr_nonnull(strstr(drawn, "\n75.0 "));
	ck_assert_ptr_nonnull(strstr(drawn, "it''s.svg'\n"));
	ck_assert_uint_eq(records_left(), 0);
	scenario_close(&scenario);
}
END_TEST

/* Runs it without a broker; checks the status and the first words on standard output and in the log. */
static void check_words(const char *const *argv, int status, const char *out, const char *err)
{
	struct process process;
	char log[FOLDER_PATH_SIZE + 32], line[256] = "";
	snprintf(log, sizeof log, "%s/bench.log", scenario.folder);
	unlink(log);
	ck_assert(process_start(&process, &(struct process_options){.argv = argv, .log = log, .pipe_out = true}));
	ck_assert_int_eq(process_read_line(&process, line, sizeof line, TEST_LIMIT), out[0] != '\0');
	ck_assert_msg(strncmp(line, out, strlen(out)) == 0, "%s", line);
	ck_assert(process_wait(&process, TEST_LIMIT));
	ck_assert_int_eq(process.status, status);
	process_end(&process);
	ck_assert_msg(err[0] == '\0' || said(err), "no \"%s\"", err);
}

START_TEST(help_version_and_the_former_command)
{
	scenario_open(&scenario, NULL);
	check_words((const char *const[]){"./postprocessing-bench", "--help", NULL}, 0, "usage: postprocessing-bench ", "");
	check_words((const char *const[]){"./postprocessing-bench", "--version", NULL}, 0,
	            "postprocessing-bench " PACKAGE_VERSION, "");
	check_words((const char *const[]){"sh", "-c", "exec ./postprocessing-bench --help >/dev/full", NULL}, 2, "",
	            "standard output: ");
	check_words((const char *const[]){"./postprocessing", "bench", "-n", "5", NULL}, 2, "",
	            "postprocessing-bench(1)\n");
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {closed_loop,
	                              open_loop_with_noise_and_spaces,
	                              floor_beside_a_service_with_a_remote_step,
	                              files_are_served_and_scanned,
	                              without_a_service,
	                              one_signal_ends_it_in_order,
	                              a_second_signal_ends_what_would_take_too_long,
	                              timeout_ends,
	                              errors_are_reported,
	                              help_version_and_the_former_command,
	                              the_plot_is_drawn_by_gnuplot};
	return scenario_run("scenario: bench", tests, sizeof tests / sizeof tests[0]);
}
