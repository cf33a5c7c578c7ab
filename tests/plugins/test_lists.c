/* SPDX-License-Identifier: Apache-2.0
 * What the module knows without a scan: verdicts in the cache, and names and digests in lists. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/suite.h"
#include "tests/plugins/pair.h"

#define HELLO_DIGEST "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"

static void *create_listed(const char *key, const char *lines)
{
	char value[FOLDER_PATH_SIZE + 32];
	pair_write_list(key, lines, value);
	return pair_create(1, value, "cache=0");
}

START_TEST(equal_bytes_are_scanned_once)
{
	static struct stub_cache cache;
	memset(&cache, 0, sizeof cache);
	run.cache = &cache;
	pair_start(&one);
	void *instance = pair_create(1, NULL, NULL);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	ck_assert_uint_eq(pair_scan(instance, eicar), PP_DELETE);
	ck_assert_uint_eq(pair_streams(&one), 4);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	assert_holds(run.details, "\"version\":\"" PAIR_VERSION "\",\"bytes\":5");
	assert_holds(run.details, "\"cached\":true");
	assert_holds(run.result, "\"Infected\":false");
	assert_holds(run.logged, "from the cache");
	ck_assert_uint_eq(pair_scan(instance, eicar), PP_DELETE);
	assert_holds(run.result, "\"Infected\":true,\"Description\":\"Eicar\"");
	ck_assert_uint_eq(pair_streams(&one), 4);
	ck_assert_uint_eq(cache.count, 2);
	/* What was found by heuristics is scanned again. */
	one.answer = "stream: Heuristics.Odd FOUND";
	for (unsigned i = 1; i < 3; i++) {
		ck_assert_uint_eq(pair_scan(instance, "other"), PP_ABORT);
		ck_assert_uint_eq(pair_streams(&one), 4 + i);
	}
	pp_step_module.destroy(instance);
	/* Other signatures have not seen the file. */
	one.answer = NULL;
	one.version = PAIR_NEWER_VERSION;
	instance = pair_create(1, NULL, NULL);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	ck_assert_ptr_null(strstr(run.details, "cached"));
	pp_step_module.destroy(instance);
	/* Nobody knows which they are. */
	one.version = "ClamAV 1.4.3";
	instance = pair_create(1, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
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
	pair_start(&one);
	pair_start(&two);
	void *instance = pair_create(1, NULL, NULL);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	pp_step_module.destroy(instance);
	char socket[160];
	snprintf(socket, sizeof socket, "clamav_socket=%s", two.socket);
	instance = stub_create(socket, NULL, NULL);
	ck_assert_uint_eq(pair_scan(instance, "other"), PP_CONTINUE);
	two.answer = "stream: Odd FOUND";
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_DELETE);
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
	pair_start(&one);
	void *instance = pair_create(1, "cache_first=0", NULL);
	run.cache = &cache;
	ck_assert_uint_eq(pair_scan(instance, text), PP_CONTINUE);
	ck_assert_uint_eq(cache.count + cache.asked, 0);
	for (unsigned i = 0; i < 2; i++) {
		stub_run_init(&run, text, 5);
		run.cache = &cache;
		run.known_sha256 = digest;
		ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
		ck_assert_uint_eq(cache.count, 1);
		ck_assert_uint_eq(pair_streams(&one), 4);
	}
	assert_holds(run.details, "\"cached\":true");
	ck_assert_uint_eq(run.offset, 0);
	pp_step_module.destroy(instance);
	/* A verdict on a part is none on the whole. */
	instance = pair_create(1, "max_scan_size=2", "cache_first=0");
	cache.count = 0;
	ck_assert_uint_eq(pair_scan(instance, text), PP_CONTINUE);
	ck_assert_str_eq(run.verdict, "partial");
	ck_assert_uint_eq(cache.count, 0);
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

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
		pair_start(&one);
		void *instance = create_listed(table[i].key, table[i].lines);
		ck_assert_uint_eq(pair_scan(instance, "other"), PP_CONTINUE);
		unsigned before = pair_streams(&one);
		one.answer = table[i].answer;
		ck_assert_msg(pair_scan(instance, "hello") == table[i].outcome, "%zu: %s", i, run.reason);
		ck_assert_str_eq(run.verdict, table[i].word);
		assert_holds(run.reason, table[i].reason);
		assert_holds(run.result, table[i].result);
		/* A digest that is blocked needs no scanner. */
		ck_assert_uint_eq(pair_streams(&one) - before,
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
	pair_start(&one);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char list[FOLDER_PATH_SIZE + 32], socket[160];
		pair_write_list(table[i].key, table[i].lines, list);
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
		pair_start(&one);
		pair_start(&two);
		char list[FOLDER_PATH_SIZE + 32];
		pair_write_list("allow_list", "Bad\n", list);
		char sockets[300];
		snprintf(sockets, sizeof sockets, "clamav_socket=%s,%s", one.socket, two.socket);
		const char *const values[] = {"agree=all", "cache=0", "self_test=0", list, sockets, NULL};
		void *instance = stub_create_with(values);
		one.answer = table[i].answers[0];
		two.answer = table[i].answers[1];
		for (int turn = 0; turn < 2; turn++) {
			ck_assert_msg(pair_scan(instance, "hello") == table[i].outcome, "%zu: %s", i, run.reason);
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

int main(void)
{
	const TTest *const tests[] = {equal_bytes_are_scanned_once, other_scanners_are_asked,
	                              large_files_are_kept,         lists_decide,
	                              lists_and_large_files,        a_name_that_is_allowed_hides_no_other,
	                              lists_that_cannot_be_read};
	return suite_run("lists", tests, sizeof tests / sizeof tests[0], 60);
}
