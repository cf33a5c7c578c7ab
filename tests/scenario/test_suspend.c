/* SPDX-License-Identifier: Apache-2.0
 * Steps that cannot do their work for a while: their uploads wait, and use up no retry. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

#define SCANNER "[step:virusscan]\ncheck_interval = 1s\nretry_backoff = 100ms\n"
#define UPLOADS 12

static struct scenario scenario;
static char text[1 << 16];

static const char *name(unsigned i)
{
	static char id[16];
	snprintf(id, sizeof id, "u%u", i);
	return id;
}

static size_t count(const char *type)
{
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	return recorder_count(&scenario.recorder, type, NULL);
}

static void await_suspended(void)
{
	scenario_await_fault(&scenario, "step", "");
}

static bool are_waiting(void *closure)
{
	return scenario_metric(&scenario, "postprocessing_step_suspended_uploads{step=\"virusscan\"}") ==
	       *(uint64_t *)closure;
}

static void await_waiting(uint64_t uploads)
{
	ck_assert_msg(wait_until(are_waiting, &uploads, TEST_LIMIT), "not so many wait: %u", (unsigned)uploads);
}

/* The entry of the upload in `list --json`; a new reference. */
static json_t *list_one(const char *upload)
{
	size_t i;
	json_t *entry, *found = NULL;
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"list", "--json", NULL}, text, sizeof text), 0);
	json_t *array = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(array);
	json_array_foreach(array, i, entry) if (strcmp(json_string_value(json_object_get(entry, "id")), upload) == 0)
		found = json_incref(entry);
	json_decref(array);
	ck_assert_ptr_nonnull(found);
	return found;
}

static void check_listed(const char *upload, const char *reason)
{
	nanos since, until;
	json_t *entry = list_one(upload), *suspended = json_object_get(entry, "suspended");
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(suspended, "reason")), reason));
	ck_assert(time_parse(json_string_value(json_object_get(suspended, "since")), &since) && since <= clock_now());
	ck_assert(time_parse(json_string_value(json_object_get(suspended, "until")), &until));
	ck_assert(until > clock_now() + 23 * HOUR && until <= clock_now() + 24 * HOUR);
	json_decref(entry);
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"list", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "waiting for virusscan, which is suspended, until 20") != NULL &&
	                  strstr(text, reason) != NULL,
	              "%s", text);
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"show", upload, NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "waiting for virusscan, which is suspended, until 20") != NULL &&
	                  strstr(text, reason) != NULL,
	              "%s", text);
	ck_assert_int_eq(
		scenario_command(&scenario, (const char *const[]){"show", "--json", upload, NULL}, text, sizeof text), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"suspended\": {"));
}

START_TEST(scanner_is_away_at_the_start)
{
	scenario_open(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = SCANNER});
	scenario_start_service(&scenario);
	await_suspended();
	ck_assert_int_eq(scenario_http(&scenario, "/readyz"), 503);
	scenario_await_fault(&scenario, "step", "clamd.sock: No such file or directory");
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_ready{thing=\"step\",name=\"virusscan\"}"), 0);
	storage_bytes_received(&scenario, "one", "/ok/3", 3);
	storage_bytes_received(&scenario, "two", "/ok/3", 3);
	records_await(&scenario, "one", "phase", "queued");
	records_await(&scenario, "two", "phase", "queued");
	await_waiting(2);
	check_listed("one", "clamd.sock: No such file or directory");
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"steps", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "fails: clamd: cannot connect to") != NULL, "%s", text);
	/* A user who waits for a file is told, too. */
	char path[FOLDER_PATH_SIZE + 32];
	snprintf(path, sizeof path, "%s/postprocessing.ini", scenario.folder);
	ck_assert_int_eq(
		scenario_command(&scenario, (const char *const[]){"submit", "-t", "1s", path, NULL}, text, sizeof text), 2);
	ck_assert(folder_read(scenario.folder, "command.log", text, sizeof text));
	ck_assert_msg(strstr(text, "  virusscan suspended: clamd: cannot connect to ") != NULL, "%s", text);
	ck_assert_uint_eq(atomic_load(&scenario.storage.requests), 0);
	scenario_start_clamd(&scenario, NULL);
	storage_check_finished(&scenario, "one", "continue");
	storage_check_finished(&scenario, "two", "continue");
	scenario_await_ready(&scenario);
	await_waiting(0);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_ready{thing=\"step\",name=\"virusscan\"}"), 1);
	ck_assert_uint_eq(count("PostprocessingRetry"), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, "error step virusscan is suspended: clamd: cannot connect to "), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "info step virusscan works again after "), 1);
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"steps", "--json", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "\"check\": {") != NULL && strstr(text, "\"ready\": true") != NULL, "%s", text);
	scenario_close(&scenario);
}
END_TEST

