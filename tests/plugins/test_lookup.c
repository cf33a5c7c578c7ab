/* SPDX-License-Identifier: Apache-2.0
 * What a verdict in the cache depends on: whoever gave it, and on what. */
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/virusscan/endpoint.h"
#include "tests/harness/suite.h"
#include "tests/plugins/icap_server.h"
#include "tests/plugins/pair.h"

static struct stub_cache cache;

static void begin(void)
{
	memset(&cache, 0, sizeof cache);
	run.cache = &cache;
}

/* Several clamd are behind one address, and one of them has older signatures. Sessions end, and the next one is with
 * another clamd. */
START_TEST(each_verdict_has_the_version_of_its_clamd)
{
	begin();
	pair_start(&one);
	one.version = PAIR_NEWER_VERSION;
	void *instance = pair_create(1, NULL, NULL);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	assert_holds(run.details, PAIR_NEWER_VERSION);
	ck_assert_uint_eq(cache.count, 1);
	fake_clamd_await_close(&one);
	one.version = PAIR_VERSION;
	unsigned before = pair_streams(&one);
	ck_assert_uint_eq(pair_scan(instance, "fresh virus"), PP_CONTINUE);
	assert_holds(run.details, PAIR_VERSION);
	/* With its test, as nobody knew these signatures. */
	ck_assert_uint_eq(pair_streams(&one), before + 3);
	ck_assert_uint_eq(cache.count, 1);
	fake_clamd_await_close(&one);
	one.version = PAIR_NEWER_VERSION;
	ck_assert_uint_eq(pair_scan(instance, "fresh virus"), PP_CONTINUE);
	assert_holds(run.details, PAIR_NEWER_VERSION);
	ck_assert_ptr_null(strstr(run.details, "cached"));
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

/* The bytes have changed since an earlier step had their digest. */
START_TEST(a_digest_of_other_bytes)
{
	begin();
	pair_start(&one);
	void *instance = pair_create(1, "cache_first=0", NULL);
	for (int i = 0; i < 2; i++) {
		stub_run_init(&run, "hello", 5);
		run.cache = &cache;
		run.known_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
		ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
		ck_assert_ptr_null(strstr(run.details, "cached"));
	}
	run.known_sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	assert_holds(run.details, "\"cached\":true");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

static uint32_t scan_named(void *instance, const char *name)
{
	stub_run_init(&run, "hello", 5);
	run.cache = &cache;
	run.filename = name;
	return scan(instance, &run);
}

/* An ICAP server is told the name, and may have rules for it. */
START_TEST(names_that_an_icap_server_is_told)
{
	static struct icap_server server;
	begin();
	server =
		(struct icap_server){.options = "ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: \"A-1\"\r\nAllow: 204\r\n\r\n",
	                         .answer = "ICAP/1.0 204 Unmodified\r\nISTag: \"A-1\"\r\n\r\n"};
	icap_server_start(&server);
	void *instance = stub_create("scanner=icap", server.url, "self_test=0");
	ck_assert_uint_eq(scan_named(instance, "a.txt"), PP_CONTINUE);
	ck_assert_uint_eq(scan_named(instance, "a.txt"), PP_CONTINUE);
	assert_holds(run.details, "\"cached\":true");
	icap_server_answered(&server);
	server.answer = "ICAP/1.0 204 OK\r\nISTag: \"A-1\"\r\nX-Virus-ID: Bad\r\n\r\n";
	icap_server_answered(&server);
	ck_assert_uint_eq(scan_named(instance, "a.exe"), PP_DELETE);
	ck_assert_ptr_null(strstr(run.details, "cached"));
	ck_assert_uint_eq(scan_named(instance, "a.txt"), PP_CONTINUE);
	ck_assert_uint_eq(icap_server_answered(&server), 2);
	pp_step_module.destroy(instance);
	icap_server_stop(&server);
}
END_TEST

/* clamd is not. */
START_TEST(names_that_clamd_is_not_told)
{
	begin();
	pair_start(&one);
	void *instance = pair_create(1, NULL, NULL);
	ck_assert_uint_eq(scan_named(instance, "a.txt"), PP_CONTINUE);
	ck_assert_uint_eq(scan_named(instance, "a.exe"), PP_CONTINUE);
	assert_holds(run.details, "\"cached\":true");
	pp_step_module.destroy(instance);
	fake_clamd_stop(&one);
}
END_TEST

/* The same address on two hosts. Whether the name of the host could be changed: a user may not be allowed to. */
static bool scan_on_two_hosts(const char *sockets)
{
	begin();
	void *instance = stub_create(sockets, NULL, NULL);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	pp_step_module.destroy(instance);
	if ((unshare(CLONE_NEWUTS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWUTS) != 0) || sethostname("other", 5) != 0)
		return false;
	instance = stub_create(sockets, NULL, NULL);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	pp_step_module.destroy(instance);
	return true;
}

START_TEST(local_addresses)
{
	char sockets[160];
	if (_i == 0)
		pair_start(&one);
	else
		fake_clamd_start_tcp(&one, MANNER_SCANNER, NULL);
	one.version = PAIR_VERSION;
	snprintf(sockets, sizeof sockets, "clamav_socket=%s", one.socket);
	if (scan_on_two_hosts(sockets)) {
		ck_assert_ptr_null(strstr(run.details, "cached"));
		ck_assert_uint_eq(cache.count, 2);
	} else {
		puts("not tried: the name of the host cannot be changed here");
	}
	fake_clamd_stop(&one);
}
END_TEST

START_TEST(addresses_of_this_host)
{
	static const struct {
		const char *text;
		bool local;
	} table[] = {{"/run/clamd", true},       {"unix:///run/clamd", true},  {"tcp://127.0.0.1:3310", true},
	             {"127.3.2.1:3310", true},   {"[::1]:3310", true},         {"[::ffff:127.0.0.1]:1", true},
	             {"localhost:3310", true},   {"tcp://clamav:3310", false}, {"10.0.0.1:3310", false},
	             {"[2001:db8::1]:1", false}, {"127.example.org:1", false}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct endpoint endpoint;
		ck_assert(endpoint_parse(table[i].text, &endpoint));
		ck_assert_msg(endpoint_is_local(&endpoint) == table[i].local, "%s", table[i].text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lookup");
	TCase *tests = tcase_create("lookup");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, each_verdict_has_the_version_of_its_clamd);
	tcase_add_test(tests, a_digest_of_other_bytes);
	tcase_add_test(tests, names_that_an_icap_server_is_told);
	tcase_add_test(tests, names_that_clamd_is_not_told);
	tcase_add_loop_test(tests, local_addresses, 0, 2);
	tcase_add_test(tests, addresses_of_this_host);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
