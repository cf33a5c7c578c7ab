/* SPDX-License-Identifier: Apache-2.0
 * What a module may do wrong, in each of its functions, in a process and on a thread of the service: what comes of it,
 * and that nobody else is harmed. What it does in run() in a process stands in test_pool. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/steps/checker.h"
#include "tests/harness/folder.h"
#include "tests/harness/limits.h"
#include "tests/harness/no_landlock.h"
#include "tests/harness/suite.h"
#include "tests/steps/pool_fixture.h"
#include "tests/steps/worker_fixture.h"

#define WICKED 0
#define OTHER 1

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static struct pool_fixture fixture;

struct misdeed {
	const char *deed;
	const char *end;     /* how the process ends; NULL: it does not */
	const char *refusal; /* what it says of what was refused; NULL: nothing */
	bool plain;          /* a sanitizer changes what happens */
};

static const struct misdeed deadly[] = {
	{"segfault", "crashed: SIGSEGV (Segmentation fault)", NULL, true},
	{"abort", "crashed: SIGABRT (Aborted): wicked: giving up", NULL, false},
	{"stack", "crashed: SIGSEGV", NULL, true},
	{"heap", "crashed: SIGABRT", NULL, true},
	{"exit", "exited with status 0", NULL, false},
	{"_exit", "exited with status 0", NULL, false},
	{"quick_exit", "exited with status 3", NULL, false},
	{"sigkill", "crashed: SIGKILL (Killed)", NULL, false},
};

