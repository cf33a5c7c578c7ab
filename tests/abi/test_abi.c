/* SPDX-License-Identifier: Apache-2.0
 * The functions of the step ABI, called by a module in a worker process and on a thread: both work in the same way. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/steps/checker.h"
#include "core/steps/pool.h"
#include "core/steps/reports.h"
#include "core/steps/trial.h"
#include "core/steps/workers.h"
#include "tests/config/config_fixture.h"
#include "tests/harness/limits.h"
#include "tests/harness/storage_server.h"
#include "tests/harness/suite.h"
#include "tests/steps/worker_fixture.h"

static const char *const isolations[] = {"process", "thread"};
#define MODES 2

static struct config_fixture fixture;
static struct modules *modules;
static struct steps *steps;
static struct mailbox mailbox;
static struct log log_file;
static struct worker_launch launch;

/* One step of this module and name. */
static void open_step(const char *module, int isolation, const char *keys)
{
	char text[1024], path[] = "/tmp/pp-abi-XXXXXX";
	fixture_open(&fixture);
	snprintf(
		text, sizeof text,
		"[postprocessing]\nplugin_dir = %s\nsteps = a-step\n[step:a-step]\nmodule = %s\nisolation = %s\nworkers = 1\n%s\n",
		FIXTURES, module, isolations[isolation], keys);
	fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	log_file = (struct log){.fd = mkstemp(path), .level = LOG_DEBUG};
	ck_assert_int_ge(log_file.fd, 0);
	unlink(path);
	launch = *worker_fixture();
	launch.log = &log_file;
	modules = modules_create(fixture.config->plugin_dir, &launch);
	steps = steps_create(fixture.config, modules, &launch, &fixture.problems);
	assert_sound(&fixture);
	mailbox_init(&mailbox);
}

