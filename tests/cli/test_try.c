/* SPDX-License-Identifier: Apache-2.0
 * `postprocessing try`: what it prints of each way in which a module ends, and its exit status. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "postprocessing/step.h"
#include "tests/harness/folder.h"
#include "tests/harness/process.h"
#include "tests/harness/suite.h"

#define LIMIT (60 * SECOND)
#define OUTPUT_SIZE ((size_t)256 * 1024)
#define MODULES "tests/modules/.libs/"

static char folder[FOLDER_PATH_SIZE];
static char output[OUTPUT_SIZE]; /* standard output */
static json_t *report;           /* the same as JSON; NULL: it is none */

static void setup(void)
{
	ck_assert(folder_create(folder));
}

static void teardown(void)
{
	json_decref(report);
	report = NULL;
	folder_remove(folder);
}

static const char *below(const char *name)
{
	static char path[FOLDER_PATH_SIZE + 64];
	snprintf(path, sizeof path, "%s/%.50s", folder, name);
	return path;
}

/* Runs `postprocessing try` with up to eight arguments; returns its exit status. Standard error goes to the log. */
static int try(const char *const *arguments)
{
	const char *argv[12] = {"./postprocessing", "try"};
	char log[FOLDER_PATH_SIZE + 64];
	struct process process = PROCESS_NONE;
	for (size_t i = 0; i < 8 && arguments[i] != NULL; i++)
		argv[i + 2] = arguments[i];
	snprintf(log, sizeof log, "%s", below("log"));
	ck_assert(process_start(&process, &(struct process_options){.argv = argv, .log = log, .pipe_out = true}));
	process_read_all(&process, output, sizeof output);
	ck_assert(process_wait(&process, LIMIT));
	int status = process.status;
	process_end(&process);
	json_decref(report);
	report = json_loads(output, 0, NULL);
	return status;
}

#define TRY(...) try((const char *const[]){__VA_ARGS__, NULL})

static const char *text(const char *key)
{
	const char *value = json_string_value(json_object_get(report, key));
	return value != NULL ? value : "";
}

static void assert_logged(const char *line)
{
	char log[16384] = "";
	FILE *file = fopen(below("log"), "re");
	ck_assert_ptr_nonnull(file);
	log[fread(log, 1, sizeof log - 1, file)] = '\0';
	fclose(file);
	ck_assert_msg(strstr(log, line) != NULL, "not on standard error: %s\n%s", line, log);
}

/* A file with this number of bytes, each of which is 1. */
static const char *write_file(size_t size)
{
	static char path[FOLDER_PATH_SIZE + 64];
	char *bytes = malloc(size + 1);
	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 1, size);
	ck_assert(folder_write(folder, "bad file", bytes, size));
	free(bytes);
	snprintf(path, sizeof path, "%s", below("bad file"));
	return path;
}

START_TEST(each_outcome)
{
	static const struct {
		const char *returns, *outcome;
		int status;
	} cases[] = {{"returns=1", "continue", 0},
	             {"returns=2", "abort", 1},
	             {"returns=3", "delete", 1},
	             {"returns=0", "retry", 3},
	             {"returns=77", "retry", 3}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_int_eq(TRY(MODULES "good.so", cases[i].returns, "--json"), cases[i].status);
		ck_assert_msg(report != NULL, "%s", output);
		ck_assert_str_eq(text("outcome"), cases[i].outcome);
	}
	ck_assert_int_eq(TRY(MODULES "moody.so", "until=now", "--json"), 4);
	ck_assert_str_eq(text("outcome"), "wait");
	ck_assert_str_ne(text("until"), "");
	ck_assert_int_eq(TRY(MODULES "moody.so", "until=9000000000000000000", "--json"), 3);
	ck_assert_ptr_nonnull(strstr(text("reason"), "max_wait"));
}
END_TEST

