/* SPDX-License-Identifier: Apache-2.0
 * The module with one or two scanners that are tested before they give verdicts, with the cache and with lists. */
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
#include "tests/harness/fixture_clamd.h"
#include "tests/harness/folder.h"
#include "tests/plugins/fake_clamd.h"
#include "tests/plugins/scan.h"

#define VERSION_1 "ClamAV 1.4.3/27824/Sun Nov 16 10:40:01 2025"
#define VERSION_2 "ClamAV 1.4.3/27825/Mon Nov 17 10:40:01 2025"

static struct fake_clamd one, two;
static struct pp_run run;
static char eicar[EICAR_SIZE + 1], why[1024];

static void start(struct fake_clamd *clamd)
{
	fake_clamd_start(clamd, MANNER_SCANNER, NULL);
	clamd->version = VERSION_1;
	eicar_make(eicar);
}

/* An instance that uses both, or only `one` if `count` is 1. */
static void *create(size_t count, const char *value, const char *value2)
{
	static char sockets[300];
	snprintf(sockets, sizeof sockets, "clamav_socket=%s%s%s", one.socket, count > 1 ? ", " : "",
	         count > 1 ? two.socket : "");
	return stub_create(sockets, value, value2);
}

static uint32_t scan_text(void *instance, const char *text)
{
	struct stub_cache *cache = run.cache;
	stub_run_init(&run, text, strlen(text));
	run.cache = cache;
	return scan(instance, &run);
}

static void write_list(const char *key, const char *lines, char value[FOLDER_PATH_SIZE + 32])
{
	static char folder[FOLDER_PATH_SIZE];
	if (folder[0] == '\0')
		ck_assert(folder_create(folder));
	ck_assert(folder_write(folder, "list", lines, strlen(lines)));
	snprintf(value, FOLDER_PATH_SIZE + 32, "%s=%s/list", key, folder);
}

/* Two streams for the test. */
static unsigned streams(struct fake_clamd *clamd)
{
	return atomic_load(&clamd->streams);
}

START_TEST(a_scanner_is_tested_first)
{
	start(&one);
	void *instance = create(1, "cache=0", NULL);
	ck_assert_msg(scan_text(instance, "hello") == PP_CONTINUE, "%s", run.reason);
	ck_assert_uint_eq(streams(&one), 3);
	ck_assert_uint_eq(scan_text(instance, eicar), PP_DELETE);
	ck_assert_uint_eq(streams(&one), 4);
	assert_holds(run.details, "\"reason\":\"Eicar\",\"scanner\":\"clamd (");
	assert_holds(run.details, "\"version\":\"" VERSION_1 "\",\"bytes\":68,\"seconds\":0.");
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
	start(&one);
	one.blind = table[_i].blind;
	one.strict = !table[_i].blind;
	void *instance = create(1, "cache=0", NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(scan_text(instance, eicar), PP_RETRY);
		assert_holds(run.reason, table[_i].why);
	}
	ck_assert(!check(instance, why, sizeof why));
	assert_holds(why, table[_i].why);
	assert_holds(why, one.socket);
	one.blind = one.strict = false;
	ck_assert_msg(check(instance, why, sizeof why), "%s", why);
	ck_assert_uint_eq(scan_text(instance, eicar), PP_DELETE);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

/* The version is asked for every ten seconds, or here after a failure. */
START_TEST(it_is_tested_again_when_its_signatures_change)
{
	start(&one);
	void *instance = create(1, "cache=0", NULL);
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
	one.answer = "stream: Can't allocate memory ERROR";
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_RETRY);
	one.answer = NULL;
	one.version = VERSION_2;
	one.blind = true;
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_RETRY);
	assert_holds(run.reason, "it does not find the EICAR test file");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