static void close_step(void)
{
	steps_destroy(steps);
	modules_destroy(modules);
	mailbox_destroy(&mailbox);
	fixture_close(&fixture);
	close(log_file.fd);
	/* No process is left. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

static const char *read_log(void)
{
	static char text[1 << 16];
	ssize_t length = pread(log_file.fd, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	return text;
}

static unsigned count_logged(const char *line)
{
	unsigned count = 0;
	for (const char *at = read_log(); (at = strstr(at, line)) != NULL; at++)
		count++;
	return count;
}

static void assert_logged(const char *line, unsigned times)
{
	ck_assert_msg(count_logged(line) == times, "not %u times in the log: %s\n%s", times, line, read_log());
}

static struct workers *workers;
static struct metrics *metrics;
static struct reports *reports;

static void start_workers(void)
{
	static const struct content_options content;
	const char *const labels[] = {"step", "a-step", NULL};
	metrics = metrics_create();
	metrics_histogram(metrics, "postprocessing_step_seconds", "", labels);
	metrics_gauge(metrics, "postprocessing_step_suspended_uploads", "", labels);
	reports = reports_create(metrics, &log_file);
	workers = workers_create(steps, &content, &log_file, &mailbox);
	ck_assert_ptr_nonnull(workers);
	workers_report_to(workers, reports);
}

static void stop_workers(void)
{
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	reports_destroy(reports);
	metrics_destroy(metrics);
}

/* What /metrics or /progress would say. */
static const char *read_page(bool progress)
{
	static char text[1 << 16];
	FILE *file = fmemopen(text, sizeof text, "w");
	ck_assert_ptr_nonnull(file);
	if (progress)
		reports_write(reports, "me", workers, file);
	else
		metrics_write(metrics, file);
	fclose(file);
	return text;
}

/* Has the step run on an upload, as that one's step number `place`. The caller frees the run. */
static struct run *run_at(const struct upload *fields, size_t place, const char *history)
{
	struct upload *upload = upload_create(fields);
	struct run *run = run_create(upload);
	upload_release(upload);
	run->allowed = MINUTE;
	run->place = place;
	run->history = history != NULL ? strdup(history) : NULL;
	workers_submit(workers, run);
	ck_assert_ptr_eq(mailbox_receive(&mailbox, TEST_LIMIT), &run->mail);
	return run;
}

static struct run *run_once(const struct upload *fields)
{
	return run_at(fields, 0, NULL);
}

static struct check_answer ask(struct checker *checker)
{
	checker_ask(checker, 0);
	struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
	ck_assert_ptr_nonnull(mail);
	ck_assert_int_eq(mail->kind, MAIL_CHECK);
	struct check_answer answer = *(const struct check_answer *)(const void *)mail;
	free(mail);
	return answer;
}

/* What create() logs when the configuration is checked, and in the process of the check. */
START_TEST(create_and_check_log)
{
	open_step("tells", _i, "calls = nothing");
	assert_logged("info step a-step: created to call \"nothing\"\n", 1);
	assert_logged("debug step a-step: a level that does not exist\n", 1);
	struct checker *checker = checker_create(steps, &mailbox, &log_file);
	ck_assert(checker_wanted(&steps->step[0]));
	for (unsigned i = 1; i <= 3; i++) {
		struct check_answer answer = ask(checker);
		ck_assert_msg(answer.passed, "%s", answer.why);
		ck_assert_str_eq(answer.why, "");
		assert_logged("debug step a-step: the check passes\n", i);
	}
	assert_logged("warning step a-step: Result rejected: a check has no upload\n", 3);
	assert_logged("created to call", _i == 0 ? 2 : 1);
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	close_step();
}
END_TEST

START_TEST(create_logs_in_each_process)
{
	open_step("tells", _i, "calls = nothing");
	start_workers();
	run_free(run_once(&(struct upload){.id = "u"}));
	assert_logged("info step a-step: created to call \"nothing\"\n", _i == 0 ? 2 : 1);
	stop_workers();
	close_step();
}
END_TEST

static const struct {
	const char *user, *resource, *logged;
} facts[] = {
	{"{\"id\":{\"opaque_id\":\"me\",\"idp\":\"x\"}}", "{\"space_id\":\"ours\",\"opaque_id\":\"o\"}",
     "user me, space ours."},
	{"{\"id\":{\"opaque_id\":\"\\u00fc\"}}", "{\"space_id\":\"a\\nb\"}", "user \xc3\xbc, space a\\x0ab."},
	{"{\"id\":{\"opaque_id\":\"\"}}", "{\"space_id\":\"\"}", "user (none), space (none)."},
	{"{\"id\":{\"opaque_id\":7}}", "{\"space_id\":{}}", "user (none), space (none)."},
	{"{\"id\":\"me\"}", "[]", "user (none), space (none)."},
	{NULL, NULL, "user (none), space (none)."},
};

START_TEST(who_and_where)
{
	char line[128], name[UPLOAD_NAME_LIMIT + 2], user[512];
	open_step("tells", _i, "calls = facts");
	start_workers();
	for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
		run_free(
			run_once(&(struct upload){.id = "u", .user_json = facts[i].user, .resource_id_json = facts[i].resource}));
		snprintf(line, sizeof line, "info upload u: a-step: step a-step, %s\n", facts[i].logged);
		ck_assert_msg(strstr(read_log(), line) != NULL, "%s is not in the log:\n%s", line, read_log());
	}
	/* The limit of their length. */
	for (size_t length = UPLOAD_NAME_LIMIT; length <= UPLOAD_NAME_LIMIT + 1; length++) {
		memset(name, 'x', length);
		name[length] = '\0';
		snprintf(user, sizeof user, "{\"id\":{\"opaque_id\":\"%s\"}}", name);
		unsigned before = count_logged(name);
		run_free(run_once(&(struct upload){.id = "u", .user_json = user}));
		ck_assert_uint_eq(count_logged(name) - before, length == UPLOAD_NAME_LIMIT);
	}
	stop_workers();
	close_step();
}
END_TEST

static void expect_log(const char *line)
{
	ck_assert_msg(strstr(read_log(), line) != NULL, "%s is not in the log:\n%s", line, read_log());
}

