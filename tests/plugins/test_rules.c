/* SPDX-License-Identifier: Apache-2.0
 * What the module's keys say, and what it says of them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/suite.h"
#include "tests/plugins/pair.h"

static bool begins_with_one_of(const char *text, const char *words)
{
	for (size_t length; *words != '\0'; words += length + (words[length] == ' ')) {
		length = strcspn(words, " ");
		if (strncmp(text, words, length) == 0)
			return true;
	}
	return false;
}

/* Nobody listens, so what the check logs last is about the configuration. */
START_TEST(keys_that_are_warned_of)
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
		{{clamd, "infected=continue"}, "infected files are accepted (infected = continue)"},
		{{clamd, "self_test=0"}, "scanners are not tested (self_test = 0)"},
		{{clamd, "on_exhausted=1"}, "are accepted after all retries (on_exhausted = continue)"},
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

START_TEST(quarantine)
{
	pair_start(&one);
	char socket[160];
	snprintf(socket, sizeof socket, "clamav_socket=%s", one.socket);
	const char *const values[] = {
		"infected=quarantine", "encrypted=quarantine", "quarantine=1", "cache=0", socket, NULL};
	void *instance = stub_create_with(values);
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_CONTINUE);
	ck_assert_uint_eq(run.quarantined, 0);
	ck_assert_uint_eq(pair_scan(instance, eicar), PP_ABORT);
	ck_assert_uint_eq(run.quarantined, 1);
	assert_holds(run.result, "\"Infected\":true");
	one.answer = "stream: Heuristics.Encrypted.Zip FOUND";
	ck_assert_uint_eq(pair_scan(instance, "hello"), PP_ABORT);
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
		ck_assert_uint_eq(pair_scan(instance, "hello"), table[i].outcome);
		ck_assert_uint_eq(run.offset, 0);
		if (table[i].outcome != PP_RETRY)
			assert_holds(run.result, "\"Infected\":true,\"Description\":\"DEBUG: forced outcome\"");
		pp_step_module.destroy(instance);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		keys_that_are_warned_of, outcomes_that_are_logged, an_address_twice, needs_of_addresses, quarantine,
		forced_outcomes};
	return suite_run("rules", tests, sizeof tests / sizeof tests[0], 60);
}