START_TEST(old_signatures_are_said)
{
	start(&one);
	void *instance = create(1, "cache=0", NULL);
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
	start(&two);
	fake_clamd_start(&one, table[_i].manner, table[_i].answer);
	one.after = MEGABYTE;
	void *instance = create(2, "cache=0", "timeout=200ms");
	for (int i = 0; i < 2; i++) {
		stub_run_init(&run, NULL, 5 * MEGABYTE);
		ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
		assert_holds(run.details, two.socket);
		assert_holds(run.details, "\"bytes\":5242880");
		ck_assert_uint_eq(scan_text(instance, eicar), PP_DELETE);
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
	start(&one);
	start(&two);
	void *instance = create(2, "cache=0", NULL);
	fake_clamd_stop(&one);
	fake_clamd_stop(&two);
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_RETRY);
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
	start(&one);
	fake_clamd_start(&two, table[_i].mute ? MANNER_SCANNER : MANNER_SILENT, NULL);
	two.version = VERSION_1;
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

/* Nobody listens, so what the check logs last is about the configuration. */
START_TEST(keys_without_effect)
{
	static const char clamd[] = "clamav_socket=/nonexistent/clamd.ctl";
	static const struct {
		const char *values[4], *logged;
	} table[] = {
		{{clamd, "icap_url=icap://h"}, "icap_url is not used: scanner is clamav"},
		{{clamd, "icap_service=scan"}, "icap_service is not used: scanner is clamav"},
		{{clamd, "icap_timeout=1m"}, "icap_timeout is not used: scanner is clamav"},
		{{clamd, "icap_ca=/a"}, "icap_ca is not used: scanner is clamav"},
		{{"scanner=icap", "icap_url=icap://127.0.0.1:1", clamd}, "clamav_socket is not used: scanner is icap"},
		{{"scanner=icap", "icap_url=icap://127.0.0.1:1", "timeout=1m"}, "timeout is not used: scanner is icap"},
		{{clamd, "max_scan_size_mode=skip"}, "max_scan_size_mode is not used: max_scan_size is not set"},
		{{clamd, "icap_url=icap://127.0.0.1:1344"}, "outcomes by verdict: "},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		void *instance = stub_create_with(table[i].values);
		stub_run_init(&run, NULL, 0);
		ck_assert_int_ne(pp_step_module.check_run(instance, &run), 0);
		assert_holds(run.logged, table[i].logged);
		pp_step_module.destroy(instance);
	}
}
END_TEST

START_TEST(outcomes_that_are_logged)
{
	static const struct {
		const char *value, *value2, *logged;
	} table[] = {
		{NULL, NULL, ", partial: abort, unscannable: "},
		{"partial=hold", "max_scan_size=5", ", partial: hold, unscannable: "},
		{"max_scan_size=5", NULL,
	     ", partial: abort (by a limit of the scanner) or continue (by max_scan_size), unscannable: "},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		void *instance = create_at("/nonexistent/clamd.ctl", table[i].value, table[i].value2);
		stub_run_init(&run, NULL, 0);
		ck_assert_int_ne(pp_step_module.check_run(instance, &run), 0);
		assert_holds(run.first_logged, table[i].logged);
		pp_step_module.destroy(instance);
	}
}
END_TEST

START_TEST(an_address_twice)
{
	static const struct {
		const char *values[2], *rejected;
	} table[] = {
		{{"clamav_socket=/a/b, unix:///a/b"}, "clamav_socket: /a/b is in the list twice"},
		{{"scanner=icap", "icap_url=icap://h,icap://h:1344/avscan"},
	     "icap_url: icap://h:1344/avscan is in the list twice"},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		void *instance = NULL;
		struct pp_setup setup = {.keys = pp_step_module.keys, .value = {table[i].values[0], table[i].values[1]}};
		ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
		ck_assert_str_eq(setup.rejected, table[i].rejected);
	}
}
END_TEST

START_TEST(one_has_to_agree)
{
	start(&one);
	void *instance = create(1, "agree=all", "cache=0");
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
	assert_holds(run.details, "\"scanner\":\"clamd (/");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

/* The name of the user who may not is said. Root may everything. */
START_TEST(without_permission)
{
	char list[FOLDER_PATH_SIZE + 32];
	start(&one);
	write_list("allow_list", "Bad\n", list);
	void *instance = create(1, list, NULL);
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
	start(&one);
	start(&two);
	void *instance = create(2, "cache=0", NULL);
	stub_run_init(&run, NULL, 5 * MEGABYTE);
	run.breaks_at = 2 * MEGABYTE;
	run.piece = 1000;
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "the stub's download broke");
	ck_assert_uint_eq(streams(&one) + streams(&two), 2);
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
		start(&one);
		start(&two);
		void *instance = create(2, "agree=all", "cache=0");
		/* Both are tested. */
		ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
		assert_holds(run.details, "clamd, all 2 scanners");
		one.answer = table[i].answers[0];
		two.answer = table[i].answers[1];
		ck_assert_msg(scan_text(instance, "hello") == table[i].outcome, "%zu: %s", i, run.reason);
		ck_assert_str_eq(run.verdict, table[i].word);
		fake_clamd_stop(&two);
		ck_assert_uint_eq(scan_text(instance, "hello") == PP_CONTINUE, 0);
		ck_assert(!check(instance, why, sizeof why));
		assert_holds(why, " of 2 scanners fail: ");
		pp_step_module.destroy(instance);
		fake_clamd_stop(&one);
	}
}
END_TEST