START_TEST(earlier_steps)
{
	static const char *const names[] = {"first", "second", "third", "a-step", "last"};
	static const char history[] =
		"[{\"step\":\"first\",\"verdict\":\"clean\",\"details\":{\"a\":1},\"result\":{\"n\":0.10,\"s\":\"\xc3\xbc\"}},"
		"{\"step\":\"third\",\"passed\":true,\"reason\":\"why\"},{\"step\":\"last\",\"verdict\":\"not-yet\"}]";
	const struct upload fields = {.id = "u", .step = names, .step_count = 5};
	open_step("tells", _i, "calls = earlier");
	start_workers();
	run_free(run_at(&fields, 3, history));
	expect_log("first: 1, verdict clean, result {\"n\":0.10,\"s\":\"\xc3\xbc\"}.\n");
	expect_log("second: 1, verdict (none), result (none).\n");
	expect_log("third: 0, verdict (none), result (none).\n");
	expect_log("a-step: 0, verdict (none), result (none).\n");
	expect_log("last: 0, verdict (none), result (none).\n");
	expect_log("none: 0, verdict (none), result (none).\n");
	expect_log("(none): 0, verdict (none), result (none).\n");
	/* What others have put into the record. */
	run_free(run_at(
		&fields, 3,
		"[{\"step\":\"first\",\"verdict\":\"No Word\",\"result\":\"\"},7,{\"step\":\"second\",\"verdict\":{}}]"));
	expect_log("first: 1, verdict (none), result \"\".\n");
	stop_workers();
	close_step();
}
END_TEST

/* More than a packet takes. */
START_TEST(earlier_steps_in_a_large_message)
{
	const char *names[EARLIER_LIMIT];
	struct text history = {0};
	char room[EARLIER_LIMIT][UPLOAD_STEP_NAME_LIMIT + 1], line[80];
	for (unsigned i = 0; i < EARLIER_LIMIT; i++) {
		names[i] = i == 62 ? "first" : room[i];
		snprintf(room[i], sizeof room[i], "%060u", i);
		text_format(&history, "%c{\"step\":\"%s\",\"result\":\"", i == 0 ? '[' : ',', names[i]);
		for (unsigned j = 0; j < 4000; j++)
			text_add(&history, "r");
		text_add(&history, "\"}");
	}
	text_add(&history, "]");
	open_step("tells", _i, "calls = earlier");
	start_workers();
	run_free(run_at(&(struct upload){.id = "u", .step = names, .step_count = EARLIER_LIMIT}, 63, history.data));
	snprintf(line, sizeof line, "first: 1, verdict (none), result \"rrrrr");
	expect_log(line);
	text_free(&history);
	stop_workers();
	close_step();
}
END_TEST

START_TEST(verdicts)
{
	open_step("tells", _i, "calls = verdict");
	start_workers();
	struct run *run = run_once(&(struct upload){.id = "u", .filename = "f"});
	ck_assert_str_eq(run->verdict, "0-last");
	ck_assert_str_eq(run->details, "{\"n\":0.10}");
	ck_assert_msg(strstr(read_log(), "set_verdict()") == NULL, "%s", read_log());
	expect_log("warning upload u: a-step: verdict rejected: its word is not 1 to 31 of a-z, 0-9 and -\n");
	expect_log("verdict \"list\" rejected: its details are not a JSON object of up to 4096 bytes and 32 levels\n");
	run_free(run);
	run = run_once(&(struct upload){.id = "u", .filename = "bare"});
	ck_assert_str_eq(run->verdict, "bare");
	ck_assert_ptr_null(run->details);
	run_free(run);
	stop_workers();
	close_step();
}
END_TEST

static void expect_metric(const char *line, bool there)
{
	const char *page = read_page(false);
	ck_assert_msg((strstr(page, line) != NULL) == there, "%s: %s\n%s", there ? "missing" : "too much", line, page);
}

