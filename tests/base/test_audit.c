/* SPDX-License-Identifier: Apache-2.0
 * The audit log: whole lines, each once, whoever writes at the same time. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/audit.h"
#include "core/base/json.h"
#include "tests/harness/folder.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

static char folder[FOLDER_PATH_SIZE], path[FOLDER_PATH_SIZE + 16], log_path[FOLDER_PATH_SIZE + 16];
static char text[1 << 20];
static struct log log_file;
static struct metrics *metrics;
static struct counter *failed;
static struct readiness *readiness;
static struct fact *fact;

static void setup(void)
{
	ck_assert(folder_create(folder));
	snprintf(path, sizeof path, "%s/audit.log", folder);
	snprintf(log_path, sizeof log_path, "%s/log", folder);
	log_file = (struct log){.fd = open(log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600), .level = LOG_INFO};
	metrics = metrics_create();
	failed = metrics_counter(metrics, "failed", "", NULL);
	readiness = readiness_create(metrics);
	fact = readiness_add(readiness, "audit log", "");
}

static void teardown(void)
{
	readiness_destroy(readiness);
	metrics_destroy(metrics);
	close(log_file.fd);
	folder_remove(folder);
}

static struct audit_act act_of(const char *upload)
{
	return (struct audit_act){.time = INT64_C(1790000000) * SECOND, .act = "held", .upload = upload, .step = "scan"};
}

/* The number of lines, each of which is one JSON object. */
static size_t count_lines(const char *name)
{
	char why[64];
	size_t count = 0;
	if (!folder_read(folder, name, text, sizeof text))
		return 0;
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, count++) {
		*end = '\0';
		ck_assert_msg(json_read(line, strlen(line), NULL, 0, why, sizeof why), "%s: %s", line, why);
	}
	return count;
}

START_TEST(a_line)
{
	struct audit_act act = act_of("u\n1");
	char host[256] = "", expected[1024];
	act.user = "ada \"\\";
	act.reason = "";
	act.outcome = "abort";
	act.event = 7;
	gethostname(host, sizeof host - 1);
	char *line = audit_line(&act);
	snprintf(
		expected, sizeof expected,
		"{\"time\":\"2026-09-21T14:13:20Z\",\"act\":\"held\",\"upload\":\"u\\u000a1\",\"step\":\"scan\",\"user\":\"ada "
		"\\\"\\\\\",\"outcome\":\"abort\",\"reason\":null,\"event\":7,\"instance\":null,\"host\":\"%s\"}\n",
		host);
	ck_assert_str_eq(line, expected);
	free(line);
}
END_TEST

enum { WRITERS = 4, LINES = 100 };

static void *note_many(void *closure)
{
	const struct audit_act act = act_of("u1");
	for (int i = 0; i < LINES; i++)
		audit_note(closure, &act);
	return NULL;
}

/* Several processes with several threads write, and the file is renamed meanwhile. */
START_TEST(many_writers)
{
	char old[FOLDER_PATH_SIZE + 32];
	pid_t child[WRITERS];
	int status;
	fflush(NULL);
	for (int i = 0; i < WRITERS; i++) {
		if ((child[i] = fork()) != 0)
			continue;
		pthread_t thread[WRITERS];
		struct audit *audit = audit_create(path, &log_file, failed, NULL);
		for (int j = 0; j < WRITERS; j++)
			pthread_create(&thread[j], NULL, note_many, audit);
		for (int j = 0; j < WRITERS; j++)
			pthread_join(thread[j], NULL);
		audit_destroy(audit);
		_exit(counter_value(failed) != 0);
	}
	/* In the middle of their work. */
	struct stat status_of;
	for (int waited = 0; stat(path, &status_of) != 0 || status_of.st_size < 2000; waited++) {
		ck_assert_int_lt(waited, 20000);
		poll(NULL, 0, 1);
	}
	snprintf(old, sizeof old, "%s.1", path);
	ck_assert(rename(path, old) == 0);
	for (int i = 0; i < WRITERS; i++)
		ck_assert(waitpid(child[i], &status, 0) == child[i] && status == 0);
	size_t before = count_lines("audit.log.1"), after = count_lines("audit.log");
	ck_assert_uint_eq(before + after, WRITERS * WRITERS * LINES);
	ck_assert_uint_ge(before, 1);
}
END_TEST

