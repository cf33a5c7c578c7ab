/* SPDX-License-Identifier: Apache-2.0
 * The service runs out of memory while steps are running. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define LARGE 200000
#define STALLS "/stall/200000"
#define SHORTAGE "shortage"
#define LINE "out of memory; the service exits with status 71"

/* Starts the service with shortage.c, or without. */
static void start(bool preloaded)
{
	static char preload[FOLDER_PATH_SIZE + 64], file[FOLDER_PATH_SIZE + 64], sanitizer[512];
	static const char *const env[] = {preload, file, sanitizer, NULL};
	char build[FOLDER_PATH_SIZE];
	const char *options = getenv("ASAN_OPTIONS");
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	snprintf(preload, sizeof preload, "LD_PRELOAD=%s/tests/scenario/.libs/shortage.so", build);
	snprintf(file, sizeof file, "SHORTAGE_FILE=%s/" SHORTAGE, scenario.folder);
	/* AddressSanitizer requires to be the first library, but also works as the second one. */
	snprintf(sanitizer, sizeof sanitizer, "ASAN_OPTIONS=%s%sverify_asan_link_order=0", options != NULL ? options : "",
	         options != NULL ? ":" : "");
	scenario.options.env = preloaded ? env : NULL;
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
}

/* The service starts a step whose record is marked as running: the first process that ran it was killed. */
static void begin(const char *ini)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = ini}, true);
	storage_bytes_received(&scenario, "marked", STALLS, LARGE);
	scenario_await_requests(&scenario, 1);
	scenario_await_applied(&scenario);
	scenario_kill_service(&scenario);
	start(true);
	scenario_await_requests(&scenario, 2);
	records_await(&scenario, "marked", "phase", "running");
}

/* There is no memory for the end of this upload's run. */
static void run_out(const char *upload, unsigned requests)
{
	char path[FOLDER_PATH_SIZE + 32];
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGSTOP), 0);
	storage_bytes_received(&scenario, upload, "/ok/300", 300);
	scenario_await_requests(&scenario, requests);
	scenario_await_applied(&scenario);
	ck_assert(folder_write(scenario.folder, SHORTAGE, "", 0));
	ck_assert_int_eq(kill(scenario.clamd.pid, SIGCONT), 0);
	ck_assert_msg(process_wait(&scenario.service, TEST_LIMIT), "the service does not end without memory");
	ck_assert_int_eq(scenario.service.status, ALLOC_EXIT_STATUS);
	snprintf(path, sizeof path, "%s/" SHORTAGE, scenario.folder);
	ck_assert_int_eq(unlink(path), 0);
}

/* The second line of the instance's file; "" if there is none. */
static const char *read_note(char text[256])
{
	ck_assert(folder_read(scenario.folder, "state/instance-0", text, 256));
	char *note = strchr(text, '\n');
	if (note == NULL)
		return "";
	note++;
	note[strcspn(note, "\n")] = '\0';
	return note;
}

/* The process of the note is the one that marked the upload as running. */
static void check_note(void)
{
	char text[256];
	const char *note = read_note(text);
	ck_assert_str_ne(note, "");
	records_await(&scenario, "marked", "phase", "running");
	records_await(&scenario, "marked", "writer", note);
}

/* From now on storage has a file there that begins with EICAR. */
static void put_infected(void)
{
	static char bytes[LARGE];
	eicar_make(bytes);
	storage_server_put(&scenario.storage, STALLS, bytes, LARGE);
}

/* The upload has ended once, after so many retries. */
static void check_once(const char *upload, const char *outcome, unsigned retries)
{
	storage_check_finished(&scenario, upload, outcome);
	storage_upload_ready(&scenario, upload, false);
	records_await_gone(&scenario, upload);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", upload), 1);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingRetry", upload), retries);
}

/* One failure that counts would end the upload. */
START_TEST(does_not_count_as_a_failure)
{
	char text[256];
	begin("[step:virusscan]\nmax_retries = 0\n");
	run_out("other", 3);
	ck_assert_uint_eq(scenario_log_count(&scenario, LINE), 1);
	check_note();
	put_infected();
	start(false);
	ck_assert_str_eq(read_note(text), "");
	check_once("marked", "delete", 0);
	check_once("other", "continue", 0);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingStepFinished", NULL), 2);
	scenario_close(&scenario);
}
END_TEST

/* A step that always uses up the memory is found out. */
START_TEST(counts_if_the_start_after_it_ends_the_same_way)
{
	char text[256];
	begin("[step:virusscan]\nmax_retries = 1\nretry_backoff = 50ms\n");
	run_out("other", 3);
	check_note();
	start(true);
	scenario_await_requests(&scenario, 5);
	check_once("other", "continue", 0);
	records_await(&scenario, "marked", "phase", "running");
	run_out("third", 6);
	ck_assert_uint_eq(scenario_log_count(&scenario, LINE), 2);
	ck_assert_str_eq(read_note(text), "");
	put_infected();
	start(false);
	check_once("marked", "delete", 1);
	check_once("third", "continue", 0);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {does_not_count_as_a_failure, counts_if_the_start_after_it_ends_the_same_way};
	return scenario_run("scenario: memory", tests, sizeof tests / sizeof tests[0]);
}
