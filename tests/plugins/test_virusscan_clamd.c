/* SPDX-License-Identifier: Apache-2.0
 * The module with a real clamd; skipped where there is none. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/fixture_clamd.h"
#include "tests/plugins/scan.h"

#define SKIPPED 77

static struct fixture_clamd real;

static void start_real(void)
{
	ck_assert(fixture_clamd_start(&real, "StreamMaxLength 8M\nMaxFileSize 4M\nMaxScanSize 4M\nAlertEncrypted yes"));
}

static void stop_real(void)
{
	fixture_clamd_stop(&real);
}

START_TEST(real_verdicts)
{
	char eicar[EICAR_SIZE + 1], why[256];
	unsigned char zip[EICAR_ZIP_SIZE];
	eicar_make(eicar);
	void *instance = create_at(real.socket, NULL, NULL);
	struct pp_run run;
	ck_assert_msg(check(instance, why, sizeof why), "%s", why);
	stub_run_init(&run, "clean", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	stub_run_init(&run, eicar, EICAR_SIZE);
	ck_assert_uint_eq(scan(instance, &run), PP_DELETE);
	assert_holds(run.result, "\"Infected\":true,\"Description\":\"" EICAR_NAME "\"");
	stub_run_init(&run, eicar, EICAR_SIZE);
	run.piece = 1;
	ck_assert_uint_eq(scan(instance, &run), PP_DELETE);
	stub_run_init(&run, eicar, EICAR_SIZE - 1);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	stub_run_init(&run, zip, eicar_zip_make(zip));
	ck_assert_uint_eq(scan(instance, &run), PP_DELETE);
	assert_holds(run.result, EICAR_NAME);
	stub_run_init(&run, "", 0);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	stub_run_init(&run, NULL, 3 * MEGABYTE);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	pp_step_module.destroy(instance);
}
END_TEST

START_TEST(real_limits)
{
	void *instance = create_at(real.socket, NULL, NULL);
	struct pp_run run;
	stub_run_init(&run, NULL, 6 * MEGABYTE);
	ck_assert_uint_eq(scan(instance, &run), PP_ABORT);
	assert_holds(run.reason, "partial: Heuristics.Limits.Exceeded.MaxFileSize");
	ck_assert_str_eq(run.verdict, "partial");
	stub_run_init(&run, NULL, 60 * MEGABYTE);
	ck_assert_uint_eq(scan(instance, &run), PP_ABORT);
	assert_holds(run.reason, "unscannable: larger than clamd accepts: raise StreamMaxLength");
	stub_run_init(&run, "clean", 5);
	ck_assert_uint_eq(scan(instance, &run), PP_CONTINUE);
	pp_step_module.destroy(instance);
}
END_TEST

/* An archive marked as encrypted: clamd cannot look into it, and is configured to report that. */
static size_t encrypted_zip_make(unsigned char zip[EICAR_ZIP_SIZE])
{
	size_t size = eicar_zip_make(zip);
	unsigned char *central = memmem(zip, size, "PK\1\2", 4);
	ck_assert_ptr_nonnull(central);
	zip[6] |= 1;
	central[8] |= 1;
	return size;
}

START_TEST(real_suspicion)
{
	unsigned char zip[EICAR_ZIP_SIZE];
	struct pp_run run;
	void *instance = create_at(real.socket, "infected=delete", NULL);
	stub_run_init(&run, zip, encrypted_zip_make(zip));
	ck_assert_uint_eq(scan(instance, &run), PP_ABORT);
	assert_holds(run.reason, "encrypted: Heuristics.Encrypted.Zip");
	assert_holds(run.result, "\"Infected\":false,\"Description\":\"\"");
	pp_step_module.destroy(instance);
}
END_TEST

#define THREADS 4
#define SCANS 25

/* Every other file is infected. Returns the number of wrong outcomes. */
static void *scan_many(void *instance)
{
	char eicar[EICAR_SIZE + 1];
	uintptr_t wrong = 0;
	eicar_make(eicar);
	for (int i = 0; i < SCANS; i++) {
		struct pp_run run;
		stub_run_init(&run, i % 2 == 0 ? eicar : "clean", i % 2 == 0 ? EICAR_SIZE : 5);
		wrong += pp_step_module.run(instance, &run) != (i % 2 == 0 ? PP_DELETE : PP_CONTINUE);
	}
	return (void *)wrong;
}

START_TEST(real_scans_side_by_side)
{
	char socket[160];
	snprintf(socket, sizeof socket, "clamav_socket=%s", real.socket);
	void *instance = stub_create(socket, NULL, NULL), *wrong;
	pthread_t thread[THREADS];
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, scan_many, instance), 0);
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
	pp_step_module.destroy(instance);
}
END_TEST

/* What freshclam does in the background. */
START_TEST(real_updates)
{
	static struct stub_cache cache;
	static const bool cached[] = {false, true, false, true};
	char socket[160];
	snprintf(socket, sizeof socket, "clamav_socket=%s", real.socket);
	for (unsigned i = 0; i < sizeof cached / sizeof cached[0]; i++) {
		struct pp_run run;
		/* The first one is from 2001. */
		if (i % 2 == 0)
			ck_assert(fixture_clamd_update(&real, 100 + i, i == 0 ? 1000000000 : time(NULL)));
		void *instance = stub_create(socket, NULL, NULL);
		stub_run_init(&run, "clean", 5);
		run.cache = &cache;
		ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
		ck_assert_msg((strstr(run.details, "\"cached\":true") != NULL) == cached[i], "%s", run.details);
		assert_holds(run.details, i < 2 ? "/100/Sun Sep  9 " : "/102/");
		ck_assert_msg((strstr(run.first_logged, "days old") != NULL) == (i < 2), "%s", run.first_logged);
		pp_step_module.destroy(instance);
	}
}
END_TEST

int main(void)
{
	if (!fixture_clamd_present()) {
		printf("no clamd here (package clamav-daemon)\n");
		return SKIPPED;
	}
	Suite *suite = suite_create("virusscan_clamd");
	TCase *cases = tcase_create("virusscan_clamd");
	tcase_set_timeout(cases, 120);
	tcase_add_unchecked_fixture(cases, start_real, stop_real);
	tcase_add_test(cases, real_verdicts);
	tcase_add_test(cases, real_limits);
	tcase_add_test(cases, real_suspicion);
	tcase_add_test(cases, real_scans_side_by_side);
	tcase_add_test(cases, real_updates);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