static const struct misdeed refused[] = {
	{"leak", NULL, "no more memory: done", true},
	{"fork", NULL, "fork: Operation not permitted; setsid: Operation not permitted", false},
	{"children", NULL, "fork: Operation not permitted", false},
	{"kill", NULL,
     "kill group: Operation not permitted; kill all: Operation not permitted; kill parent: Operation not permitted; "
     "trace parent: Operation not permitted",
     false},
	{"network", NULL,
     "internet: Operation not permitted; unix: Operation not permitted; packet: Operation not permitted", false},
	{"files", NULL,
     "shadow: Permission denied; root: Permission denied; parent: Permission denied; write: Permission denied; "
     "chmod: Operation not permitted; passwd: done",
     false},
	{"limits", NULL, "memory: Operation not permitted; core: Operation not permitted; user: Operation not permitted",
     false},
	{"memory", NULL, "shared: Operation not permitted; file: Function not implemented; shm: Permission denied", false},
	{"own", NULL, "stream: done; room: done", false},
	{"calls", NULL, NULL, false},
	{"thread", NULL, NULL, false},
	{"flood", NULL, NULL, false},
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static bool is_skipped(const struct misdeed *misdeed)
{
	return misdeed->plain && SANITIZED;
}

static void open_deed(const struct misdeed *misdeed, const char *where, const char *more)
{
	char keys[128];
	snprintf(keys, sizeof keys, "deed = %s\nwhere = %s\n%s", misdeed->deed, where, more);
	steps_open(&fixture, keys);
}

static void assert_refusal_logged(const struct misdeed *misdeed)
{
	ck_assert_msg(misdeed->refusal == NULL || steps_logged(&fixture, misdeed->refusal) > 0, "%s", misdeed->deed);
	ck_assert_int_eq(steps_logged(&fixture, "(the rest of its standard error is dropped)") > 0,
	                 strcmp(misdeed->deed, "flood") == 0);
}

static bool is_down(const char *end)
{
	struct pool_news *news = steps_await_news(&fixture);
	char expected[256];
	snprintf(expected, sizeof expected, "the module %s", end);
	bool down = !news->works && news->step == WICKED && strncmp(news->why, expected, strlen(expected)) == 0;
	if (!down)
		fprintf(stderr, "step %zu: %s, not %s\n", news->step, news->why, expected);
	free(news);
	return down;
}

/* ---- create() ---- */

START_TEST(in_create)
{
	for (size_t i = 0; i < COUNT(deadly); i++) {
		if (is_skipped(&deadly[i]))
			continue;
		open_deed(&deadly[i], "create", "");
		ck_assert_msg(is_down(deadly[i].end), "%s", deadly[i].deed);
		ck_assert_uint_gt(steps_logged(&fixture, "step wicked: its module cannot be started: the module "), 0);
		steps_run_ten(&fixture, OTHER);
		steps_close(&fixture);
	}
	for (size_t i = 0; i < COUNT(refused); i++) {
		if (is_skipped(&refused[i]))
			continue;
		open_deed(&refused[i], "create", "");
		steps_run_ten(&fixture, WICKED);
		steps_run_ten(&fixture, OTHER);
		assert_refusal_logged(&refused[i]);
		steps_close(&fixture);
	}
}
END_TEST

/* What ends the connection is told by the connection's end, or by that of the process. */
START_TEST(in_create_to_the_connection)
{
	static const char *const keys[] = {"deed = close\nwhere = create", "deed = answer\nwhere = create"};
	for (size_t i = 0; i < COUNT(keys); i++) {
		steps_open(&fixture, keys[i]);
		struct pool_news *news = steps_await_news(&fixture);
		ck_assert(!news->works);
		ck_assert_msg(strstr(news->why, "exited with status 1") != NULL ||
		                  strstr(news->why, "closed its connection") != NULL ||
		                  strstr(news->why, "answered a run that it does not have and was killed") != NULL,
		              "%s", news->why);
		free(news);
		steps_run_ten(&fixture, OTHER);
		steps_close(&fixture);
	}
}
END_TEST

/* Two processes one after the other take ten seconds each: for the check of the configuration, and for uploads. */
START_TEST(create_that_does_not_end)
{
	static const char *const keys[] = {"deed = sleep\nwhere = create", "deed = loop\nwhere = create"};
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (fork() != 0)
			continue;
		steps_open(&fixture, keys[i]);
		steps_run_ten(&fixture, OTHER);
		bool good = is_down("did not finish create() in time and was killed");
		steps_close(&fixture);
		_exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	for (size_t i = 0; i < COUNT(keys); i++) {
		int status;
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

/* The pause doubles with each start: 0.1, 0.2, 0.4, 0.8 s. */
START_TEST(it_never_spins)
{
	steps_open(&fixture, "deed = abort\nwhere = create");
	poll(NULL, 0, 2000);
	unsigned starts = steps_logged(&fixture, "step wicked: its module cannot be started");
	ck_assert_msg(starts >= 3 && starts <= 5, "%u", starts);
	steps_close(&fixture);
}
END_TEST

/* ---- constructors ---- */

static char folder[FOLDER_PATH_SIZE];

/* A copy of the module that is named after what it does when it is loaded. */
static void copy_module(const char *name)
{
	static char bytes[4 << 20];
	char file[FOLDER_PATH_SIZE + 80];
	FILE *module = fopen(FIXTURES "/wicked.so", "re");
	ck_assert_ptr_nonnull(module);
	size_t length = fread(bytes, 1, sizeof bytes, module);
	fclose(module);
	ck_assert_uint_lt(length, sizeof bytes);
	snprintf(file, sizeof file, "%s.so", name);
	ck_assert(folder_write(folder, file, bytes, length));
	snprintf(file, sizeof file, "%s/%s.so", folder, name);
	ck_assert_int_eq(chmod(file, 0644), 0);
}

static void make_folder(void)
{
	ck_assert(folder_create(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
}

/* Why a module cannot be used; NULL: it can. */
static const char *describe(const char *name)
{
	static char why[1024];
	char *folders[] = {folder, NULL};
	struct modules *modules = modules_create(folders, worker_fixture());
	copy_module(name);
	bool good = modules_find(modules, name, why, sizeof why) != NULL;
	modules_destroy(modules);
	return good ? NULL : why;
}

/* When a module is described, it has no rights at all. */
START_TEST(in_a_constructor)
{
	make_folder();
	for (size_t i = 0; i < COUNT(deadly); i++) {
		char expected[FOLDER_PATH_SIZE + 128];
		if (is_skipped(&deadly[i]))
			continue;
		const char *why = describe(deadly[i].deed);
		snprintf(expected, sizeof expected, "%s/%s.so: loading it %s", folder, deadly[i].deed, deadly[i].end);
		ck_assert_msg(why != NULL && strncmp(why, expected, strlen(expected)) == 0, "%s: %s", expected, why);
	}
	for (size_t i = 0; i < COUNT(refused); i++) {
		char expected[160];
		if (is_skipped(&refused[i]))
			continue;
		const char *why = describe(refused[i].deed);
		if (refused[i].refusal == NULL) {
			ck_assert_msg(why == NULL, "%s", why);
			continue;
		}
		/* The reason has the beginning of a long line. */
		snprintf(expected, sizeof expected, "SIGABRT (Aborted): %.100s", refused[i].refusal);
		ck_assert_msg(why != NULL && strstr(why, expected) != NULL, "%s: %s", expected, why);
	}
	folder_remove(folder);
}
END_TEST

/* A module that is well when it is described, and not when it is loaded for uploads. */
START_TEST(in_a_late_constructor)
{
	char name[64], keys[80];
	make_folder();
	for (size_t i = 0; i < COUNT(deadly); i++) {
		if (is_skipped(&deadly[i]))
			continue;
		snprintf(name, sizeof name, "late-%s", deadly[i].deed);
		snprintf(keys, sizeof keys, "module = %s", name);
		copy_module(name);
		steps_open_from(&fixture, folder, keys);
		ck_assert_msg(is_down(deadly[i].end), "%s", name);
		steps_run_ten(&fixture, OTHER);
		steps_close(&fixture);
	}
	folder_remove(folder);
}
END_TEST

/* ---- check() ---- */

static struct check_answer ask(struct checker *checker, struct mailbox *mailbox)
{
	checker_ask(checker, WICKED);
	struct mail *mail = mailbox_receive(mailbox, TEST_LIMIT);
	ck_assert_ptr_nonnull(mail);
	struct check_answer answer = *(const struct check_answer *)(const void *)mail;
	free(mail);
	return answer;
}

/* Asks twice: after a process that has died, there is another. */
static void assert_check(const struct misdeed *misdeed, const char *more)
{
	struct mailbox mailbox;
	open_deed(misdeed, "check", more);
	mailbox_init(&mailbox);
	struct checker *checker = checker_create(fixture.steps, &mailbox, &fixture.log);
	ck_assert_ptr_nonnull(checker);
	for (unsigned i = 0; i < 2; i++) {
		struct check_answer answer = ask(checker, &mailbox);
		ck_assert_msg(answer.passed == (misdeed->end == NULL), "%s: %s", misdeed->deed, answer.why);
		ck_assert_msg(misdeed->end == NULL || strstr(answer.why, misdeed->end) != NULL, "%s: %s", misdeed->deed,
		              answer.why);
		steps_run_ten(&fixture, WICKED);
		steps_run_ten(&fixture, OTHER);
	}
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}

START_TEST(in_check)
{
	static const struct misdeed more[] = {
		{"overrun", "check() crashed: SIG", NULL, true},
		{"close", "check() ", NULL, false},
		{"answer", "check() broke its connection", NULL, false},
	};
	for (size_t i = 0; i < COUNT(deadly); i++) {
		if (is_skipped(&deadly[i]))
			continue;
		assert_check(&deadly[i], "");
		steps_close(&fixture);
	}
	for (size_t i = 0; i < COUNT(more); i++) {
		if (is_skipped(&more[i]))
			continue;
		assert_check(&more[i], "");
		steps_close(&fixture);
	}
	for (size_t i = 0; i < COUNT(refused); i++) {
		if (is_skipped(&refused[i]))
			continue;
		assert_check(&refused[i], "");
		assert_refusal_logged(&refused[i]);
		steps_close(&fixture);
	}
}
END_TEST

START_TEST(check_that_does_not_end)
{
	const struct misdeed sleeps = {"sleep", "check() did not finish within 10s", NULL, false};
	struct mailbox mailbox;
	open_deed(&sleeps, "check", "");
	mailbox_init(&mailbox);
	struct checker *checker = checker_create(fixture.steps, &mailbox, &fixture.log);
	ck_assert_ptr_nonnull(checker);
	checker_ask(checker, WICKED);
	for (unsigned i = 0; i < 3; i++) {
		steps_run_ten(&fixture, WICKED);
		steps_run_ten(&fixture, OTHER);
	}
	struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
	ck_assert_ptr_nonnull(mail);
	const struct check_answer *answer = (const struct check_answer *)(const void *)mail;
	ck_assert(!answer->passed);
	ck_assert_msg(strstr(answer->why, sleeps.end) != NULL, "%s", answer->why);
	free(mail);
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	mailbox_destroy(&mailbox);
	steps_close(&fixture);
}
END_TEST

/* ---- destroy() ---- */

/* Each run has a process of its own, which is destroyed while the others run. */
START_TEST(in_destroy)
{
	static const struct misdeed more[] = {{"sleep", NULL, NULL, false},
	                                      {"loop", NULL, NULL, false},
	                                      {"close", NULL, NULL, false},
	                                      {"answer", NULL, NULL, false},
	                                      {"forge", NULL, NULL, false}};
	const struct misdeed *const tables[] = {deadly, refused, more};
	const size_t counts[] = {COUNT(deadly), COUNT(refused), COUNT(more)};
	for (size_t i = 0; i < COUNT(tables); i++)
		for (size_t j = 0; j < counts[i]; j++) {
			const struct misdeed *misdeed = &tables[i][j];
			if (is_skipped(misdeed))
				continue;
			open_deed(misdeed, "destroy", "worker_max_runs = 1\nworkers = 4");
			steps_run_ten(&fixture, WICKED);
			steps_run_ten(&fixture, OTHER);
			nanos start = clock_monotonic();
			steps_close(&fixture);
			ck_assert_msg(clock_monotonic() - start < 5 * SECOND, "%s", misdeed->deed);
		}
}
END_TEST

/* It is said once, however many processes end like that. */
START_TEST(destroy_that_fails_is_said_once)
{
	static const struct {
		const char *keys, *words;
	} cases[] = {
		{"deed = abort", "the module crashed: SIGABRT (Aborted): wicked: giving up while its instance was destroyed"},
		{"deed = sleep", "the module did not finish destroy() in time and was killed"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char keys[128];
		snprintf(keys, sizeof keys, "%s\nwhere = destroy\nworker_max_runs = 1\nworkers = 4", cases[i].keys);
		steps_open(&fixture, keys);
		steps_run_ten(&fixture, WICKED);
		for (unsigned waits = 0; waits < 300 && steps_logged(&fixture, cases[i].words) == 0; waits++)
			poll(NULL, 0, 20);
		steps_run_ten(&fixture, WICKED);
		ck_assert_uint_eq(steps_logged(&fixture, cases[i].words), 1);
		steps_close(&fixture);
	}
}
END_TEST

/* ---- threads of the service ---- */

#define THREAD "isolation = thread"

/* What a module may do to the service without ending it, or taking what it needs. */
static const struct misdeed survivable[] = {
	{"network", NULL, NULL, false}, {"limits", NULL, NULL, false}, {"memory", NULL, NULL, false},
	{"leak", NULL, NULL, true},     {"thread", NULL, NULL, false}, {"flood", NULL, NULL, false},
	{"fork", NULL, NULL, false},
};

static void silence(void)
{
	int nowhere = open("/dev/null", O_WRONLY);
	ck_assert_int_ge(dup2(nowhere, STDOUT_FILENO), 0);
	ck_assert_int_ge(dup2(nowhere, STDERR_FILENO), 0);
	close(nowhere);
}

static void close_thread(const struct misdeed *misdeed)
{
	fixture.forks = strcmp(misdeed->deed, "fork") == 0;
	steps_close(&fixture);
}

START_TEST(on_a_thread)
{
	silence();
	for (size_t i = 0; i < COUNT(survivable); i++) {
		const struct misdeed *misdeed = &survivable[i];
		if (is_skipped(misdeed))
			continue;
		open_deed(misdeed, "run", THREAD);
		struct run *bad = steps_run_among_others(&fixture);
		ck_assert(bad->outcome == OUTCOME_ABORT || bad->outcome == OUTCOME_CONTINUE);
		run_free(bad);
		close_thread(misdeed);
		static const char *const places[] = {"create", "destroy"};
		for (size_t j = 0; j < COUNT(places); j++) {
			open_deed(misdeed, places[j], THREAD);
			steps_run_ten(&fixture, WICKED);
			steps_run_ten(&fixture, OTHER);
			close_thread(misdeed);
		}
		assert_check(misdeed, THREAD);
		close_thread(misdeed);
	}
}
END_TEST

START_TEST(on_a_thread_when_it_is_loaded)
{
	static const char *const deeds[] = {"thread", "flood"};
	make_folder();
	for (size_t i = 0; i < COUNT(deeds); i++) {
		char keys[80];
		snprintf(keys, sizeof keys, "module = %s\n" THREAD, deeds[i]);
		copy_module(deeds[i]);
		steps_open_from(&fixture, folder, keys);
		steps_run_ten(&fixture, WICKED);
		steps_run_ten(&fixture, OTHER);
		steps_close(&fixture);
	}
	folder_remove(folder);
}
END_TEST

/* Its worker is replaced, and cannot be ended: the service has to exit. */
static void assert_stuck(const char *keys)
{
	steps_open(&fixture, keys);
	struct run *bad = steps_submit(&fixture, WICKED, "bad");
	steps_run_ten(&fixture, OTHER);
	workers_cancel(fixture.workers, bad);
	workers_replace(fixture.workers, bad);
	steps_run_ten(&fixture, WICKED);
	steps_run_ten(&fixture, OTHER);
	ck_assert(!workers_destroy(fixture.workers, 100 * MILLISECOND));
}

START_TEST(on_a_thread_that_loops)
{
	assert_stuck("deed = loop\nworkers = 1\n" THREAD);
}
END_TEST

START_TEST(on_a_thread_that_sleeps)
{
	assert_stuck("deed = sleep\nworkers = 1\n" THREAD);
}
END_TEST

/* More than fits into its answer is cut or refused. */
START_TEST(an_answer_that_is_too_large)
{
	static const char *const isolations[] = {"", THREAD};
	for (size_t i = 0; i < COUNT(isolations); i++) {
		open_deed(&(const struct misdeed){"overrun", NULL, NULL, false}, "run", isolations[i]);
		struct run *bad = steps_run_among_others(&fixture);
		ck_assert_int_eq(bad->outcome, OUTCOME_ABORT);
		ck_assert_ptr_null(bad->result);
		size_t length = strlen(bad->reason);
		ck_assert_msg(length > 100 && length <= PP_REASON_LIMIT && strspn(bad->reason, "x") > 100, "%s", bad->reason);
		run_free(bad);
		steps_close(&fixture);
	}
}
END_TEST

/* ---- without Landlock ---- */

/* What files of the system can be read depends on the user alone. Nothing can be opened for writing. */
START_TEST(without_landlock)
{
	static const struct misdeed table[] = {
		{"files", NULL,
	     "shadow: Permission denied; root: Permission denied; parent: Permission denied; write: Operation not "
	     "permitted; chmod: Operation not permitted; passwd: done",
	     false},
		{"memory", NULL,
	     "shared: Operation not permitted; file: Function not implemented; shm: Operation not permitted; "
	     "cut: Operation not permitted",
	     false},
		{"fork", NULL, "fork: Operation not permitted; setsid: Operation not permitted", false},
		{"kill", NULL,
	     "kill group: Operation not permitted; kill all: Operation not permitted; kill parent: Operation not "
	     "permitted; trace parent: Operation not permitted",
	     false},
		{"network", NULL,
	     "internet: Operation not permitted; unix: Operation not permitted; packet: Operation not permitted", false},
		{"limits", NULL,
	     "memory: Operation not permitted; core: Operation not permitted; user: Operation not permitted", false},
		{"own", NULL, "stream: done; room: done", false},
		{"calls", NULL, NULL, false},
	};
	ck_assert(landlock_remove());
	/* As the service is: otherwise processes of the same user can read what is said of it in /proc. */
	prctl(PR_SET_DUMPABLE, 0);
	steps_refuse(&fixture, "deed = nothing\nallow = files",
	             "temporary files (allow = files) need Landlock, which is not available");
	for (size_t i = 0; i < COUNT(table); i++) {
		open_deed(&table[i], "run", "");
		ck_assert_str_eq(fixture.steps->step[WICKED].missing, "Landlock");
		struct run *bad = steps_run_among_others(&fixture);
		if (table[i].refusal == NULL)
			ck_assert_msg(bad->outcome == OUTCOME_CONTINUE, "%s", bad->reason);
		else
			ck_assert_msg(strstr(bad->reason, table[i].refusal) != NULL, "%s: %s", table[i].deed, bad->reason);
		run_free(bad);
		steps_close(&fixture);
	}
	for (size_t i = 0; i < COUNT(deadly); i++) {
		if (is_skipped(&deadly[i]))
			continue;
		open_deed(&deadly[i], "run", "");
		struct run *bad = steps_run_among_others(&fixture);
		ck_assert(bad->crashed);
		ck_assert_msg(strstr(bad->reason, deadly[i].end) != NULL, "%s", bad->reason);
		run_free(bad);
		steps_close(&fixture);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {create_that_does_not_end,
	                              check_that_does_not_end,
	                              in_create,
	                              in_create_to_the_connection,
	                              it_never_spins,
	                              in_a_constructor,
	                              in_a_late_constructor,
	                              in_check,
	                              in_destroy,
	                              destroy_that_fails_is_said_once,
	                              on_a_thread,
	                              on_a_thread_when_it_is_loaded,
	                              on_a_thread_that_loops,
	                              on_a_thread_that_sleeps,
	                              an_answer_that_is_too_large,
	                              without_landlock};
	signal(SIGPIPE, SIG_IGN);
	return suite_run_abreast("misdeeds", tests, COUNT(tests), 120, 4);
}