START_TEST(own_metrics)
{
	open_step("tells", _i, "calls = some metrics");
	start_workers();
	for (unsigned i = 1; i <= 3; i++) {
		char line[100];
		run_free(run_once(&(struct upload){.id = "u", .filename = "f"}));
		snprintf(line, sizeof line, "\npostprocessing_step_pages_total{step=\"a-step\"} %u\n", 2000 * i);
		expect_metric(line, true);
		expect_metric("\npostprocessing_step_level{step=\"a-step\"} -1.5\n", true);
	}
	expect_metric("Bad", false);
	expect_metric("postprocessing_step_seconds{", false);
	expect_metric("postprocessing_step_seconds_sum{step=\"a-step\"} 0.0", true);
	expect_metric("# TYPE postprocessing_step_pages_total counter\n", true);
	expect_metric("# TYPE postprocessing_step_level gauge\n", true);
	assert_logged("its metric postprocessing_step_seconds is dropped: the service has a metric of this name", 1);
	assert_logged("its metric postprocessing_step_seconds_sum is dropped: the service has a metric of this name", 1);
	assert_logged("its metric postprocessing_step_suspended_uploads is dropped: the service has", 1);
	assert_logged("its metric postprocessing_step_pages_total is dropped: another module uses the name", 1);
	assert_logged("metric \"level\" dropped: its value is not finite", 3);
	stop_workers();
	close_step();
}
END_TEST

START_TEST(too_many_metrics)
{
	unsigned count = 0;
	open_step("tells", _i, "calls = many metrics");
	start_workers();
	for (unsigned i = 0; i < 3; i++)
		run_free(run_once(&(struct upload){.id = "u", .filename = "f"}));
	for (const char *at = read_page(false); (at = strstr(at, "\npostprocessing_step_many_")) != NULL; at++)
		count++;
	ck_assert_uint_eq(count, PP_METRICS_LIMIT);
	ck_assert_uint_le(count_logged("dropped"), 3);
	ck_assert_uint_ge(count_logged("more"), 1);
	stop_workers();
	close_step();
}
END_TEST

START_TEST(checks_count)
{
	open_step("tells", _i, "calls = nothing");
	start_workers();
	struct checker *checker = checker_create(steps, &mailbox, &log_file);
	checker_report_to(checker, reports);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert(ask(checker).passed);
		char line[100];
		snprintf(line, sizeof line, "\npostprocessing_step_checks_total{step=\"a-step\"} %u\n", i);
		expect_metric(line, true);
	}
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	stop_workers();
	close_step();
}
END_TEST

static bool is_at_the_end(void *closure)
{
	return strstr(read_page(true), closure) != NULL;
}

/* Few of many reports leave the process, but the last one does. */
START_TEST(progress)
{
	char last[2][100] = {"{\"id\":\"u\",\"step\":\"a-step\",\"done\":100000,\"total\":200000,\"at\":\"2",
	                     "{\"id\":\"u\",\"step\":\"a-step\",\"done\":100000,\"total\":-1,\"at\":\"2"};
	open_step("tells", _i, "calls = progress");
	start_workers();
	ck_assert_str_eq(read_page(true), "{\"instance\":\"me\",\"runs\":[],\"running\":[]}\n");
	for (unsigned i = 0; i < 2; i++) {
		struct upload *upload = upload_create(&(struct upload){.id = "u", .filename = i == 0 ? "f" : "unknown"});
		struct run *run = run_create(upload);
		upload_release(upload);
		run->allowed = MINUTE;
		workers_submit(workers, run);
		ck_assert_msg(wait_until(is_at_the_end, last[i], TEST_LIMIT), "%s", read_page(true));
		workers_cancel(workers, run);
		ck_assert_ptr_eq(mailbox_receive(&mailbox, TEST_LIMIT), &run->mail);
		ck_assert_msg(run->reason[0] == '\0', "%s", run->reason);
		run_free(run);
		ck_assert_str_eq(read_page(true), "{\"instance\":\"me\",\"runs\":[],\"running\":[]}\n");
	}
	stop_workers();
	close_step();
}
END_TEST

/* What a check says although it passes. */
START_TEST(a_check_notes)
{
	open_step("tells", _i, "calls = note");
	struct checker *checker = checker_create(steps, &mailbox, NULL);
	for (unsigned i = 0; i < 2; i++) {
		struct check_answer answer = ask(checker);
		ck_assert(answer.passed);
		ck_assert_str_eq(answer.why, "one of two servers does not answer");
	}
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	close_step();
}
END_TEST