/* The service is stopped and killed while they wait. */
START_TEST(scanner_goes_away_in_the_middle)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = SCANNER}, true);
	storage_expect(&scenario, "before", "/ok/3", 3, "continue");
	storage_upload_ready(&scenario, "before", false);
	scenario_stop_clamd(&scenario);
	await_suspended();
	ck_assert_uint_eq(scenario_log_count(&scenario, "warning step virusscan: check failed: clamd: cannot connect"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "correct?. "), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, "correct? If the next check fails too"), 1);
	for (unsigned i = 0; i < UPLOADS; i++)
		storage_bytes_received(&scenario, name(i), "/ok/3", 3);
	await_waiting(UPLOADS);
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	await_suspended();
	await_waiting(UPLOADS);
	scenario_stop_service(&scenario);
	scenario_start_service(&scenario);
	await_suspended();
	await_waiting(UPLOADS);
	for (unsigned i = 0; i < UPLOADS; i++) {
		json_t *record = records_read(&scenario, name(i));
		ck_assert_int_eq(json_integer_value(json_object_get(record, "Failures")), 0);
		ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(record, "StepHost"), "transition")), 1);
		json_decref(record);
	}
	scenario_start_clamd(&scenario, NULL);
	for (unsigned i = 0; i < UPLOADS; i++)
		storage_check_finished(&scenario, name(i), "continue");
	ck_assert_uint_eq(count("PostprocessingRetry"), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(check_limit_passes)
{
	scenario_open(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = SCANNER "check_limit = 2s\n"});
	scenario_start_service(&scenario);
	await_suspended();
	storage_expect(&scenario, "one", "/ok/3", 3, "abort");
	const struct recorded *end = recorder_find(&scenario.recorder, "PostprocessingFinished", "one", 0);
	ck_assert_int_ge(end->time - scenario.recorder.message[0].time, 2 * SECOND - 100 * MILLISECOND);
	ck_assert_uint_eq(
		scenario_log_count(
			&scenario,
			"warning upload one: abort by virusscan, which reached no verdict: the step was suspended for longer than check_limit (2s): clamd: cannot"),
		1);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_uploads_exhausted_total"), 1);
	ck_assert_uint_eq(count("PostprocessingRetry"), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(check_limit_passes_and_it_goes_on)
{
	scenario_open(&scenario, &(struct scenario_options){.steps = "virusscan",
	                                                    .ini = SCANNER "check_limit = 1s\non_exhausted = continue\n"});
	scenario_start_service(&scenario);
	await_suspended();
	storage_expect(&scenario, "one", "/ok/3", 3, "continue");
	ck_assert_uint_eq(
		scenario_log_count(&scenario,
	                       "warning upload one: continues without a verdict of virusscan (on_exhausted = continue): "
	                       "the step was suspended for longer than check_limit (1s): clamd: cannot"),
		1);
	scenario_close(&scenario);
}
END_TEST

static char modules[FOLDER_PATH_SIZE + 64], mood[FOLDER_PATH_SIZE + 64];

/* A service with the step `moody`, in this mood; NULL: in a good one. */
static void open_moody(const char *how, const char *ini)
{
	static const char *const env[] = {modules, mood, "POSTPROCESSING_STEP_MOODY_ISOLATION=thread", NULL};
	char build[FOLDER_PATH_SIZE];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	scenario_open(&scenario, &(struct scenario_options){.steps = "moody", .ini = ini, .env = env});
	snprintf(modules, sizeof modules, "POSTPROCESSING_PLUGIN_DIR=%s/tests/modules/.libs", build);
	snprintf(mood, sizeof mood, "POSTPROCESSING_STEP_MOODY_MOOD=%s/mood", scenario.folder);
	if (how != NULL)
		ck_assert(folder_write(scenario.folder, "mood", how, strlen(how)));
	scenario_start_service(&scenario);
}

static void cheer_up(void)
{
	ck_assert_int_eq(unlink(strchr(mood, '/')), 0);
}

/* A check that does not end has not passed, and delays neither the service nor its stop. */
START_TEST(check_hangs)
{
	open_moody("hang", "[step:moody]\ncheck_interval = 1s\n");
	storage_bytes_received(&scenario, "one", "/none", 3);
	records_await(&scenario, "one", "phase", "queued");
	scenario_await_fault(&scenario, "step", "the check did not finish within 10s");
	scenario_stop_service(&scenario);
	ck_assert_uint_eq(scenario_log_count(&scenario, "stopped although a module was still working"), 1);
	scenario_start_service(&scenario);
	scenario_await_fault(&scenario, "step", "not checked yet");
	cheer_up();
	storage_check_finished(&scenario, "one", "continue");
	scenario_await_ready(&scenario);
	ck_assert_uint_eq(count("PostprocessingRetry"), 0);
	scenario_close(&scenario);
}
END_TEST

/* Somebody who resumes one upload knows better than the check; if the run succeeds, the others follow. */
START_TEST(resumed_by_hand)
{
	open_moody("tired", "[step:moody]\ncheck_interval = 1h\nretry_backoff = 1h\n");
	scenario_await_fault(&scenario, "step", "tired");
	storage_bytes_received(&scenario, "one", "/none", 3);
	storage_bytes_received(&scenario, "two", "/none", 3);
	storage_bytes_received(&scenario, "three", "/none", 3);
	records_await(&scenario, "one", "phase", "queued");
	records_await(&scenario, "two", "phase", "queued");
	records_await(&scenario, "three", "phase", "queued");
	storage_resume(&scenario, "", "moody");
	ck_assert_uint_eq(count("PostprocessingRetry"), 0);
	storage_resume(&scenario, "one", "");
	records_await(&scenario, "one", "phase", "backoff");
	recorder_await(&scenario.recorder, "PostprocessingRetry", "one", 0);
	ck_assert_uint_eq(count("PostprocessingRetry"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "upload one: resumed: moody runs once, although it is suspended"),
	                  1);
	cheer_up();
	storage_resume(&scenario, "two", "");
	storage_check_finished(&scenario, "two", "continue");
	storage_check_finished(&scenario, "three", "continue");
	scenario_await_ready(&scenario);
	storage_resume(&scenario, "one", "");
	storage_check_finished(&scenario, "one", "continue");
	ck_assert_uint_eq(count("PostprocessingRetry"), 1);
	scenario_close(&scenario);
}
END_TEST

/* Without checks, a failed run is the only sign. */
START_TEST(not_checked)
{
	open_moody("tired", "[step:moody]\ncheck_interval = 0\nretry_backoff = 10ms\nmax_retries = 1\n");
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "one", "/none", 3, "abort");
	ck_assert_uint_eq(count("PostprocessingRetry"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "suspended"), 0);
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"steps", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "abort     none") != NULL, "%s", text);
	scenario_close(&scenario);
}
END_TEST