/* A line that cannot be written is logged and counted; the next one is tried again. */
START_TEST(not_writable)
{
	struct audit_act act = act_of("lost");
	char beyond[FOLDER_PATH_SIZE + 32];
	snprintf(beyond, sizeof beyond, "%s/missing/audit.log", folder);
	struct audit *audit = audit_create(beyond, &log_file, failed, fact);
	audit_note(audit, &act);
	audit_destroy(audit);
	ck_assert_uint_eq(counter_value(failed), 1);
	ck_assert(folder_read(folder, "log", text, sizeof text));
	ck_assert_ptr_nonnull(strstr(text, "audit log: cannot write: "));
	ck_assert_ptr_nonnull(strstr(text, "No such file or directory; the line is: {"));
	ck_assert_ptr_nonnull(strstr(text, "\"upload\":\"lost\""));
}
END_TEST

/* A link, or anything but a file, is not written to. */
START_TEST(no_file)
{
	char error[AUDIT_ERROR_SIZE], target[FOLDER_PATH_SIZE + 16];
	snprintf(target, sizeof target, "%s/target", folder);
	ck_assert(symlink(target, path) == 0);
	ck_assert(!audit_append(path, "x\n", error));
	ck_assert(access(target, F_OK) != 0);
	ck_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0);
	ck_assert(!audit_append(path, "x\n", error));
	ck_assert(!audit_append("/dev/full", "x\n", error));
	ck_assert_str_eq(error, "/dev/full: not a regular file");
}
END_TEST

/* A full disk cuts a line. The next one is whole, and so is the one that was there before. */
START_TEST(after_a_cut)
{
	char error[AUDIT_ERROR_SIZE];
	struct rlimit limit, before;
	ck_assert_msg(audit_append(path, "{\"n\":1}\n", error), "%s", error);
	ck_assert(getrlimit(RLIMIT_FSIZE, &before) == 0);
	limit = before;
	limit.rlim_cur = 12;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	ck_assert(!audit_append(path, "{\"n\":2}\n", error));
	ck_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
	ck_assert_ptr_nonnull(strstr(error, "the line was cut"));
	ck_assert_msg(audit_append(path, "{\"n\":3}\n", error), "%s", error);
	ck_assert_msg(audit_append(path, "{\"n\":4}\n", error), "%s", error);
	ck_assert(folder_read(folder, "audit.log", text, sizeof text));
	ck_assert_str_eq(text, "{\"n\":1}\n{\"n\"\n{\"n\":3}\n{\"n\":4}\n");
}
END_TEST

/* What root creates in another user's folder belongs to that user. */
START_TEST(created_by_root)
{
	char error[AUDIT_ERROR_SIZE];
	struct stat info;
	if (geteuid() == 0)
		ck_assert(chown(folder, 65534, 65534) == 0);
	ck_assert_msg(audit_append(path, "{}\n", error), "%s", error);
	ck_assert(stat(path, &info) == 0);
	ck_assert_uint_eq(info.st_mode & 07777, 0600);
	ck_assert_uint_eq(info.st_uid, geteuid() == 0 ? 65534 : geteuid());
}
END_TEST

/* An event that came before, after a crash or not. */
START_TEST(again)
{
	struct audit_act act = act_of("u1");
	struct audit *audit = audit_create(path, &log_file, failed, NULL);
	act.event = 12;
	act.again = true;
	audit_note(audit, &act);
	audit_note(audit, &act);
	act.event = 1;
	audit_note(audit, &act);
	act.upload = "u";
	audit_note(audit, &act);
	act.again = false;
	audit_note(audit, &act);
	audit_destroy(audit);
	ck_assert_uint_eq(count_lines("audit.log"), 4);
	/* Anything but a file is not waited for. */
	ck_assert(unlink(path) == 0 && mkfifo(path, 0600) == 0);
	audit = audit_create(path, &log_file, failed, NULL);
	act.again = true;
	audit_note(audit, &act);
	audit_destroy(audit);
	ck_assert_uint_eq(counter_value(failed), 1);
}
END_TEST