START_TEST(a_check_says_why)
{
	open_step("tells", _i, "calls = fail");
	struct checker *checker = checker_create(steps, &mailbox, NULL);
	for (unsigned i = 0; i < 2; i++) {
		struct check_answer answer = ask(checker);
		ck_assert(!answer.passed);
		ck_assert_str_eq(answer.why, "no server for \"fail\"");
	}
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	close_step();
}
END_TEST

static bool has_read(void *closure)
{
	(void)closure;
	return count_logged("a-step: 5 bytes\n") == 1;
}

static bool is_waiting(void *closure)
{
	(void)closure;
	return count_logged("the check waits") == 1;
}

/* The service stops while the module checks. */
START_TEST(a_check_is_cancelled)
{
	open_step("tells", 1, "calls = hang");
	struct checker *checker = checker_create(steps, &mailbox, &log_file);
	checker_ask(checker, 0);
	ck_assert(wait_until(is_waiting, NULL, TEST_LIMIT));
	nanos start = clock_monotonic();
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	ck_assert_int_lt(clock_monotonic() - start, 2 * SECOND);
	close_step();
}
END_TEST

/* The module ends its check in time, and says why. The process is good for no other. */
START_TEST(a_check_has_a_deadline)
{
	char why[512] = "";
	struct start_message start;
	struct trial *trial;
	open_step("tells", 0, "calls = hang");
	const struct step *step = &steps->step[0];
	step_start_message(step, &start);
	ck_assert_int_eq(trial_create(&launch, step->module->file, &start, step_setup_host(step->setup), CREATE_LIMIT, NULL,
	                              &trial, why, sizeof why),
	                 TRIAL_GOOD);
	ck_assert(!trial_is_cancelled(trial));
	nanos begin = clock_monotonic();
	ck_assert_int_eq(trial_check(trial, 2 * SECOND, why, sizeof why), TRIAL_REFUSED);
	nanos took = clock_monotonic() - begin;
	ck_assert_str_eq(why, "cancelled: 1");
	ck_assert_msg(took > 900 * MILLISECOND && took < 2 * SECOND, "%lld ms", (long long)(took / MILLISECOND));
	ck_assert(trial_is_cancelled(trial));
	trial_end(trial, SECOND);
	close_step();
}
END_TEST

static struct storage_server storage;

/* Has the old module run on an upload of this size; NULL: as `path`. */
static struct run *run_old(const char *path, int64_t size)
{
	char url[128];
	snprintf(url, sizeof url, "http://127.0.0.1:%u%s%lld", storage.port, path, (long long)size);
	return run_once(&(struct upload){
		.id = "u", .filename = "f", .url = url, .filesize = size, .resource_id_json = "{\"opaque_id\":\"o\"}"});
}

