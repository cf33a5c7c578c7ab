/* SPDX-License-Identifier: Apache-2.0
 * The module with one or two scanners, which are tested before they give verdicts. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "plugins/virusscan/summary.h"
#include "tests/plugins/pair.h"

static char why[1024];

START_TEST(a_scanner_is_tested_first)
{
	pair_start(&one);
	void *instance = pair_create(1, "cache=0", NULL);
	ck_assert_msg(pair_scan(instance, "hello") == PP_CONTINUE, "%s", run.reason);
	ck_assert_uint_eq(pair_streams(&one), 3);
	ck_assert_uint_eq(pair_scan(instance, eicar), PP_DELETE);
	ck_assert_uint_eq(pair_streams(&one), 4);
	assert_holds(run.details, "\"reason\":\"Eicar\",\"scanner\":\"clamd (");
	assert_holds(run.details, "\"version\":\"" PAIR_VERSION "\",\"bytes\":68,\"seconds\":0.");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

START_TEST(one_that_fails_gives_no_verdict)
{
	static const struct {
		bool blind;
		const char *why;
	} table[] = {{true, "it does not find the EICAR test file"}, {false, "it reports a clean text: Bad"}};
	pair_start(&one);
	one.blind = table[_i].blind;
	one.strict = !table[_i].blind;
	void *instance = pair_create(1, "cache=0", NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(pair_scan(instance, eicar), PP_RETRY);
		assert_holds(run.reason, table[_i].why);
	}
	ck_assert(!check(instance, why, sizeof why));
	assert_holds(why, table[_i].why);
	assert_holds(why, one.socket);
	one.blind = one.strict = false;
	ck_assert_msg(check(instance, why, sizeof why), "%s", why);
	ck_assert_uint_eq(pair_scan(instance, eicar), PP_DELETE);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

/* The version is asked for every ten seconds, or here after a failure. */
START_TEST(it_is_tested_again_when_its_signatures_change)
{
	pair_start(&one);
	void *instance = pair_create(1, "cache=0", NULL);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	one.answer = "stream: Can't allocate memory ERROR";
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_RETRY);
	one.answer = NULL;
	one.version = PAIR_NEWER_VERSION;
	one.blind = true;
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_RETRY);
	assert_holds(run.reason, "it does not find the EICAR test file");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

START_TEST(old_signatures_are_said)
{
	pair_start(&one);
	void *instance = pair_create(1, "cache=0", NULL);
	stub_run_init(&run, NULL, 0);
	ck_assert_int_eq(pp_step_module.check_run(instance, &run), 0);
	assert_holds(run.logged, "its signatures are 309 days old (ClamAV 1.4.3/27824/");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

/* Each of the two is first once. */
START_TEST(another_scanner_takes_over)
{
	static const struct {
		enum manner manner;
		const char *answer;
	} table[] = {{MANNER_SILENT, NULL},
	             {MANNER_BREAK, NULL},
	             {MANNER_RAW, "HTTP/1.1 400 Bad Request\r\n\r\n"},
	             {MANNER_ANSWER, "ClamAV 1.4.3"},
	             {MANNER_ANSWER_BREAK, "stream: OK"}};
	pair_start(&two);
	fake_clamd_start(&one, table[_i].manner, table[_i].answer);
	one.after = MEGABYTE;
	void *instance = pair_create(2, "cache=0", "timeout=200ms");
	for (int i = 0; i < 2; i++) {
		stub_run_init(&run, NULL, 5 * MEGABYTE);
		ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
		assert_holds(run.details, two.socket);
		assert_holds(run.details, "\"bytes\":5242880");
		ck_assert_uint_eq(pair_scan(instance, eicar), PP_DELETE);
	}
	ck_assert_msg(check(instance, why, sizeof why), "%s", why);
	assert_holds(why, "1 of 2 scanners fail: ");
	assert_holds(why, one.socket);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
	fake_clamd_stop(&two);
}
END_TEST

START_TEST(none_is_left)
{
	pair_start(&one);
	pair_start(&two);
	void *instance = pair_create(2, "cache=0", NULL);
	fake_clamd_stop(&one);
	fake_clamd_stop(&two);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_RETRY);
	assert_holds(run.reason, "cannot connect");
	ck_assert(!check(instance, why, sizeof why));
	assert_holds(why, "2 of 2 scanners fail: clamd (");
	assert_holds(why, "): No such file or directory");
	assert_holds(why, one.socket);
	assert_holds(why, two.socket);
	pp_step_module.destroy(instance);
}
END_TEST

#define HINT "is clamd running?"
#define LONG_PATH "/var/run/clamav-with-a-long-name-"