/* Each instance has its own checks. If one dies, the other takes over its waiting uploads and runs them. */
START_TEST(suspended_on_one_of_two)
{
	char ini[FOLDER_PATH_SIZE + 32], state[FOLDER_PATH_SIZE + 64], log[FOLDER_PATH_SIZE + 32];
	struct process other = PROCESS_NONE;
	open_moody("tired", "[step:moody]\ncheck_interval = 1s\n");
	scenario_await_fault(&scenario, "step", "tired");
	for (unsigned i = 0; i < UPLOADS; i++)
		storage_bytes_received(&scenario, name(i), "/none", 3);
	for (unsigned i = 0; i < UPLOADS; i++)
		records_await(&scenario, name(i), "phase", "queued");
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(log, sizeof log, "%s/other.log", scenario.folder);
	snprintf(state, sizeof state, "POSTPROCESSING_STATE_DIR=%s/other", scenario.folder);
	const char *argv[] = {"./postprocessing", "server", "-c", ini, NULL};
	const char *env[] = {state, modules, "POSTPROCESSING_STEP_MOODY_MOOD=/nowhere", NULL};
	ck_assert(process_start(&other, &(struct process_options){.argv = argv, .env = env, .log = log}));
	scenario_kill_service(&scenario);
	for (unsigned i = 0; i < UPLOADS; i++)
		storage_check_finished(&scenario, name(i), "continue");
	ck_assert_uint_eq(count("PostprocessingRetry"), 0);
	process_end(&other);
	scenario_close(&scenario);
}
END_TEST