START_TEST(what_people_see)
{
	ck_assert_int_eq(TRY(MODULES "good.so", write_file(10), "calls=reason result log", "-n", "a name", "-k"), 0);
	ck_assert_ptr_nonnull(strstr(output, "module    good "));
	ck_assert_ptr_nonnull(strstr(output, "sandbox   declared: none; granted: none"));
	ck_assert_ptr_nonnull(strstr(output, "check     ok\n"));
	ck_assert_ptr_nonnull(strstr(output, "outcome   continue\n"));
	ck_assert_ptr_nonnull(strstr(output, "reason    for a name\n"));
	ck_assert_ptr_nonnull(strstr(output, "result    {\"a\":[1]}\n"));
	ck_assert_ptr_nonnull(strstr(output, "time      "));
	ck_assert_ptr_nonnull(strstr(output, "memory    "));
	assert_logged("step good: a line of the log");
	/* A number with as many digits as the module gave. */
	ck_assert_int_eq(TRY("plugins/.libs/exec.so", "allow=exec", "shell=true", "command=echo '{\"seconds\": 0.03}'"), 0);
	ck_assert_ptr_nonnull(strstr(output, "result    {\"seconds\":0.03}\n"));
	ck_assert_int_eq(TRY("tests/abi/.libs/tells.so", "-k"), 0);
	assert_logged("info step tells: created to call \"\"");
	assert_logged("debug step tells: the check passes");
}
END_TEST

START_TEST(the_bytes)
{
	static const size_t sizes[] = {1, 70000, 5000000};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		ck_assert_int_eq(TRY(MODULES "good.so", write_file(sizes[i]), "calls=sum", "--json"), 0);
		const json_t *result = json_object_get(report, "result");
		ck_assert_int_eq(json_integer_value(json_object_get(result, "bytes")), (json_int_t)sizes[i]);
		ck_assert_int_eq(json_integer_value(json_object_get(result, "sum")), (json_int_t)sizes[i]);
	}
	ck_assert_int_eq(TRY(MODULES "good.so", "calls=sum", "--json"), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(report, "result"), "bytes")), 0);
}
END_TEST

/* In the ways that ABI 1.1 adds. */
START_TEST(the_bytes_as_a_file)
{
	static const size_t sizes[] = {0, 1, 70000, 5000000};
	static const char read_only[] = "write refused, map refused, reopen refused; ";
	char line[128];
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		ck_assert_int_eq(
			TRY(MODULES "reader.so", write_file(sizes[i]), "do=sha some rewind read attack rewind read sha", "--json"),
			0);
		const char *result = text("result"), *place = sizes[i] > 4 << 20 ? "at 0 on disk; " : "at 0 sealed; ";
		ck_assert_msg(strncmp(result, "sha ", 4) == 0 && strstr(result, place) != NULL &&
		                  strstr(result, read_only) != NULL && strstr(result, "WRONG") == NULL,
		              "%s", result);
		snprintf(line, sizeof line,
		         "command=test $(wc -c <$POSTPROCESSING_FILE) = %zu && ! echo >>$POSTPROCESSING_FILE", sizes[i]);
		ck_assert_int_eq(TRY("plugins/.libs/exec.so", write_file(sizes[i]), "allow=exec", "shell=true", "input=file",
		                     line, "--json"),
		                 0);
	}
}
END_TEST

/* There is no quarantine, and the module goes on as if there were. */
START_TEST(the_quarantine)
{
	ck_assert_int_eq(TRY(MODULES "reader.so", write_file(1000), "do=some hide read", "--json"), 0);
	ck_assert_ptr_nonnull(strstr(text("result"), "hidden; read 1000:"));
}
END_TEST

START_TEST(a_bad_run)
{
	const char *file = write_file(1);
	ck_assert_int_eq(TRY(MODULES "wicked.so", file, "deed=abort", "--json"), 3);
	ck_assert(json_is_true(json_object_get(report, "crashed")));
	ck_assert_str_eq(text("reason"), "the module: run() crashed: SIGABRT (Aborted): wicked: giving up");
	assert_logged("standard error: wicked: giving up");
	ck_assert_int_eq(TRY(MODULES "wicked.so", file, "deed=_exit", "--json"), 3);
	ck_assert_int_eq(TRY(MODULES "wicked.so", file, "deed=loop", "deadline=1s", "--json"), 3);
	ck_assert(json_is_false(json_object_get(report, "crashed")));
	ck_assert_str_eq(text("reason"), "the module: run() did not finish within 1s");
	/* The sandbox is that of the service. */
	ck_assert_int_eq(TRY(MODULES "wicked.so", file, "deed=files", "--json"), 1);
}
END_TEST