/* A module that was built for 1.0 runs unchanged, with each function that there was. */
START_TEST(built_for_1_0)
{
	static const struct {
		const char *ends;
		enum returned returned;
		enum outcome outcome;
		nanos until;
	} endings[] = {{"retry", RETURNED_VERDICT, OUTCOME_RETRY, 0}, {"continue", RETURNED_VERDICT, OUTCOME_CONTINUE, 0},
	               {"abort", RETURNED_VERDICT, OUTCOME_ABORT, 0}, {"delete", RETURNED_VERDICT, OUTCOME_DELETE, 0},
	               {"wait", RETURNED_WAIT, OUTCOME_RETRY, 4711},  {"await", RETURNED_AWAIT, OUTCOME_RETRY, 4712}};
	static const int64_t sizes[] = {0, 10, 300000};
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		char line[64], expected[1024];
		int64_t size = sizes[i % 3], sum = 0;
		snprintf(line, sizeof line, "ends = %s\n", endings[i].ends);
		open_step("old", _i, line);
		ck_assert_uint_eq(steps->step[0].module->table.abi_minor, 0);
		start_workers();
		struct run *run = run_old("/ok/", size);
		for (int64_t j = 0; j < size; j++)
			sum += storage_server_byte((uint64_t)j);
		snprintf(
			expected, sizeof expected,
			"{\"keys\":[\"a-step\",\"a text\",1,1,7,90000000000,3072,2,600000000000,2592000000000000],\"id\":\"u\","
			"\"filename\":\"f\",\"filesize\":%lld,\"resource\":{\"opaque_id\":\"o\"},\"attempt\":0,\"woken\":0,"
			"\"read\":%lld,\"sum\":%lld,\"left\":1,\"cancelled\":0}",
			(long long)size, (long long)size, (long long)sum);
		ck_assert_pstr_eq(run->result, expected);
		ck_assert_str_eq(run->reason, "the reason of a-step");
		ck_assert_int_eq(run->returned, endings[i].returned);
		ck_assert_int_eq(run->outcome, endings[i].outcome);
		if (run->returned != RETURNED_VERDICT)
			ck_assert_int_eq(run->until, endings[i].until);
		run_free(run);
		snprintf(line, sizeof line, "info upload u: a-step: %lld bytes\n", (long long)size);
		assert_logged(line, 1);
		run = run_old("/status/500?", 10);
		ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
		ck_assert_msg(strncmp(run->reason, "read: ", 6) == 0 && strstr(run->reason, "500") != NULL, "%s", run->reason);
		run_free(run);
		stop_workers();
		struct checker *checker = checker_create(steps, &mailbox, &log_file);
		struct check_answer answer = ask(checker);
		ck_assert_int_eq(answer.passed, i != 0);
		/* What check() leaves although it passes is no note. */
		ck_assert_str_eq(answer.why, i != 0 ? "" : "the check of a-step");
		ck_assert(checker_destroy(checker, TEST_LIMIT));
		close_step();
	}
	storage_server_stop(&storage);
}
END_TEST

START_TEST(built_for_1_0_and_cancelled)
{
	char url[64];
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/ok/5", storage.port);
	open_step("old", _i, "ends = cancelled");
	start_workers();
	struct upload *upload = upload_create(&(struct upload){.id = "u", .filename = "f", .url = url, .filesize = 5});
	struct run *run = run_create(upload);
	upload_release(upload);
	run->allowed = MINUTE;
	workers_submit(workers, run);
	ck_assert(wait_until(has_read, NULL, TEST_LIMIT));
	workers_cancel(workers, run);
	ck_assert_ptr_eq(mailbox_receive(&mailbox, TEST_LIMIT), &run->mail);
	ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
	ck_assert_str_eq(run->reason, "cancelled, readable: 1");
	run_free(run);
	stop_workers();
	close_step();
	storage_server_stop(&storage);
}
END_TEST

START_TEST(built_for_1_0_and_refused)
{
	char text[512];
	fixture_open(&fixture);
	snprintf(
		text, sizeof text,
		"[postprocessing]\nplugin_dir = %s\nsteps = a-step\n[step:a-step]\nmodule = old\nisolation = %s\nnumber = 0\n",
		FIXTURES, isolations[_i]);
	fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
	launch = *worker_fixture();
	modules = modules_create(fixture.config->plugin_dir, &launch);
	steps = steps_create(fixture.config, modules, &launch, &fixture.problems);
	assert_problem(&fixture, ":7: number: a-step must not be 0");
	steps_destroy(steps);
	modules_destroy(modules);
	fixture_close(&fixture);
}
END_TEST

static bool has_compiler(void)
{
	return access(FIXTURES "/throws.so", R_OK) == 0;
}

static struct run *submit(const char *filename)
{
	struct upload *upload = upload_create(&(struct upload){.id = filename, .filename = filename});
	struct run *run = run_create(upload);
	upload_release(upload);
	run->allowed = MINUTE;
	workers_submit(workers, run);
	return run;
}