START_TEST(equal_bytes_are_scanned_once)
{
	static struct stub_cache cache;
	memset(&cache, 0, sizeof cache);
	run.cache = &cache;
	start(&one);
	void *instance = create(1, NULL, NULL);
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
	ck_assert_uint_eq(scan_text(instance, eicar), PP_DELETE);
	ck_assert_uint_eq(streams(&one), 4);
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
	assert_holds(run.details, "\"version\":\"" VERSION_1 "\",\"bytes\":5");
	assert_holds(run.details, "\"cached\":true");
	assert_holds(run.result, "\"Infected\":false");
	assert_holds(run.logged, "from the cache");
	ck_assert_uint_eq(scan_text(instance, eicar), PP_DELETE);
	assert_holds(run.result, "\"Infected\":true,\"Description\":\"Eicar\"");
	ck_assert_uint_eq(streams(&one), 4);
	ck_assert_uint_eq(cache.count, 2);
	/* What was found by heuristics is scanned again. */
	one.answer = "stream: Heuristics.Odd FOUND";
	for (unsigned i = 1; i < 3; i++) {
		ck_assert_uint_eq(scan_text(instance, "other"), PP_ABORT);
		ck_assert_uint_eq(streams(&one), 4 + i);
	}
	pp_step_module.destroy(instance);
	/* Other signatures have not seen the file. */
	one.answer = NULL;
	one.version = VERSION_2;
	instance = create(1, NULL, NULL);
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
	ck_assert_ptr_null(strstr(run.details, "cached"));
	pp_step_module.destroy(instance);
	/* Nobody knows which they are. */
	one.version = "ClamAV 1.4.3";
	instance = create(1, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
		ck_assert_ptr_null(strstr(run.details, "cached"));
	}
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

/* A scanner of another step may have other settings. */
START_TEST(other_scanners_are_asked)
{
	static struct stub_cache cache;
	memset(&cache, 0, sizeof cache);
	run.cache = &cache;
	start(&one);
	start(&two);
	void *instance = create(1, NULL, NULL);
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
	pp_step_module.destroy(instance);
	char socket[160];
	snprintf(socket, sizeof socket, "clamav_socket=%s", two.socket);
	instance = stub_create(socket, NULL, NULL);
	ck_assert_uint_eq(scan_text(instance, "other"), PP_CONTINUE);
	two.answer = "stream: Odd FOUND";
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_DELETE);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
	fake_clamd_stop(&two);
}
END_TEST