static bool is_noted(void *closure)
{
	char reason[256];
	return scenario_has(&scenario, "step", reason, sizeof reason) && strcmp(reason, closure) == 0;
}

static void note(const char *what)
{
	char written[FOLDER_PATH_SIZE + 16];
	snprintf(written, sizeof written, "%s/written", scenario.folder);
	ck_assert(folder_write(scenario.folder, "written", what, strlen(what)));
	ck_assert_int_eq(rename(written, strchr(mood, '/')), 0);
}

/* The step works, but its check has something to say. Each note is logged once, and stops nothing. */
START_TEST(a_note)
{
	static char one[] = "1 of 2 scanners does not answer", both[] = "2 of 3 scanners do not answer", none[] = "";
	static const char *const env[] = {modules, mood, "POSTPROCESSING_STEP_NOTES_ISOLATION=thread", NULL};
	static const char *const words[] = {"steps", NULL};
	char build[FOLDER_PATH_SIZE];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	scenario_open(&scenario, &(struct scenario_options){
								 .steps = "notes", .ini = "[step:notes]\ncheck_interval = 100ms\n", .env = env});
	snprintf(modules, sizeof modules, "POSTPROCESSING_PLUGIN_DIR=%s/tests/modules/.libs", build);
	snprintf(mood, sizeof mood, "POSTPROCESSING_STEP_NOTES_NOTE=%s/note", scenario.folder);
	note(one);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	ck_assert(wait_until(is_noted, one, TEST_LIMIT));
	ck_assert_int_eq(scenario_command(&scenario, words, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "ok: 1 of 2 scanners does not answer") != NULL, "%s", text);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_step_noted{step=\"notes\"}"), 1);
	storage_expect(&scenario, "one", "/none", 3, "continue");
	note(both);
	ck_assert(wait_until(is_noted, both, TEST_LIMIT));
	scenario_await_log(&scenario, "warning step notes works, but: 2 of 3 scanners do not answer");
	cheer_up();
	ck_assert(wait_until(is_noted, none, TEST_LIMIT));
	scenario_await_log(&scenario, "info step notes works, and its check has nothing to note any more");
	ck_assert_uint_eq(scenario_log_count(&scenario, "works, but: 1 of 2"), 1);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_step_noted{step=\"notes\"}"), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, "suspended"), 0);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {scanner_is_away_at_the_start,
	                              scanner_goes_away_in_the_middle,
	                              check_limit_passes,
	                              check_limit_passes_and_it_goes_on,
	                              check_hangs,
	                              resumed_by_hand,
	                              not_checked,
	                              suspended_on_one_of_two,
	                              a_note};
	return scenario_run("scenario: suspend", tests, sizeof tests / sizeof tests[0]);
}