/* Exceptions of C++ that leave a function of the module. */
START_TEST(it_throws_in_run)
{
	if (!has_compiler())
		return;
	open_step("throws", 0, "where = run");
	start_workers();
	for (unsigned i = 0; i < 9; i++) {
		struct run *run = submit(i % 3 == 1 ? "bad" : "good");
		ck_assert_ptr_eq(mailbox_receive(&mailbox, TEST_LIMIT), &run->mail);
		ck_assert_int_eq(run->outcome, i % 3 == 1 ? OUTCOME_RETRY : OUTCOME_CONTINUE);
		ck_assert_int_eq(run->crashed, i % 3 == 1);
		ck_assert_str_eq(run->reason, i % 3 == 1 ? "the module crashed: SIGABRT (Aborted):   what():  out of run" : "");
		run_free(run);
	}
	assert_logged("error upload bad: a-step: the module crashed: SIGABRT (Aborted):   what():  out of run\n", 3);
	stop_workers();
	close_step();
}
END_TEST

START_TEST(it_throws_elsewhere)
{
	if (!has_compiler())
		return;
	open_step("throws", 0, "where = check");
	struct checker *checker = checker_create(steps, &mailbox, &log_file);
	struct check_answer answer = ask(checker);
	ck_assert(!answer.passed);
	ck_assert_msg(strstr(answer.why, "check() crashed: SIGABRT (Aborted):   what():  out of check") != NULL, "%s",
	              answer.why);
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	close_step();
	/* It is no upload's failure. */
	open_step("throws", 0, "where = destroy");
	start_workers();
	struct run *run = submit("good");
	ck_assert_ptr_eq(mailbox_receive(&mailbox, TEST_LIMIT), &run->mail);
	ck_assert_int_eq(run->outcome, OUTCOME_CONTINUE);
	run_free(run);
	stop_workers();
	close_step();
	open_step("throws", 0, "where = create");
	start_workers();
	struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
	ck_assert_int_eq(mail->kind, MAIL_POOL);
	struct pool_news *news = (struct pool_news *)(void *)mail;
	ck_assert_str_eq(news->why, "the module crashed: SIGABRT (Aborted):   what():  out of create");
	free(news);
	stop_workers();
	close_step();
}
END_TEST

START_TEST(it_throws_when_it_is_loaded)
{
	char why[1024] = "";
	char *const folders[] = {(char *)(uintptr_t)FIXTURES, NULL};
	if (!has_compiler())
		return;
	modules = modules_create(folders, worker_fixture());
	ck_assert_ptr_null(modules_find(modules, "throws_early", why, sizeof why));
	ck_assert_msg(strstr(why, "loading it crashed: SIGABRT (Aborted):   what():  out of the constructor") != NULL, "%s",
	              why);
	modules_destroy(modules);
}
END_TEST

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	Suite *suite = suite_create("abi");
	TCase *tcase = tcase_create("abi");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, create_and_check_log, 0, MODES);
	tcase_add_loop_test(tcase, create_logs_in_each_process, 0, MODES);
	tcase_add_loop_test(tcase, who_and_where, 0, MODES);
	tcase_add_loop_test(tcase, earlier_steps, 0, MODES);
	tcase_add_loop_test(tcase, earlier_steps_in_a_large_message, 0, MODES);
	tcase_add_loop_test(tcase, verdicts, 0, MODES);
	tcase_add_loop_test(tcase, own_metrics, 0, MODES);
	tcase_add_loop_test(tcase, too_many_metrics, 0, MODES);
	tcase_add_loop_test(tcase, checks_count, 0, MODES);
	tcase_add_loop_test(tcase, progress, 0, MODES);
	tcase_add_loop_test(tcase, a_check_notes, 0, MODES);
	tcase_add_loop_test(tcase, a_check_says_why, 0, MODES);
	tcase_add_test(tcase, a_check_is_cancelled);
	tcase_add_test(tcase, a_check_has_a_deadline);
	tcase_add_loop_test(tcase, built_for_1_0, 0, MODES);
	tcase_add_loop_test(tcase, built_for_1_0_and_cancelled, 0, MODES);
	tcase_add_loop_test(tcase, built_for_1_0_and_refused, 0, MODES);
	tcase_add_test(tcase, it_throws_in_run);
	tcase_add_test(tcase, it_throws_elsewhere);
	tcase_add_test(tcase, it_throws_when_it_is_loaded);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