/* All scanners that fail are named, if there is room. */
START_TEST(a_line_for_several)
{
	static const struct {
		struct failure failed[4];
		size_t failures;
		const char *text;
	} table[] = {
		{{{"/a", {"", "No such file or directory", HINT}}, {"/b", {"", "Connection refused", HINT}}},
	     2,
	     "2 of 4 scanners fail: clamd (/a): No such file or directory; clamd (/b): Connection refused. Is clamd running?"},
		{{{"/a", {"", "gave no answer within 4 s", NULL}},
	      {"/b", {"", "Connection refused", HINT}},
	      {"/c", {"", "gave no answer within 4 s", NULL}}},
	     3,
	     "3 of 4 scanners fail: clamd (/a, /c): gave no answer within 4 s; clamd (/b): Connection refused. "
	     "Is clamd running?"},
		{{{LONG_PATH "1", {"", "No such file or directory", HINT}},
	      {LONG_PATH "2", {"", "No such file or directory", HINT}}},
	     2,
	     "2 of 4 scanners fail: clamd (" LONG_PATH "1, " LONG_PATH "2): No such file or directory. Is clamd running?"},
		{{{LONG_PATH "1", {"", "Connection refused", HINT}},
	      {LONG_PATH "2", {"", "Connection refused", HINT}},
	      {LONG_PATH "3", {"", "No such file or directory", HINT}},
	      {LONG_PATH "4", {"", "No such file or directory", HINT}}},
	     4,
	     "4 of 4 scanners fail: clamd (" LONG_PATH "1, " LONG_PATH
	     "2): Connection refused; and 2 more. Is clamd running?"},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char text[SUMMARY_SIZE];
		summarize("clamd", table[i].failed, table[i].failures, 4, PP_REASON_LIMIT, text);
		ck_assert_str_eq(text, table[i].text);
		ck_assert_uint_le(strlen(text), PP_REASON_LIMIT);
	}
}
END_TEST

/* A check is cancelled at its deadline, as the service does it: that one hangs is said before. */
START_TEST(one_that_hangs)
{
	static const struct {
		size_t count;
		bool mute; /* it answers, but does not scan */
		const char *why;
	} table[] = {{1, false, ") gave no answer within 1 s"},
	             {2, false, "): gave no answer within 1 s"},
	             {1, true, ") gave no answer to its test within 1 s"},
	             {2, true, "): gave no answer to its test within 1 s"}};
	const struct itimerspec cancel = {.it_value = {.tv_sec = 1, .tv_nsec = 200000000}};
	bool alone = table[_i].count == 1;
	char sockets[300];
	pair_start(&one);
	fake_clamd_start(&two, table[_i].mute ? MANNER_SCANNER : MANNER_SILENT, NULL);
	two.version = PAIR_VERSION;
	two.mute = table[_i].mute;
	snprintf(sockets, sizeof sockets, "clamav_socket=%s%s%s", alone ? "" : one.socket, alone ? "" : ",", two.socket);
	void *instance = stub_create(sockets, NULL, NULL);
	stub_run_init(&run, NULL, 0);
	run.deadline = run.now + SECOND + SECOND / 5;
	run.cancel_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	ck_assert_int_eq(timerfd_settime(run.cancel_fd, 0, &cancel, NULL), 0);
	ck_assert_int_eq(pp_step_module.check_run(instance, &run) == 0, !alone);
	assert_holds(run.reason, two.socket);
	assert_holds(run.reason, table[_i].why);
	close(run.cancel_fd);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
	fake_clamd_stop(&two);
}
END_TEST