START_TEST(the_check)
{
	char mood[FOLDER_PATH_SIZE + 80];
	ck_assert_int_eq(TRY(MODULES "good.so", "--check", "--json"), 0);
	ck_assert(json_is_true(json_object_get(json_object_get(report, "check"), "ready")));
	ck_assert_int_eq(TRY(MODULES "wicked.so", "--check", "--json", "deed=abort", "where=check"), 3);
	ck_assert(json_is_false(json_object_get(json_object_get(report, "check"), "ready")));
	ck_assert_ptr_null(json_object_get(report, "outcome"));
	snprintf(mood, sizeof mood, "mood=%s", below("mood"));
	ck_assert_int_eq(TRY(MODULES "moody.so", "--check", "--json", mood), 0);
}
END_TEST

/* What the module can ask about the upload. */
START_TEST(the_facts)
{
#define TELLS "tests/abi/.libs/tells.so"
	char user[PP_NAME_LIMIT + 2];
	ck_assert_int_eq(TRY(TELLS, "calls=facts"), 0);
	assert_logged("step tells, user (none), space (none).");
	ck_assert_int_eq(TRY("--user", "einstein", "--space", "s\"1", TELLS, "calls=facts"), 0);
	assert_logged("step tells, user einstein, space s\"1.");
	ck_assert_int_eq(TRY("--earlier", "first=clean", "--earlier", "last=no-macros", TELLS, "calls=earlier"), 0);
	assert_logged("first: 1, verdict clean, result (none).");
	assert_logged("last: 1, verdict no-macros, result (none).");
	assert_logged("second: 0, verdict (none), result (none).");
	static const char *const bad[] = {"first", "=clean", "first=", "first=Not a word"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_int_eq(TRY("--earlier", bad[i], TELLS), 2);
		assert_logged(": expected STEP=WORD, where WORD has 1 to 31 characters a-z, 0-9 and -");
	}
	memset(user, 'u', sizeof user - 1);
	user[sizeof user - 1] = '\0';
	ck_assert_int_eq(TRY("--user", user, TELLS), 2);
	assert_logged("--user: expected 1 to 255 bytes of UTF-8");
	ck_assert_int_eq(TRY("--user", user + 1, TELLS, "calls=facts"), 0);
	ck_assert_int_eq(TRY("--space", "\xff", TELLS), 2);
	assert_logged("--space: expected 1 to 255 bytes of UTF-8");
}
END_TEST

START_TEST(refused)
{
	ck_assert_int_eq(TRY(MODULES "wrong_name.so"), 2);
	assert_logged("wrong_name");
	ck_assert_int_eq(TRY("/nowhere/good.so"), 2);
	assert_logged("/nowhere/good.so: No such file or directory");
	ck_assert_int_eq(TRY("configure"), 2);
	ck_assert_int_eq(TRY(MODULES "good.so", "/nowhere/file"), 2);
	assert_logged("/nowhere/file: No such file or directory");
	ck_assert_int_eq(TRY(MODULES "good.so", "nokey=1"), 2);
	assert_logged("command line: nokey: unknown key");
	ck_assert_int_eq(TRY(MODULES "good.so", "returns=x"), 2);
	assert_logged("command line: returns: ");
	ck_assert_int_eq(TRY(MODULES "good.so", "isolation=thread"), 2);
	assert_logged("isolation: only process is possible here");
	ck_assert_int_eq(TRY(MODULES "wicked.so", "deed=abort", "where=create", "--json"), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "problems")), 1);
	ck_assert_int_eq(TRY(MODULES "good.so", "calls=", "what"), 2);
	ck_assert_int_eq(TRY("-x"), 2);
	ck_assert_int_eq(TRY("-h"), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {each_outcome,        what_people_see, the_bytes,
	                              the_bytes_as_a_file, the_quarantine,  a_bad_run,
	                              the_check,           the_facts,       refused};
	return suite_run_with("try", setup, teardown, tests, sizeof tests / sizeof tests[0], 180);
}
