/* SPDX-License-Identifier: Apache-2.0
 * The module exec with real commands, outside of the sandbox. */
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/harness/limits.h"
#include "tests/plugins/stub_host.h"

static struct pp_run run;

/* Runs a line of the shell on these bytes. */
static uint32_t shell(const char *line, const void *bytes, size_t length, const char *more)
{
	char command[1024];
	int cancel = run.cancel_fd;
	/* As in a worker process. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(command, sizeof command, "command=%s", line);
	void *exec = stub_create(command, "shell=1", more);
	stub_run_init(&run, bytes, length);
	run.cancel_fd = cancel;
	uint32_t outcome = pp_step_module.run(exec, &run);
	pp_step_module.destroy(exec);
	return outcome;
}

static const char *rejected(const char *value, const char *value2)
{
	static struct pp_setup setup;
	void *instance = NULL;
	setup = (struct pp_setup){.keys = pp_step_module.keys, .value = {value, value2}};
	ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
	return setup.rejected;
}

START_TEST(status_is_the_outcome)
{
	run.cancel_fd = -1;
	ck_assert_uint_eq(shell("exit 0", "", 0, NULL), PP_CONTINUE);
	ck_assert_str_eq(run.reason, "");
	ck_assert_uint_eq(shell("echo because >&2; exit 1", "", 0, NULL), PP_ABORT);
	ck_assert_str_eq(run.reason, "exit status 1: because");
	ck_assert_str_eq(run.logged, "standard error: because");
	ck_assert_uint_eq(shell("exit 2", "", 0, NULL), PP_RETRY);
	ck_assert_uint_eq(shell("exit 11", "", 0, "delete=3 10-12"), PP_DELETE);
	ck_assert_uint_eq(shell("exit 13", "", 0, "delete=3 10-12"), PP_RETRY);
	ck_assert_uint_eq(shell("kill -9 $$", "", 0, "retry=137"), PP_RETRY);
	ck_assert_str_eq(run.reason, "the command was killed: SIGKILL");
}
END_TEST

/* A program that writes to standard error with each good file must not fill the log with warnings. */
START_TEST(outcome_decides_the_level_of_standard_error)
{
	static const struct {
		const char *line;
		int level;
	} ends[] = {{"exit 0", PP_LOG_INFO},
	            {"exit 1", PP_LOG_INFO},
	            {"exit 3", PP_LOG_INFO},
	            {"exit 2", PP_LOG_WARNING},
	            {"kill -9 $$", PP_LOG_WARNING}};
	char line[64];
	run.cancel_fd = -1;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(line, sizeof line, "echo one >&2; echo two >&2; %s", ends[i].line);
		shell(line, "", 0, "delete=3");
		ck_assert_str_eq(run.first_logged, "standard error: one");
		ck_assert_str_eq(run.logged, "standard error: two");
		ck_assert_int_eq(run.level, ends[i].level);
	}
	shell("yes | head -n 300 >&2", "", 0, NULL);
	ck_assert_str_eq(run.logged, "(the rest of its standard error is dropped)");
	ck_assert_int_eq(run.level, PP_LOG_INFO);
}
END_TEST

START_TEST(last_line_is_the_result)
{
	run.cancel_fd = -1;
	shell("echo text; echo '{\"a\":1}'; echo", "", 0, NULL);
	ck_assert_str_eq(run.result, "{\"a\":1}");
	shell("echo '{\"a\":1}'; echo text", "", 0, NULL);
	ck_assert_str_eq(run.result, "");
	shell("printf '{\"a\":1}'; exit 2", "", 0, NULL);
	ck_assert_str_eq(run.result, "");
}
END_TEST

