/* SPDX-License-Identifier: Apache-2.0
 * The module with a clamd that answers as each test wants; test_virusscan_clamd.c uses a real one. */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "plugins/virusscan/endpoint.h"
#include "tests/plugins/fake_clamd.h"
#include "tests/plugins/scan.h"

/* One scan of `length` zeros against a clamd that behaves like this. */
static uint32_t scan_with(enum manner manner, const char *answer, size_t after, size_t length, struct pp_run *run)
{
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, manner, answer);
	clamd.after = after;
	void *instance = create_at(clamd.socket, "timeout=300ms", NULL);
	stub_run_init(run, NULL, length);
	uint32_t outcome = scan(instance, run);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
	return outcome;
}

START_TEST(clean_continues_with_a_result)
{
	struct pp_run run;
	ck_assert_uint_eq(scan_with(MANNER_ANSWER, "stream: OK", 0, 3 * MEGABYTE + 7, &run), PP_CONTINUE);
	ck_assert_str_eq(run.result,
	                 "{\"Infected\":false,\"Description\":\"\",\"Scandate\":\"2026-09-21T14:13:20.000000005Z\","
	                 "\"ResourceID\":{\"opaque_id\":\"o\"},\"ErrorMsg\":\"\",\"Timestamp\":null}");
}
END_TEST

START_TEST(infected_ends_as_configured)
{
	static const struct {
		const char *value;
		uint32_t outcome;
	} handling[] = {{"infected=delete", PP_DELETE},
	                {"infected=abort", PP_ABORT},
	                {"infected=continue", PP_CONTINUE},
	                {NULL, PP_DELETE}};
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, MANNER_ANSWER, "stream: Win.\"Bad\\Name FOUND");
	void *instance = create_at(clamd.socket, handling[_i].value, NULL);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	run.resource_id = NULL;
	ck_assert_uint_eq(scan(instance, &run), handling[_i].outcome);
	json_t *result = json_loads(run.result, 0, NULL);
	ck_assert_ptr_nonnull(result);
	ck_assert(json_is_true(json_object_get(result, "Infected")));
	ck_assert(json_is_null(json_object_get(result, "ResourceID")));
	ck_assert_str_eq(json_string_value(json_object_get(result, "Description")), "Win.\"Bad\\Name");
	assert_holds(run.reason, "Win.");
	json_decref(result);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

/* What no signature identifies never counts as a virus, and is never deleted. */
START_TEST(suspicions_end_as_configured)
{
	static const struct {
		const char *value, *value2, *answer;
		uint32_t outcome;
		const char *word;
	} handling[] = {
		{NULL, NULL, "stream: Heuristics.Encrypted.Zip FOUND", PP_ABORT, "encrypted"},
		{"infected=delete", NULL, "stream: Heuristics.Broken.Executable FOUND", PP_ABORT, "unscannable"},
		{"infected=continue", NULL, "stream: Heuristics.OLE2.ContainsMacros FOUND", PP_ABORT, "suspicious"},
		{"suspicious=continue", NULL, "stream: Heuristics.Phishing.Email FOUND", PP_CONTINUE, "suspicious"},
		{"encrypted=abort", "infected=delete", "stream: Heuristics.Encrypted.Zip FOUND", PP_ABORT, "encrypted"},
		{"encrypted=hold", "infected=delete", "stream: Heuristics.Encrypted.Zip FOUND", PP_HOLD, "encrypted"},
		{"suspicious=continue", NULL, "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", PP_ABORT, "partial"},
		{"partial=continue", NULL, "stream: Heuristics.Limits.Exceeded FOUND", PP_CONTINUE, "partial"},
	};
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, MANNER_ANSWER, handling[_i].answer);
	void *instance = create_at(clamd.socket, handling[_i].value, handling[_i].value2);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	ck_assert_uint_eq(scan(instance, &run), handling[_i].outcome);
	json_t *result = json_loads(run.result, 0, NULL);
	ck_assert_ptr_nonnull(result);
	ck_assert(json_is_false(json_object_get(result, "Infected")));
	ck_assert_str_eq(json_string_value(json_object_get(result, "Description")), "");
	char says[64];
	snprintf(says, sizeof says, "%s: Heuristics.", handling[_i].word);
	assert_holds(json_string_value(json_object_get(result, "ErrorMsg")), says);
	assert_holds(run.reason, says);
	assert_holds(run.logged, says);
	ck_assert_str_eq(run.verdict, handling[_i].word);
	json_decref(result);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