START_TEST(another_path)
{
	struct audit_act act = act_of("u1");
	struct audit *audit = audit_create(NULL, &log_file, failed, NULL);
	audit_note(audit, &act);
	audit_set_path(audit, path);
	audit_note(audit, &act);
	/* What was noted before is not lost. */
	audit_set_path(audit, NULL);
	audit_note(audit, &act);
	audit_destroy(audit);
	ck_assert_uint_eq(count_lines("audit.log"), 1);
	ck_assert_uint_eq(counter_value(failed), 0);
}
END_TEST

static bool is_good(void *closure)
{
	(void)closure;
	return readiness_good(readiness);
}

static bool says(void *closure)
{
	char fault[2 * FACT_REASON_SIZE];
	return strstr(readiness_fault(readiness, fault, sizeof fault), closure) != NULL;
}

/* That the file cannot be written is known before there is a line. */
START_TEST(tried_at_the_start)
{
	static char missing[] = "/missing/audit.log: No such file or directory", not_regular[] = "not a regular file";
	char beyond[FOLDER_PATH_SIZE + 32];
	struct stat info;
	snprintf(beyond, sizeof beyond, "%s/missing/audit.log", folder);
	struct audit *audit = audit_create(beyond, &log_file, failed, fact);
	ck_assert(wait_until(says, missing, TEST_LIMIT));
	audit_set_path(audit, folder);
	ck_assert(wait_until(says, not_regular, TEST_LIMIT));
	audit_set_path(audit, path);
	ck_assert(wait_until(is_good, NULL, TEST_LIMIT));
	ck_assert(stat(path, &info) == 0 && info.st_size == 0);
	/* Without an audit log there is no such fact. */
	audit_set_path(audit, folder);
	ck_assert(wait_until(says, not_regular, TEST_LIMIT));
	audit_set_path(audit, NULL);
	ck_assert(wait_until(is_good, NULL, TEST_LIMIT));
	/* The administrator makes the folder: it is found without a reload, and without a line. */
	audit_set_path(audit, beyond);
	ck_assert(wait_until(says, missing, TEST_LIMIT));
	*strrchr(beyond, '/') = '\0';
	ck_assert(mkdir(beyond, 0700) == 0);
	ck_assert(wait_until(is_good, NULL, TEST_LIMIT));
	audit_destroy(audit);
	ck_assert_uint_eq(counter_value(failed), 0);
	ck_assert(folder_read(folder, "log", text, sizeof text));
	ck_assert_ptr_nonnull(
		strstr(text, "/audit.log: No such file or directory; its lines are written to this log instead. Create "));
}
END_TEST

/* On a full disk the file can be opened. Only a line that was written is good news. */
START_TEST(until_a_line_is_written)
{
	static char cannot[] = "audit log: /";
	struct audit_act act = act_of("u1");
	struct rlimit limit, before;
	struct audit *audit = audit_create(path, &log_file, failed, fact);
	ck_assert(wait_until(is_good, NULL, TEST_LIMIT));
	ck_assert(getrlimit(RLIMIT_FSIZE, &before) == 0);
	limit = before;
	limit.rlim_cur = 0;
	signal(SIGXFSZ, SIG_IGN);
	/* The log cannot be written meanwhile, either. */
	ck_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	audit_note(audit, &act);
	bool noticed = wait_until(says, cannot, TEST_LIMIT);
	audit_set_path(audit, path);
	poll(NULL, 0, 200);
	bool kept = !readiness_good(readiness);
	ck_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
	ck_assert(noticed && kept);
	audit_note(audit, &act);
	ck_assert(wait_until(is_good, NULL, TEST_LIMIT));
	audit_destroy(audit);
	ck_assert_uint_eq(counter_value(failed), 1);
	ck_assert_uint_eq(count_lines("audit.log"), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_line,       many_writers,       not_writable,           no_file, after_a_cut, created_by_root, again,
		another_path, tried_at_the_start, until_a_line_is_written};
	return suite_run_with("audit", setup, teardown, tests, sizeof tests / sizeof tests[0], 60);
}
