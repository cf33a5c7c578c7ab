/* SPDX-License-Identifier: Apache-2.0
 * The module with a real c-icap on a real clamd; skipped where there is none. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/fixture_icap.h"
#include "tests/plugins/scan.h"

#define SKIPPED 77

static struct fixture_clamd clamd;
static struct fixture_icap icap;
static struct pp_run run;

static void start(void)
{
	ck_assert(fixture_clamd_start(&clamd, NULL));
	ck_assert(fixture_icap_start(&icap, &clamd, NULL));
}

static void stop(void)
{
	fixture_icap_stop(&icap);
	fixture_clamd_stop(&clamd);
}

static void *create(const char *service)
{
	char url[64];
	snprintf(url, sizeof url, "icap_url=icap://127.0.0.1:%u/%s", icap.port, service);
	return create_icap(url, NULL);
}

START_TEST(verdicts)
{
	char eicar[EICAR_SIZE + 1], why[256];
	unsigned char zip[EICAR_ZIP_SIZE];
	eicar_make(eicar);
	void *instance = create("avscan");
	ck_assert_msg(check(instance, why, sizeof why), "%s", why);
	stub_run_init(&run, "clean", 5);
	ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	ck_assert_str_eq(run.verdict, "clean");
	stub_run_init(&run, eicar, EICAR_SIZE);
	ck_assert_msg(scan(instance, &run) == PP_DELETE, "%s", run.reason);
	assert_holds(run.result, "\"Infected\":true,\"Description\":\"" EICAR_NAME "\"");
	ck_assert_str_eq(run.verdict, "infected");
	stub_run_init(&run, eicar, EICAR_SIZE);
	run.piece = 1;
	ck_assert_uint_eq(scan(instance, &run), PP_DELETE);
	stub_run_init(&run, zip, eicar_zip_make(zip));
	ck_assert_uint_eq(scan(instance, &run), PP_DELETE);
	assert_holds(run.result, EICAR_NAME);
	stub_run_init(&run, "", 0);
	ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	stub_run_init(&run, NULL, 30 * MEGABYTE);
	ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	stub_run_init(&run, NULL, 5 * MEGABYTE);
	run.filesize = -1;
	ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	pp_step_module.destroy(instance);
}
END_TEST

/* Its ISTag stays the same when the signatures change. */
START_TEST(nothing_is_kept)
{
	static struct stub_cache cache;
	char url[64];
	snprintf(url, sizeof url, "icap_url=icap://127.0.0.1:%u/avscan", icap.port);
	void *instance = stub_create("scanner=icap", url, NULL);
	for (int i = 0; i < 2; i++) {
		stub_run_init(&run, "clean", 5);
		run.cache = &cache;
		ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
		assert_holds(run.details, "\"version\":\"C-ICAP/");
		ck_assert_uint_eq(cache.count + cache.asked, 0);
	}
	stub_run_init(&run, NULL, 0);
	ck_assert_int_eq(pp_step_module.check_run(instance, &run), 0);
	assert_holds(run.logged, "does not tell a version of its signatures (C-ICAP/");
	pp_step_module.destroy(instance);
}
END_TEST

START_TEST(other_services)
{
	char why[256];
	void *instance = create("echo");
	stub_run_init(&run, NULL, 3 * MEGABYTE);
	ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	pp_step_module.destroy(instance);
	instance = create("none");
	stub_run_init(&run, "clean", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "it has no service \"none\" (icap_url)");
	pp_step_module.destroy(instance);
	char url[64];
	snprintf(url, sizeof url, "icap_url=icap://127.0.0.1:%u", icap.port);
	instance = create_icap(url, "icap_service=nowhere");
	ck_assert(!check(instance, why, sizeof why));
	assert_holds(why, "it has no service \"nowhere\" (icap_service)");
	pp_step_module.destroy(instance);
}
END_TEST

/* The server cannot ask its scanner: that is no verdict. */
START_TEST(without_its_scanner)
{
	void *instance = create("avscan");
	/* c-icap listens before it has asked for its scanner, see below. */
	stub_run_init(&run, "clean", 5);
	ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	fixture_clamd_stop(&clamd);
	stub_run_init(&run, "clean", 5);
	ck_assert_msg(scan(instance, &run) == PP_RETRY, "%s %s", run.reason, run.result);
	pp_step_module.destroy(instance);
}
END_TEST

/* c-icap that found no scanner when it started lets everything pass for ever. */
START_TEST(started_without_its_scanner)
{
	char url[64];
	fixture_icap_stop(&icap);
	fixture_clamd_stop(&clamd);
	ck_assert(fixture_icap_start(&icap, &clamd, NULL));
	snprintf(url, sizeof url, "icap_url=icap://127.0.0.1:%u/avscan", icap.port);
	void *instance = stub_create("scanner=icap", url, "cache=0");
	stub_run_init(&run, "clean", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "it does not find the EICAR test file");
	pp_step_module.destroy(instance);
}
END_TEST

START_TEST(it_goes_away)
{
	void *instance = create("avscan");
	stub_run_init(&run, "clean", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	process_end(&icap.process);
	stub_run_init(&run, "clean", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "icap");
	pp_step_module.destroy(instance);
}
END_TEST

int main(void)
{
	if (!fixture_icap_present() || !fixture_clamd_present()) {
		puts("skipped: there is no c-icap with virus_scan (Debian: c-icap, libc-icap-mod-virus-scan)");
		return SKIPPED;
	}
	Suite *suite = suite_create("icap_real");
	TCase *tests = tcase_create("c-icap");
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, start, stop);
	tcase_add_test(tests, verdicts);
	tcase_add_test(tests, nothing_is_kept);
	tcase_add_test(tests, other_services);
	tcase_add_test(tests, without_its_scanner);
	tcase_add_test(tests, started_without_its_scanner);
	tcase_add_test(tests, it_goes_away);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