START_TEST(suspicions_are_never_deleted)
{
	for (const struct pp_key *key = pp_step_module.keys; key->name != NULL; key++)
		if (strcmp(key->name, "suspicious") == 0 || strcmp(key->name, "blocked") == 0 ||
		    strcmp(key->name, "encrypted") == 0 || strcmp(key->name, "partial") == 0 ||
		    strcmp(key->name, "unscannable") == 0)
			ck_assert_str_eq(key->choices, "abort continue hold quarantine");
}
END_TEST

/* A verdict is reported first, and stands whether or not its Result can be kept. */
START_TEST(a_verdict_needs_no_result)
{
	static const struct {
		const char *answer;
		unsigned refused;
		uint32_t outcome;
		const char *logged, *result;
	} at[] = {
		{"stream: Bad FOUND", 1, PP_DELETE, "omits the upload's ResourceID", "\"ResourceID\":null"},
		{"stream: Bad FOUND", 2, PP_DELETE, "the Result is omitted", ""},
		{"stream: Heuristics.Odd FOUND", 2, PP_ABORT, "the Result is omitted", ""},
		{"stream: OK", 1, PP_CONTINUE, "omits the upload's ResourceID", "\"ResourceID\":null"},
		{"stream: OK", 2, PP_CONTINUE, "the Result is omitted", ""},
	};
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, MANNER_ANSWER, at[_i].answer);
	void *instance = create_at(clamd.socket, NULL, NULL);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	run.refused_results = at[_i].refused;
	ck_assert_uint_eq(pp_step_module.run(instance, &run), at[_i].outcome);
	assert_holds(run.logged, at[_i].logged);
	assert_holds(run.result, at[_i].result);
	if (at[_i].outcome == PP_DELETE)
		assert_holds(run.first_logged, "infected: Bad");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

/* Answers that are no verdict, whatever they look like. */
static const struct {
	enum manner manner;
	const char *answer, *reason;
} no_verdict[] = {
	{MANNER_ANSWER, "INSTREAM size limit exceeded, perhaps. ERROR", "could not scan the file"},
	{MANNER_ANSWER, "stream: Can't allocate memory ERROR", "Can't allocate memory"},
	{MANNER_ANSWER, "stream:  FOUND", "unknown answer"},
	{MANNER_ANSWER, "stream: FOUND", "unknown answer"},
	{MANNER_ANSWER, " FOUND", "unknown answer"},
	{MANNER_ANSWER, "stream: OK ", "unknown answer"},
	{MANNER_ANSWER, "stream: NOT OK", "unknown answer"},
	{MANNER_ANSWER, "/etc/passwd: OK", "unknown answer"},
	{MANNER_ANSWER, "\x1b[31mgarbage\n", "unknown answer"},
	{MANNER_ANSWER, "", "unknown answer"},
	{MANNER_RAW, "stream: OK", "an invalid answer"},
	{MANNER_RAW, "2: stream: OK", "an invalid answer"},
	{MANNER_RAW, "HTTP/1.1 400 Bad Request\r\n\r\n", "an invalid answer"},
	{MANNER_SILENT, NULL, "did not answer"},
};

START_TEST(everything_else_is_a_retry)
{
	struct pp_run run;
	ck_assert_uint_eq(scan_with(no_verdict[_i].manner, no_verdict[_i].answer, 0, 1000, &run), PP_RETRY);
	ck_assert_str_eq(run.result, "");
	assert_holds(run.reason, no_verdict[_i].reason);
	ck_assert_ptr_null(strpbrk(run.reason, "\n\x1b"));
}
END_TEST

START_TEST(overlong_answer_is_a_retry)
{
	char answer[3000];
	memset(answer, 'A', sizeof answer);
	memcpy(answer, "stream: ", 8);
	memcpy(answer + sizeof answer - 7, " FOUND", 7);
	struct pp_run run;
	ck_assert_uint_eq(scan_with(MANNER_ANSWER, answer, 0, 1000, &run), PP_RETRY);
	/* Within the limit for answers, but not for names. */
	memcpy(answer + 693, " FOUND", 7);
	ck_assert_uint_eq(scan_with(MANNER_ANSWER, answer, 0, 1000, &run), PP_RETRY);
	assert_holds(run.reason, "virus name");
}
END_TEST