/* More than all pipes hold, in each direction at the same time. */
START_TEST(pipes_never_wait_for_each_other)
{
	static char bytes[4 << 20];
	char line[128];
	run.cancel_fd = -1;
	memset(bytes, 'x', sizeof bytes);
	snprintf(line, sizeof line, "head -c 1000000 /dev/zero >&2; tee /dev/stderr | wc -c | sed 's/.*/{\"n\":&}/'");
	ck_assert_uint_eq(shell(line, bytes, sizeof bytes, NULL), PP_CONTINUE);
	ck_assert_str_eq(run.result, "{\"n\":4194304}");
	ck_assert(run.ended);
	/* A command that reads nothing, and one that reads a part. */
	ck_assert_uint_eq(shell("exit 0", bytes, sizeof bytes, NULL), PP_CONTINUE);
	ck_assert_uint_eq(shell("head -c 10 >/dev/null; exec <&-; sleep 0.1", bytes, sizeof bytes, NULL), PP_CONTINUE);
}
END_TEST

START_TEST(file_is_private_and_cannot_be_written)
{
	run.cancel_fd = -1;
	ck_assert_uint_eq(shell("cat $POSTPROCESSING_FILE; cat /dev/fd/3 | grep -q good", "{\"good\":1}", 10, "input=file"),
	                  PP_CONTINUE);
	ck_assert_str_eq(run.result, "{\"good\":1}");
	ck_assert_uint_ne(shell("echo x >>/dev/fd/3", "abc", 3, "input=file"), PP_CONTINUE);
	void *exec = stub_create("command=/bin/grep -q \"a \\\"b\" {file}", "input=file", NULL);
	stub_run_init(&run, "a \"b", 4);
	ck_assert_uint_eq(pp_step_module.run(exec, &run), PP_CONTINUE);
	pp_step_module.destroy(exec);
}
END_TEST

START_TEST(environment_has_the_facts_and_nothing_else)
{
	run.cancel_fd = -1;
	setenv("SECRET", "s3cret", 1);
	ck_assert_uint_eq(
		shell("test \"$POSTPROCESSING_ID $POSTPROCESSING_FILENAME $POSTPROCESSING_FILESIZE $POSTPROCESSING_"
	          "STEP $POSTPROCESSING_ATTEMPT $POSTPROCESSING_USER_ID${POSTPROCESSING_SPACE_ID-, none}$SECRET\" = "
	          "'stub stub 3 stub 1 me, none'",
	          "abc", 3, NULL),
		PP_CONTINUE);
	ck_assert_uint_eq(shell("echo \"$POSTPROCESSING_RESOURCE_ID\"", "", 0, NULL), PP_CONTINUE);
	ck_assert_str_eq(run.result, "{\"opaque_id\":\"o\"}");
	ck_assert_uint_eq(shell("ls /proc/self/fd | grep -q '^[4-9]' && exit 1; exit 0", "", 0, NULL), PP_CONTINUE);
}
END_TEST

/* A part of the upload is never taken for all of it. */
START_TEST(broken_download_is_no_verdict)
{
	void *exec = stub_create("command=cat >/dev/null; exit 0", "shell=1", NULL);
	stub_run_init(&run, "abcdef", 6);
	run.piece = 2;
	run.breaks_at = 4;
	ck_assert_uint_eq(pp_step_module.run(exec, &run), PP_RETRY);
	ck_assert_str_eq(run.reason, "the stub's download broke");
	pp_step_module.destroy(exec);
	exec = stub_create("command=/bin/true", "input=file", NULL);
	stub_run_init(&run, "abcdef", 6);
	run.breaks_at = 0;
	ck_assert_uint_eq(pp_step_module.run(exec, &run), PP_RETRY);
	pp_step_module.destroy(exec);
}
END_TEST

static bool is_gone(void *closure)
{
	return kill(*(const int *)closure, 0) != 0;
}

/* The number that the command wrote; the process with it must be gone. */
static void check_gone(void)
{
	int pid = 0;
	ck_assert_int_eq(sscanf(run.result, "{\"pid\":%d}", &pid), 1);
	ck_assert(wait_until(is_gone, &pid, TEST_LIMIT));
}