/* Nobody knows whether the scanner would have answered: it keeps its turn. */
START_TEST(a_run_that_is_cancelled)
{
	int cancel[2];
	start(&one);
	start(&two);
	void *instance = create(2, "cache=0", NULL);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
	ck_assert_int_eq(pipe(cancel), 0);
	ck_assert_int_eq(write(cancel[1], "", 1), 1);
	stub_run_init(&run, "hello", 5);
	run.cancel_fd = cancel[0];
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	unsigned before = streams(&one) + streams(&two);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
	/* Each has scanned one, after a test with two others; what was cancelled may be counted, too. */
	ck_assert_uint_ge(streams(&one) + streams(&two), before + 4);
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
	start(&one);
	start(&two);
	run.cache = &cache;
	void *instance = create(2, "agree=all", NULL);
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
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

/* A large file is looked up, and its verdict kept, only if its digest is known. */
START_TEST(large_files_are_kept)
{
	static struct stub_cache cache;
	static const char text[] = "hello", digest[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
	memset(&cache, 0, sizeof cache);
	start(&one);
	void *instance = create(1, "cache_first=0", NULL);
	run.cache = &cache;
	ck_assert_uint_eq(scan_text(instance, text), PP_CONTINUE);
	ck_assert_uint_eq(cache.count + cache.asked, 0);
	for (unsigned i = 0; i < 2; i++) {
		stub_run_init(&run, text, 5);
		run.cache = &cache;
		run.known_sha256 = digest;
		ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
		ck_assert_uint_eq(cache.count, 1);
		ck_assert_uint_eq(streams(&one), 4);
	}
	assert_holds(run.details, "\"cached\":true");
	ck_assert_uint_eq(run.offset, 0);
	pp_step_module.destroy(instance);
	/* A verdict on a part is none on the whole. */
	instance = create(1, "max_scan_size=2", "cache_first=0");
	cache.count = 0;
	ck_assert_uint_eq(scan_text(instance, text), PP_CONTINUE);
	ck_assert_str_eq(run.verdict, "partial");
	ck_assert_uint_eq(cache.count, 0);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

static void *create_listed(const char *key, const char *lines)
{
	char value[FOLDER_PATH_SIZE + 32];
	write_list(key, lines, value);
	return create(1, value, "cache=0");
}

#define HELLO_DIGEST "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"

START_TEST(lists_decide)
{
	static const struct {
		const char *key, *lines, *answer;
		uint32_t outcome;
		const char *word, *reason, *result;
	} table[] = {
		{"allow_list", "# why\n\n Bad # a false positive\n", "stream: Bad FOUND", PP_CONTINUE, "allowed",
	     "allowed: Bad (infected) is allowed by allow_list line 3", "\"Infected\":false,\"Description\":\"\""},
		{"allow_list", "Bad\n", "stream: Bad.2 FOUND", PP_DELETE, "infected", "infected: Bad.2", "\"Infected\":true"},
		{"allow_list", "Worse\r\n" HELLO_DIGEST "\r\n", "stream: Bad FOUND", PP_CONTINUE, "allowed",
	     "by allow_list line 2", "\"Infected\":false"},
		{"allow_list", "Heuristics.Odd", "stream: Heuristics.Odd FOUND", PP_CONTINUE, "allowed",
	     "Heuristics.Odd (suspicious) is allowed by allow_list line 1", "\"ErrorMsg\":\"\""},
		{"block_list", HELLO_DIGEST, "stream: OK", PP_DELETE, "infected", "infected: block_list line 1",
	     "\"Infected\":true,\"Description\":\"block_list line 1\""},
		/* As sha256sum prints it. */
		{"block_list", HELLO_DIGEST "  my file\n", "stream: OK", PP_DELETE, "infected", "infected: block_list line 1",
	     "\"Infected\":true"},
		{"allow_list", "# why\n" HELLO_DIGEST " *file\n", "stream: Bad FOUND", PP_CONTINUE, "allowed",
	     "by allow_list line 2", "\"Infected\":false"},
		{"allow_list", "\\" HELLO_DIGEST "  a\\nb\n", "stream: Bad FOUND", PP_CONTINUE, "allowed",
	     "by allow_list line 1", "\"Infected\":false"},
		{"allow_list", HELLO_DIGEST " # a false positive\n", "stream: Bad FOUND", PP_CONTINUE, "allowed",
	     "by allow_list line 1", "\"Infected\":false"},
		{"block_list", "a\nHeuristics.Odd\n", "stream: Heuristics.Odd FOUND", PP_DELETE, "infected",
	     "infected: Heuristics.Odd, block_list line 2", "\"Infected\":true"},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		start(&one);
		void *instance = create_listed(table[i].key, table[i].lines);
		ck_assert_uint_eq(scan_text(instance, "other"), PP_CONTINUE);
		unsigned before = streams(&one);
		one.answer = table[i].answer;
		ck_assert_msg(scan_text(instance, "hello") == table[i].outcome, "%zu: %s", i, run.reason);
		ck_assert_str_eq(run.verdict, table[i].word);
		assert_holds(run.reason, table[i].reason);
		assert_holds(run.result, table[i].result);
		/* A digest that is blocked needs no scanner. */
		ck_assert_uint_eq(streams(&one) - before,
		                  table[i].key[0] == 'b' && strncmp(table[i].lines, "2CF2", 4) == 0 ? 0 : 1);
		pp_step_module.destroy(instance);
		fake_clamd_stop(&one);
	}
}
END_TEST

/* Files that are not scanned, or only in part. */
START_TEST(lists_and_large_files)
{
	static const struct {
		const char *key, *lines, *mode, *answer;
		uint32_t outcome;
		const char *word;
	} table[] = {
		{"block_list", HELLO_DIGEST, "max_scan_size_mode=partial", NULL, PP_DELETE, "infected"},
		{"block_list", HELLO_DIGEST, "max_scan_size_mode=skip", NULL, PP_DELETE, "infected"},
		{"block_list", "Bad", "max_scan_size_mode=skip", NULL, PP_CONTINUE, "skipped"},
		{"allow_list", HELLO_DIGEST, "max_scan_size_mode=partial", "stream: Bad FOUND", PP_CONTINUE, "allowed"},
		{"allow_list", "Bad", "max_scan_size_mode=partial", "stream: Bad FOUND", PP_HOLD, "partial"},
	};
	start(&one);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char list[FOLDER_PATH_SIZE + 32], socket[160];
		write_list(table[i].key, table[i].lines, list);
		snprintf(socket, sizeof socket, "clamav_socket=%s", one.socket);
		const char *const values[] = {socket,         list,          table[i].mode, "max_scan_size=2",
		                              "partial=hold", "self_test=0", "cache=0",     NULL};
		void *instance = stub_create_with(values);
		one.answer = table[i].answer;
		for (size_t piece = 1; piece < 6; piece++) {
			stub_run_init(&run, "hello", 5);
			run.piece = piece;
			ck_assert_msg(scan(instance, &run) == table[i].outcome, "%zu: %s", i, run.reason);
			ck_assert_str_eq(run.verdict, table[i].word);
		}
		/* The digest cannot be had. */
		stub_run_init(&run, "hello", 5);
		run.piece = 1;
		run.breaks_at = 4;
		if (strlen(table[i].lines) == 64) {
			ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
			assert_holds(run.reason, "the stub's download broke");
		}
		pp_step_module.destroy(instance);
	}
	fake_clamd_stop(&one);
}
END_TEST

/* With agree = all, what one scanner may report is not what the other one may. Each of the two is first once. */
START_TEST(a_name_that_is_allowed_hides_no_other)
{
	static const struct {
		const char *answers[2];
		uint32_t outcome;
		const char *word;
	} table[] = {{{"stream: Bad FOUND", "stream: Worse FOUND"}, PP_DELETE, "infected"},
	             {{"stream: Bad FOUND", "stream: Heuristics.Broken.A FOUND"}, PP_ABORT, "unscannable"},
	             {{"stream: Bad FOUND", "stream: what ERROR"}, PP_RETRY, ""},
	             {{"stream: Bad FOUND", NULL}, PP_CONTINUE, "allowed"}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		start(&one);
		start(&two);
		char list[FOLDER_PATH_SIZE + 32];
		write_list("allow_list", "Bad\n", list);
		char sockets[300];
		snprintf(sockets, sizeof sockets, "clamav_socket=%s,%s", one.socket, two.socket);
		const char *const values[] = {"agree=all", "cache=0", "self_test=0", list, sockets, NULL};
		void *instance = stub_create_with(values);
		one.answer = table[i].answers[0];
		two.answer = table[i].answers[1];
		for (int turn = 0; turn < 2; turn++) {
			ck_assert_msg(scan_text(instance, "hello") == table[i].outcome, "%zu: %s", i, run.reason);
			ck_assert_str_eq(run.verdict, table[i].word);
		}
		pp_step_module.destroy(instance);
		fake_clamd_stop(&one);
		fake_clamd_stop(&two);
	}
}
END_TEST

START_TEST(lists_that_cannot_be_read)
{
	static const char *const lines[][2] = {
		{"two words\n", ":1: expected the SHA-256 of a file"},
		{"2cf24dba5fb0a30e26e83b2ac5b9e29e\n", ":1: expected the SHA-256 of a file"},
		{"a\xc3\xa4\n", ":1: expected the SHA-256 of a file"},
		{"d41d8cd98f00b204e9800998ecf8427e  file\n", ":1: expected the SHA-256 of a file"},
		{"# why\nSHA256:" HELLO_DIGEST "\n", ":2: a digest has to be a SHA-256, 64 hex digits without a word in front"},
		{"md5:d41d8cd98f00b204e9800998ecf8427e\n", ":1: a digest has to be a SHA-256"},
		{"Trojan:Win32/Bad\nEicar*\n", ":2: wildcards (*) are not possible"}};
	char folder[FOLDER_PATH_SIZE], path[FOLDER_PATH_SIZE + 8], key[FOLDER_PATH_SIZE + 32];
	void *instance = NULL;
	ck_assert(folder_create(folder));
	snprintf(path, sizeof path, "%s/list", folder);
	snprintf(key, sizeof key, "allow_list=%s", path);
	struct pp_setup setup = {.keys = pp_step_module.keys, .value = {key}};
	ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
	assert_holds(setup.rejected, "list: No such file or directory");
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		ck_assert(folder_write(folder, "list", lines[i][0], strlen(lines[i][0])));
		ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
		assert_holds(setup.rejected, lines[i][1]);
	}
	folder_remove(folder);
}
END_TEST

START_TEST(quarantine)
{
	start(&one);
	char socket[160];
	snprintf(socket, sizeof socket, "clamav_socket=%s", one.socket);
	const char *const values[] = {
		"infected=quarantine", "encrypted=quarantine", "quarantine=1", "cache=0", socket, NULL};
	void *instance = stub_create_with(values);
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_CONTINUE);
	ck_assert_uint_eq(run.quarantined, 0);
	ck_assert_uint_eq(scan_text(instance, eicar), PP_ABORT);
	ck_assert_uint_eq(run.quarantined, 1);
	assert_holds(run.result, "\"Infected\":true");
	one.answer = "stream: Heuristics.Encrypted.Zip FOUND";
	ck_assert_uint_eq(scan_text(instance, "hello"), PP_ABORT);
	ck_assert_uint_eq(run.quarantined, 1);
	/* There is no room for it, say: the upload is kept, and tried again. */
	stub_run_init(&run, "hello", 5);
	run.quarantine_fails = true;
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "encrypted: Heuristics.Encrypted.Zip, but ");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
	struct pp_setup setup = {.keys = pp_step_module.keys, .value = {"suspicious=quarantine"}};
	ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
	assert_holds(setup.rejected, "suspicious: the service has no quarantine");
	/* An infected file must not go on because no copy of it can be made. */
	struct pp_setup loose = {.keys = pp_step_module.keys,
	                         .value = {"infected=quarantine", "quarantine=1", "on_exhausted=1", socket}};
	ck_assert_int_ne(pp_step_module.create(&stub_host, &loose, &instance), 0);
	assert_holds(loose.rejected, "infected: a file of which no copy can be made would go on");
}
END_TEST