START_TEST(two_answers_are_a_retry)
{
	static const char answers[] = "1: stream: OK\0"
								  "2: stream: OK";
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, MANNER_RAW, answers);
	clamd.answer_size = sizeof answers;
	void *instance = create_at(clamd.socket, NULL, NULL);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

START_TEST(close_in_mid_stream_is_a_retry)
{
	struct pp_run run;
	ck_assert_uint_eq(scan_with(MANNER_BREAK, NULL, MEGABYTE, 50 * MEGABYTE, &run), PP_RETRY);
	assert_holds(run.reason, "closed the connection");
	ck_assert_uint_lt(run.offset, 50 * MEGABYTE);
}
END_TEST

START_TEST(last_words_are_heard)
{
	struct pp_run run;
	ck_assert_uint_eq(
		scan_with(MANNER_ANSWER_BREAK, "INSTREAM size limit exceeded. ERROR", MEGABYTE, 50 * MEGABYTE, &run), PP_ABORT);
	ck_assert_str_eq(run.verdict, "unscannable");
	assert_holds(run.reason, "StreamMaxLength");
}
END_TEST

START_TEST(early_verdict_is_none)
{
	struct pp_run run;
	ck_assert_uint_eq(scan_with(MANNER_ANSWER_BREAK, "stream: OK", MEGABYTE, 50 * MEGABYTE, &run), PP_RETRY);
	assert_holds(run.reason, "before it had received the whole file");
	ck_assert_uint_eq(scan_with(MANNER_ANSWER_BREAK, "stream: Bad FOUND", MEGABYTE, 50 * MEGABYTE, &run), PP_RETRY);
}
END_TEST

START_TEST(broken_download_gets_no_verdict)
{
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, MANNER_ANSWER, "stream: OK");
	void *instance = create_at(clamd.socket, NULL, NULL);
	struct pp_run run;
	stub_run_init(&run, NULL, 10 * MEGABYTE);
	run.breaks_at = MEGABYTE;
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	ck_assert_str_eq(run.reason, "the stub's download broke");
	/* clamd was told by a close, and never received the end of a stream. */
	fake_clamd_await_close(&clamd);
	ck_assert_uint_eq(atomic_load(&clamd.streams), 0);
	stub_run_init(&run, "x", 1);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	ck_assert_uint_eq(atomic_load(&clamd.sessions), 2);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

START_TEST(sessions_are_kept)
{
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, MANNER_ANSWER, "stream: OK");
	void *instance = create_at(clamd.socket, NULL, NULL);
	struct pp_run run;
	for (int i = 0; i < 20; i++) {
		stub_run_init(&run, "0123456789", 10);
		run.piece = 3;
		ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	}
	ck_assert_uint_eq(atomic_load(&clamd.sessions), 1);
	ck_assert_uint_eq(atomic_load(&clamd.streams), 20);
	ck_assert_uint_eq(atomic_load(&clamd.bytes), 200);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

START_TEST(session_closed_while_idle_is_replaced)
{
	struct fake_clamd clamd;
	if (_i == 0)
		fake_clamd_start(&clamd, MANNER_ANSWER_CLOSE, "stream: OK");
	else
		fake_clamd_start_tcp(&clamd, MANNER_ANSWER_CLOSE, "stream: OK");
	void *instance = create_at(clamd.socket, NULL, NULL);
	struct pp_run run;
	for (unsigned i = 1; i <= 3; i++) {
		stub_run_init(&run, "x", 1);
		ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
		fake_clamd_await_close(&clamd);
		ck_assert_uint_eq(atomic_load(&clamd.sessions), i);
	}
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

START_TEST(cancellation_ends_the_wait)
{
	struct fake_clamd clamd;
	int cancel[2];
	fake_clamd_start(&clamd, MANNER_SILENT, NULL);
	void *instance = create_at(clamd.socket, "timeout=1h", NULL);
	ck_assert_int_eq(pipe(cancel), 0);
	ck_assert_int_eq(write(cancel[1], "", 1), 1);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	run.cancel_fd = cancel[0];
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "cancelled");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

START_TEST(deadline_ends_the_wait)
{
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, MANNER_SILENT, NULL);
	void *instance = create_at(clamd.socket, "timeout=1h", NULL);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	run.deadline = run.now + 100 * MILLISECOND;
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "did not answer");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