START_TEST(whole_group_is_ended)
{
	run.cancel_fd = -1;
	nanos begin = clock_monotonic();
	ck_assert_uint_eq(shell("sleep 100 & sleep 100", "", 0, "timeout=200ms"), PP_RETRY);
	ck_assert_str_eq(run.reason, "the command did not end within the step's timeout or deadline");
	ck_assert_int_lt(clock_monotonic() - begin, 900 * MILLISECOND);
	/* SIGTERM is not enough. */
	ck_assert_uint_eq(shell("trap '' TERM; while :; do sleep 1; done", "", 0, "timeout=200ms"), PP_RETRY);
	ck_assert_int_lt(clock_monotonic() - begin, 4 * SECOND);
	/* One that is left behind, with and without the command's output. */
	ck_assert_uint_eq(shell("sleep 100 & echo \"{\\\"pid\\\":$!}\"", "", 0, NULL), PP_CONTINUE);
	check_gone();
	ck_assert_uint_eq(shell("sleep 100 >/dev/null 2>&1 & echo \"{\\\"pid\\\":$!}\"", "", 0, NULL), PP_CONTINUE);
	check_gone();
}
END_TEST

START_TEST(cancellation_ends_it)
{
	run.cancel_fd = eventfd(1, EFD_CLOEXEC);
	nanos begin = clock_monotonic();
	ck_assert_uint_eq(shell("sleep 100", "", 0, NULL), PP_RETRY);
	ck_assert_str_eq(run.reason, "the command was cancelled");
	ck_assert_int_lt(clock_monotonic() - begin, SECOND);
	close(run.cancel_fd);
	run.cancel_fd = -1;
}
END_TEST

START_TEST(configuration_is_checked)
{
	ck_assert_str_eq(rejected("command=grep x", NULL),
	                 "command: expected the absolute path of a program, or shell = true");
	ck_assert_str_eq(rejected("command=/bin/grep \"x", NULL), "command: a double quote is not closed");
	ck_assert_str_eq(rejected("command= ", NULL), "command: it has no words");
	ck_assert_str_eq(rejected("command=/bin/cat {file}", NULL), "command: {file} needs input = file");
	ck_assert_str_eq(rejected("command=/bin/cat", "delete=1"), "delete: an exit status is in two lists");
	ck_assert_str_eq(rejected("command=/bin/cat", "delete=256"),
	                 "delete: expected exit statuses from 0 to 255, such as: 1 3 10-12; or none");
}
END_TEST

START_TEST(missing_program)
{
	char why[256] = "";
	void *exec = stub_create("command=/nonexistent/program", NULL, NULL);
	stub_run_init(&run, "", 0);
	ck_assert_uint_eq(pp_step_module.run(exec, &run), PP_RETRY);
	ck_assert_str_eq(run.reason, "/nonexistent/program: cannot be started: No such file or directory");
	ck_assert_int_ne(pp_step_module.check(exec, why, sizeof why), 0);
	ck_assert_str_eq(why, "/nonexistent/program: No such file or directory");
	pp_step_module.destroy(exec);
}
END_TEST

/* As a worker process does without allow = exec. */
static void forbid_programs(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(2);
}

/* The check says so, and no upload spends its retries on it. */
START_TEST(programs_are_forbidden)
{
	static const char expected[] = "/bin/true: cannot be started: Operation not permitted; does the sandbox allow it "
								   "(allow = exec, readable)?";
	char why[256] = "";
	int status = 0;
	void *exec = stub_create("command=/bin/true", NULL, NULL);
	ck_assert_int_eq(pp_step_module.check(exec, why, sizeof why), 0);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		forbid_programs();
		_exit(pp_step_module.check(exec, why, sizeof why) == 0 || strcmp(why, expected) != 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	pp_step_module.destroy(exec);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("exec");
	TCase *tests = tcase_create("exec");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, status_is_the_outcome);
	tcase_add_test(tests, outcome_decides_the_level_of_standard_error);
	tcase_add_test(tests, last_line_is_the_result);
	tcase_add_test(tests, pipes_never_wait_for_each_other);
	tcase_add_test(tests, file_is_private_and_cannot_be_written);
	tcase_add_test(tests, environment_has_the_facts_and_nothing_else);
	tcase_add_test(tests, broken_download_is_no_verdict);
	tcase_add_test(tests, whole_group_is_ended);
	tcase_add_test(tests, cancellation_ends_it);
	tcase_add_test(tests, configuration_is_checked);
	tcase_add_test(tests, missing_program);
	tcase_add_test(tests, programs_are_forbidden);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