START_TEST(it_is_named_once)
{
	pair_start(&one);
	one.mute = true;
	void *instance = pair_create(1, "timeout=100ms", NULL);
	ck_assert(!check(instance, why, sizeof why));
	assert_holds(why, ") failed its test: no verdict on a clean text: it did not answer within");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

START_TEST(one_has_to_agree)
{
	pair_start(&one);
	void *instance = pair_create(1, "agree=all", "cache=0");
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	assert_holds(run.details, "\"scanner\":\"clamd (/");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

/* The name of the user who may not is said. Root may everything. */
START_TEST(without_permission)
{
	char list[FOLDER_PATH_SIZE + 32];
	pair_start(&one);
	pair_write_list("allow_list", "Bad\n", list);
	void *instance = pair_create(1, list, NULL);
	ck_assert_int_eq(chmod(one.socket, 0), 0);
	ck_assert_int_eq(chmod(strchr(list, '/'), 0), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert(!check(instance, why, sizeof why));
	assert_holds(why, "socket: Permission denied (as user ");
	assert_holds(why, "); see LocalSocketMode and LocalSocketGroup in clamd.conf");
	pp_step_module.destroy(instance);
	struct pp_setup setup = {.keys = pp_step_module.keys, .value = {list}};
	ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
	assert_holds(setup.rejected, "list: Permission denied (as user ");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	fake_clamd_stop(&one);
}
END_TEST

START_TEST(bytes_that_cannot_be_had_are_asked_for_once)
{
	pair_start(&one);
	pair_start(&two);
	void *instance = pair_create(2, "cache=0", NULL);
	stub_run_init(&run, NULL, 5 * MEGABYTE);
	run.breaks_at = 2 * MEGABYTE;
	run.piece = 1000;
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "the stub's download broke");
	ck_assert_uint_eq(pair_streams(&one) + pair_streams(&two), 2);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
	fake_clamd_stop(&two);
}
END_TEST

START_TEST(all_have_to_agree)
{
	static const struct {
		const char *answers[2];
		uint32_t outcome;
		const char *word;
	} table[] = {{{NULL, NULL}, PP_CONTINUE, "clean"},
	             {{NULL, "stream: Bad FOUND"}, PP_DELETE, "infected"},
	             {{"stream: Bad FOUND", NULL}, PP_DELETE, "infected"},
	             {{"stream: Heuristics.Odd FOUND", NULL}, PP_ABORT, "suspicious"},
	             {{"stream: Heuristics.Odd FOUND", "stream: Bad FOUND"}, PP_DELETE, "infected"},
	             {{"stream: what ERROR", NULL}, PP_RETRY, ""},
	             {{"stream: what ERROR", "stream: Heuristics.Odd FOUND"}, PP_RETRY, ""},
	             {{"stream: what ERROR", "stream: Bad FOUND"}, PP_DELETE, "infected"}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		pair_start(&one);
		pair_start(&two);
		void *instance = pair_create(2, "agree=all", "cache=0");
		/* Both are tested. */
		ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
		assert_holds(run.details, "clamd, all 2 scanners");
		one.answer = table[i].answers[0];
		two.answer = table[i].answers[1];
		ck_assert_msg(pair_scan(instance, "hello") == table[i].outcome, "%zu: %s", i, run.reason);
		ck_assert_str_eq(run.verdict, table[i].word);
		fake_clamd_stop(&two);
		ck_assert_uint_eq(pair_scan(instance, "hello") == PP_CONTINUE, 0);
		ck_assert(!check(instance, why, sizeof why));
		assert_holds(why, " of 2 scanners fail: ");
		pp_step_module.destroy(instance);
		fake_clamd_stop(&one);
	}
}
END_TEST

/* Nobody knows whether the scanner would have answered: it keeps its turn. */
START_TEST(a_run_that_is_cancelled)
{
	int cancel[2];
	pair_start(&one);
	pair_start(&two);
	void *instance = pair_create(2, "cache=0", NULL);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	ck_assert_int_eq(pipe(cancel), 0);
	ck_assert_int_eq(write(cancel[1], "", 1), 1);
	stub_run_init(&run, "hello", 5);
	run.cancel_fd = cancel[0];
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	unsigned before = pair_streams(&one) + pair_streams(&two);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	/* Each has scanned one, after a test with two others; what was cancelled may be counted, too. */
	ck_assert_uint_ge(pair_streams(&one) + pair_streams(&two), before + 4);
	close(cancel[0]);
	close(cancel[1]);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
	fake_clamd_stop(&two);
}
END_TEST

/* With agree = all, one that was not asked has not agreed. Each of the two is first once. */
START_TEST(a_run_that_ends_between_two_scanners)
{
	static struct stub_cache cache;
	int cancel[2];
	memset(&cache, 0, sizeof cache);
	pair_start(&one);
	pair_start(&two);
	run.cache = &cache;
	void *instance = pair_create(2, "agree=all", NULL);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	ck_assert_uint_eq(cache.count, 2);
	cache.count = 1;
	ck_assert_int_eq(pipe(cancel), 0);
	ck_assert_int_eq(write(cancel[1], "", 1), 1);
	for (int i = 0; i < 2; i++) {
		stub_run_init(&run, "hello", 5);
		run.cache = &cache;
		run.cancel_fd = cancel[0];
		ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	}
	close(cancel[0]);
	close(cancel[1]);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
	fake_clamd_stop(&two);
}
END_TEST

int main(void)
{
	const TTest *const test[] = {a_scanner_is_tested_first,
	                             it_is_tested_again_when_its_signatures_change,
	                             old_signatures_are_said,
	                             none_is_left,
	                             a_line_for_several,
	                             without_permission,
	                             it_is_named_once,
	                             one_has_to_agree,
	                             bytes_that_cannot_be_had_are_asked_for_once,
	                             all_have_to_agree,
	                             a_run_that_is_cancelled,
	                             a_run_that_ends_between_two_scanners};
	Suite *suite = suite_create("fleet");
	TCase *tests = tcase_create("fleet");
	tcase_set_timeout(tests, 60);
	for (size_t i = 0; i < sizeof test / sizeof test[0]; i++)
		tcase_add_test(tests, test[i]);
	tcase_add_loop_test(tests, one_that_fails_gives_no_verdict, 0, 2);
	tcase_add_loop_test(tests, another_scanner_takes_over, 0, 5);
	tcase_add_loop_test(tests, one_that_hangs, 0, 4);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