static bool begins_with_one_of(const char *text, const char *words)
{
	for (size_t length; *words != '\0'; words += length + (words[length] == ' ')) {
		length = strcspn(words, " ");
		if (strncmp(text, words, length) == 0)
			return true;
	}
	return false;
}

/* What the module takes for a path must be one to the sandbox, too. */
START_TEST(needs_of_addresses)
{
	static const struct {
		const char *address;
		bool local;
	} table[] = {
		{"/run/clamd.ctl", true}, {"./clamd.ctl", true}, {"unix:///a", true}, {"tcp://h", false}, {"h:1", false}};
	const struct pp_need *need = pp_step_module.needs;
	ck_assert(need[0].kind == PP_NEED_UNIX && need[1].kind == PP_NEED_NETWORK);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		ck_assert_int_eq(begins_with_one_of(table[i].address, need[0].when), table[i].local);
		ck_assert_int_eq(begins_with_one_of(table[i].address, need[1].unless), table[i].local);
	}
}
END_TEST

START_TEST(forced_outcomes)
{
	static const struct {
		const char *value;
		uint32_t outcome;
	} table[] = {{"debug_outcome=continue", PP_CONTINUE},
	             {"debug_outcome=abort", PP_ABORT},
	             {"debug_outcome=delete", PP_DELETE},
	             {"debug_outcome=retry", PP_RETRY}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		void *instance = stub_create(table[i].value, NULL, NULL);
		stub_run_init(&run, NULL, 0);
		ck_assert_int_eq(pp_step_module.check_run(instance, &run), 0);
		assert_holds(run.logged, "NOTHING IS SCANNED");
		ck_assert_uint_eq(scan_text(instance, "hello"), table[i].outcome);
		ck_assert_uint_eq(run.offset, 0);
		if (table[i].outcome != PP_RETRY)
			assert_holds(run.result, "\"Infected\":true,\"Description\":\"DEBUG: forced outcome\"");
		pp_step_module.destroy(instance);
	}
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
	                             keys_without_effect,
	                             outcomes_that_are_logged,
	                             an_address_twice,
	                             one_has_to_agree,
	                             bytes_that_cannot_be_had_are_asked_for_once,
	                             all_have_to_agree,
	                             equal_bytes_are_scanned_once,
	                             other_scanners_are_asked,
	                             a_run_that_is_cancelled,
	                             a_run_that_ends_between_two_scanners,
	                             a_name_that_is_allowed_hides_no_other,
	                             lists_and_large_files,
	                             large_files_are_kept,
	                             lists_decide,
	                             lists_that_cannot_be_read,
	                             quarantine,
	                             needs_of_addresses,
	                             forced_outcomes};
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