START_TEST(no_clamd_is_a_retry)
{
	char why[256] = "";
	void *instance = create_at("/nonexistent/clamd.ctl", NULL, NULL);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "/nonexistent/clamd.ctl");
	ck_assert(!check(instance, why, sizeof why));
	assert_holds(why, "/nonexistent/clamd.ctl");
	pp_step_module.destroy(instance);
}
END_TEST

START_TEST(checks)
{
	static const struct {
		enum manner manner;
		const char *answer, *why; /* NULL: it passes */
	} cases[] = {{MANNER_ANSWER, "ClamAV 1.4.3/27824/Sun Nov 16 10:40:01 2025", NULL},
	             {MANNER_ANSWER, "UNKNOWN COMMAND", "is not clamd: it does not answer VERSION with its version"},
	             {MANNER_RAW, "HTTP/1.1 400 Bad Request", "is not clamd: it does not answer VERSION with its version"},
	             {MANNER_BREAK, "", " closed the connection instead of answering"},
	             {MANNER_SILENT, "", " gave no answer within "}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char why[256] = "";
		struct fake_clamd clamd;
		fake_clamd_start(&clamd, cases[i].manner, cases[i].answer);
		void *instance = create_at(clamd.socket, NULL, NULL);
		nanos before = clock_monotonic();
		ck_assert(check(instance, why, sizeof why) == (cases[i].why == NULL));
		ck_assert_int_lt(clock_monotonic() - before, 10 * SECOND);
		if (cases[i].why != NULL) {
			assert_holds(why, cases[i].why);
			assert_holds(why, clamd.socket);
		}
		pp_step_module.destroy(instance);
		fake_clamd_stop(&clamd);
	}
}
END_TEST

START_TEST(full_backlog_is_waited_for)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[] = "/tmp/pp-backlog-XXXXXX";
	int filler[8], count = 0;
	ck_assert_ptr_nonnull(mkdtemp(path));
	snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(listener, 0), 0);
	for (bool full = false; !full; count++) {
		ck_assert_int_lt(count, 8);
		filler[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		full = connect(filler[count], (const struct sockaddr *)&address, sizeof address) != 0;
	}
	ck_assert_int_eq(errno, EAGAIN);
	void *instance = create_at(address.sun_path, "timeout=200ms", NULL);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "timed out");
	pp_step_module.destroy(instance);
	while (count > 0)
		close(filler[--count]);
	close(listener);
	unlink(address.sun_path);
	rmdir(path);
}
END_TEST

START_TEST(size_limit_is_kept)
{
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, MANNER_ANSWER, "stream: OK");
	struct pp_run run;
	void *instance = create_at(clamd.socket, "max_scan_size=1000", "max_scan_size_mode=partial");
	stub_run_init(&run, NULL, 5000);
	run.piece = 300;
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	ck_assert_uint_eq(atomic_load(&clamd.bytes), 1000);
	assert_holds(run.result, "\"Description\":\"\"");
	assert_holds(run.logged, "only the first 1000");
	pp_step_module.destroy(instance);
	instance = create_at(clamd.socket, "max_scan_size=1000", "max_scan_size_mode=skip");
	stub_run_init(&run, NULL, 5000);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	ck_assert_uint_eq(run.offset, 0);
	ck_assert_str_eq(run.result, "");
	assert_holds(run.logged, "not scanned");
	stub_run_init(&run, NULL, 1000);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	ck_assert_uint_eq(atomic_load(&clamd.bytes), 2000);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&clamd);
}
END_TEST

/* An upload of exactly max_scan_size bytes is read to its end; a longer one is cut, even if its size was not
 * announced. */
