/* SPDX-License-Identifier: Apache-2.0
 * The step exec through the whole service, in its sandbox. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

/* Steps `a` to `d`: a script of the administrator's, a line of the shell, grep and, with the file, another grep. */
static const char *write_ini(const char *folder)
{
	static char ini[2048];
	snprintf(ini, sizeof ini,
	         "[step:a]\nmodule = exec\nallow = exec\ncommand = %s/check --word \"two words\"\n"
	         "[step:b]\nmodule = exec\nallow = exec\nshell = true\n"
	         "command = wc -c | sed 's/ *\\([0-9]*\\).*/{\"size\":\\1,\"step\":\"'$POSTPROCESSING_STEP'\"}/'\n"
	         "[step:c]\nmodule = exec\nallow = exec\ncommand = /bin/grep -q good\nabort = none\ndelete = 1\n"
	         "[step:d]\nmodule = exec\nallow = exec\ncommand = /bin/grep -q good {file}\ninput = file\n",
	         folder);
	return ini;
}

static void write_script(const char *folder, const char *name, const char *text)
{
	char path[FOLDER_PATH_SIZE + 32];
	ck_assert(folder_write(folder, name, text, strlen(text)));
	snprintf(path, sizeof path, "%s/%s", folder, name);
	ck_assert_int_eq(chmod(path, 0755), 0);
}

/* Copies were made for the steps that want a file, and all of them have ended. */
static bool copies_have_ended(void *closure)
{
	(void)closure;
	return scenario_metric(&scenario, "postprocessing_copies_total") == 3 &&
	       scenario_metric(&scenario, "postprocessing_copies_bytes{place=\"memory\"}") == 0 &&
	       scenario_metric(&scenario, "postprocessing_copies_bytes{place=\"disk\"}") == 0;
}

START_TEST(commands_decide)
{
	static char large[5000000];
	char folder[FOLDER_PATH_SIZE];
	ck_assert(folder_create(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	write_script(
		folder, "check",
		"#!/bin/sh\n[ \"$1 $2\" = '--word two words' ] || exit 2\ncat >/dev/null\necho \"saw $POSTPROCESSING_ID\" >&2\n"
		"case $POSTPROCESSING_ID in aborted) exit 1;; esac\n");
	scenario_begin(&scenario, &(struct scenario_options){.steps = "a,b,c,d", .ini = write_ini(folder)}, false);
	storage_server_put(&scenario.storage, "/good", "good", 4);
	storage_server_put(&scenario.storage, "/bad", "evil", 4);
	storage_expect(&scenario, "good", "/good", 4, "continue");
	scenario_await_log(&scenario, "upload good: a: standard error: saw good");
	const struct recorded *event = recorder_await(&scenario.recorder, "PostprocessingStepFinished", "good", 0);
	json_t *result = json_object_get(event->payload, "Result");
	ck_assert_int_eq(json_integer_value(json_object_get(result, "size")), 4);
	ck_assert_str_eq(json_string_value(json_object_get(result, "step")), "b");
	storage_expect(&scenario, "aborted", "/good", 4, "abort");
	storage_expect(&scenario, "deleted", "/bad", 4, "delete");
	/* In a file on disk, which two steps share. */
	memset(large, '\n', sizeof large);
	memcpy(large + sizeof large - 4, "good", 4);
	storage_server_put(&scenario.storage, "/large", large, sizeof large);
	storage_expect(&scenario, "large", "/large", sizeof large, "continue");
	storage_expect(&scenario, "again", "/large", sizeof large, "continue");
	ck_assert(wait_until(copies_have_ended, NULL, TEST_LIMIT));
	scenario_close(&scenario);
	folder_remove(folder);
}
END_TEST

/* In a folder of its own, which is new for each upload if the command leaves anything. */
START_TEST(temporary_files)
{
	static const char ini[] =
		"[step:a]\nmodule = exec\nallow = exec files\nfiles = TRUE\nshell = true\nworkers = 1\n"
		"command = cat > \"$(mktemp)\" && ls \"$TMPDIR\" | wc -l | sed 's/ *\\(.*\\)/{\"files\":\\1}/'; echo x > ./x && exit 1; "
		"cd \"$TMPDIR\" && echo x > ./x\n";
	scenario_begin(&scenario, &(struct scenario_options){.steps = "a", .ini = ini}, false);
	storage_server_put(&scenario.storage, "/good", "good", 4);
	for (unsigned i = 0; i < 2; i++) {
		const char *upload = i == 0 ? "first" : "second";
		storage_expect(&scenario, upload, "/good", 4, "continue");
		const struct recorded *event = recorder_await(&scenario.recorder, "PostprocessingStepFinished", upload, 0);
		ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(event->payload, "Result"), "files")), 1);
	}
	scenario_close(&scenario);
}
END_TEST

/* Whether a process runs that sleeps for so many seconds. */
static bool has_started(void *closure)
{
	char command[64];
	struct process process = PROCESS_NONE;
	snprintf(command, sizeof command, "sleep %s", (const char *)closure);
	const char *const argv[] = {"pgrep", "-c", "-x", "-f", command, NULL};
	ck_assert(process_start(&process, &(struct process_options){.argv = argv, .log = "/dev/null"}));
	ck_assert(process_wait(&process, TEST_LIMIT));
	return process.status == 0;
}

static bool has_ended(void *closure)
{
	return !has_started(closure);
}

/* A command that leaves its group, its session and its parent. */
START_TEST(nothing_is_left_behind)
{
	char seconds[32], ini[512];
	snprintf(seconds, sizeof seconds, "%d.25", 100000 + (int)getpid());
	snprintf(
		ini, sizeof ini,
		"[step:a]\nmodule = exec\nallow = exec\ninput = none\nshell = true\n"
		"command = setsid sh -c 'sleep %s </dev/null >/dev/null 2>&1 &' && [ $POSTPROCESSING_ID != slow ] || sleep 100\n",
		seconds);
	scenario_begin(&scenario, &(struct scenario_options){.steps = "a", .ini = ini}, false);
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	ck_assert(wait_until(has_ended, seconds, TEST_LIMIT));
	/* Its worker process is killed meanwhile. */
	storage_bytes_received(&scenario, "slow", "/none", 3);
	ck_assert(wait_until(has_started, seconds, TEST_LIMIT));
	const char *const argv[] = {"pkill", "-KILL", "-x", "-P", "", "pp-a", NULL};
	char parent[16];
	const char *words[8];
	memcpy(words, argv, sizeof argv);
	snprintf(parent, sizeof parent, "%d", (int)scenario.service.pid);
	words[4] = parent;
	struct process killer = PROCESS_NONE;
	ck_assert(process_start(&killer, &(struct process_options){.argv = words}));
	ck_assert(process_wait(&killer, TEST_LIMIT));
	ck_assert_int_eq(killer.status, 0);
	scenario_await_log(&scenario, "upload slow: a failed (1)");
	ck_assert(wait_until(has_ended, seconds, TEST_LIMIT));
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {commands_decide, temporary_files, nothing_is_left_behind};
	return scenario_run("scenario_exec", tests, sizeof tests / sizeof tests[0]);
}