START_TEST(size_limit_and_the_end)
{
	static const struct {
		int64_t announced;
		size_t length, scanned;
		uint32_t outcome;
		const char *reason;
	} at[] = {
		{1000, 1000, 1000, PP_CONTINUE, ""},
		{900, 900, 900, PP_CONTINUE, ""},
		{-1, 900, 900, PP_CONTINUE, ""},
		{-1, 1000, 1000, PP_CONTINUE, ""},
		{-1, 1001, 1000, PP_CONTINUE, "only the first 1000 bytes"},
		{-1, 5000, 1000, PP_CONTINUE, "only the first 1000 bytes"},
		{1001, 1001, 1000, PP_CONTINUE, "only the first 1000 bytes"},
	};
	struct fake_clamd clamd;
	fake_clamd_start(&clamd, MANNER_ANSWER, "stream: OK");
	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		struct pp_run run;
		void *instance =
			create_at(clamd.socket, "max_scan_size=1000", at[i].announced < 0 ? "max_scan_size_mode=skip" : NULL);
		atomic_store(&clamd.bytes, 0);
		stub_run_init(&run, NULL, at[i].length);
		run.filesize = at[i].announced;
		run.piece = 250;
		ck_assert_uint_eq(scan(instance, &run), at[i].outcome);
		ck_assert_uint_eq(atomic_load(&clamd.bytes), at[i].scanned);
		ck_assert_msg((at[i].reason[0] != '\0') == (run.reason[0] != '\0'), "%s", run.reason);
		assert_holds(run.reason, at[i].reason);
		ck_assert_msg(at[i].reason[0] != '\0' || run.ended, "case %zu did not read to the end", i);
		pp_step_module.destroy(instance);
	}
	fake_clamd_stop(&clamd);
}
END_TEST

START_TEST(endpoints)
{
	static const struct {
		const char *text, *path, *host, *port;
	} good[] = {
		{"/run/clamav/clamd.ctl", "/run/clamav/clamd.ctl", "", ""},
		{"unix:///run/c", "/run/c", "", ""},
		{"tcp://clamav:3310", "", "clamav", "3310"},
		{"tcp://clamav/", "", "clamav", "3310"},
		{"tcp://[::1]:99", "", "::1", "99"},
		{"127.0.0.1:3310", "", "127.0.0.1", "3310"},
	};
	static const char *const bad[] = {"",           "clamav",       "clamav:", "clamav:0",    "clamav:65536",
	                                  "clamav:33x", "unix://run/c", "tcp://",  "tcp://:3310", "http://clamav:3310",
	                                  "[::1:99",    "user@host:1"};
	struct endpoint endpoint;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ck_assert_msg(endpoint_parse(good[i].text, &endpoint), "%s", good[i].text);
		ck_assert_str_eq(endpoint.path, good[i].path);
		ck_assert_str_eq(endpoint.host, good[i].host);
		ck_assert_str_eq(endpoint.port, good[i].port);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!endpoint_parse(bad[i], &endpoint), "%s", bad[i]);
	struct pp_setup setup = {.keys = pp_step_module.keys, .value = {"clamav_socket=clamav"}};
	void *instance;
	ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
	assert_holds(setup.rejected, "clamav_socket: ");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("virusscan");
	TCase *fake = tcase_create("against a fake clamd");
	const TTest *const tests[] = {clean_continues_with_a_result,
	                              overlong_answer_is_a_retry,
	                              two_answers_are_a_retry,
	                              close_in_mid_stream_is_a_retry,
	                              last_words_are_heard,
	                              early_verdict_is_none,
	                              broken_download_gets_no_verdict,
	                              sessions_are_kept,
	                              cancellation_ends_the_wait,
	                              deadline_ends_the_wait,
	                              no_clamd_is_a_retry,
	                              checks,
	                              full_backlog_is_waited_for,
	                              size_limit_is_kept,
	                              size_limit_and_the_end,
	                              suspicions_are_never_deleted,
	                              endpoints};
	tcase_set_timeout(fake, 60);
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		tcase_add_test(fake, tests[i]);
	tcase_add_loop_test(fake, infected_ends_as_configured, 0, 4);
	tcase_add_loop_test(fake, suspicions_end_as_configured, 0, 8);
	tcase_add_loop_test(fake, a_verdict_needs_no_result, 0, 5);
	tcase_add_loop_test(fake, everything_else_is_a_retry, 0, (int)(sizeof no_verdict / sizeof no_verdict[0]));
	tcase_add_loop_test(fake, session_closed_while_idle_is_replaced, 0, 2);
	suite_add_tcase(suite, fake);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
