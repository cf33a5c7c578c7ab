/* SPDX-License-Identifier: Apache-2.0
 * What the host does for a module in one run: its Result, its reason and its log, and their limits. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/steps/thread_run.h"
#include "core/upload/event.h"
#include "core/upload/record.h"
#include "tests/harness/suite.h"

static const struct pp_host *const host = &host_services;

/* What the module of the test does: the test's own function. */
static uint32_t (*act)(struct pp_run *run);

static uint32_t run_test(void *instance, struct pp_run *run)
{
	(void)instance;
	return act(run);
}

static const struct module module = {.name = (char *)(uintptr_t) "stub", .table = {.run = run_test}};
static const struct step_config config = {.name = (char *)(uintptr_t) "step", .workers = 1, .deadline = MINUTE};
static const struct step step = {.config = &config, .module = &module};
static const char *const names[] = {"step"};
static char logged[8192];

/* Carries out one run; `logged` has what was logged. The caller frees it. */
static struct run *run_once(uint32_t (*what)(struct pp_run *run))
{
	static const struct content_options options;
	char path[] = "/tmp/pp-host-XXXXXX";
	struct log log = {.fd = mkstemp(path), .level = LOG_DEBUG};
	ck_assert_int_ge(log.fd, 0);
	unlink(path);
	struct upload *upload = upload_create(&(struct upload){.id = "u", .filename = "f", .step = names, .step_count = 1});
	struct run *run = run_create(upload);
	struct content *content = content_create(&options);
	ck_assert(run != NULL && content != NULL);
	upload_release(upload);
	run->allowed = MINUTE;
	act = what;
	struct copies *copies = copies_create(&options);
	thread_run(&step, run, content, copies, -1, &log, NULL, NULL, NULL);
	copies_destroy(copies);
	content_destroy(content);
	ssize_t length = pread(log.fd, logged, sizeof logged - 1, 0);
	logged[length > 0 ? length : 0] = '\0';
	close(log.fd);
	return run;
}

static const char *result_text;
static int result_returned;

static uint32_t set_result(struct pp_run *run)
{
	ck_assert_int_eq(host->set_result(run, "{\"before\":1}"), 0);
	result_returned = host->set_result(run, result_text);
	return PP_CONTINUE;
}

static const struct {
	const char *text, *kept; /* NULL: refused */
} results[] = {
	{"{}", "{}"},
	{"null", "null"},
	{"\"text\"", "\"text\""},
	{" { \"a b\" : [ 1 ,\t2 ] ,\r\n \"c\" : \" \\\" \" } ", "{\"a b\":[1,2],\"c\":\" \\\" \"}"},
	/* Numbers stay the text that they are. */
	{"{\"n\":123456789012345678901234567890,\"m\":-9223372036854775809}",
     "{\"n\":123456789012345678901234567890,\"m\":-9223372036854775809}"},
	{"0.1", "0.1"},
	{"12345678901234567890", "12345678901234567890"},
	{"[0.1,0.10,1E400,1e-400,-0]", "[0.1,0.10,1E400,1e-400,-0]"},
	{"{\"nul\":\"\\u0000\",\"e\":\"\\u00fc\xc3\xbc\"}", "{\"nul\":\"\\u0000\",\"e\":\"\\u00fc\xc3\xbc\"}"},
	{"", NULL},
	{NULL, NULL},
	{"{a}", NULL},
	{"{} {}", NULL},
	{"{\"a\":01}", NULL},
	{"{\"a\":\"\xff\"}", NULL},
	{"{\"a\":\"\\ud800\"}", NULL},
	{"nothing", NULL},
};

START_TEST(results_are_kept_as_they_are)
{
	for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
		result_text = results[i].text;
		struct run *run = run_once(set_result);
		ck_assert_int_eq(result_returned, results[i].kept != NULL ? 0 : -1);
		/* The earlier Result is kept, and the log reports it. */
		ck_assert_str_eq(run->result, results[i].kept != NULL ? results[i].kept : "{\"before\":1}");
		ck_assert_msg((strstr(logged, "warning upload u: step: Result rejected: not JSON") != NULL) ==
		                  (results[i].kept == NULL),
		              "%s", logged);
		ck_assert_int_eq(run->outcome, OUTCOME_CONTINUE);
		run_free(run);
	}
}
END_TEST

static char *repeat(const char *head, size_t count, const char *what, const char *tail)
{
	struct text text = {0};
	text_add(&text, head);
	for (size_t i = 0; i < count; i++)
		text_add(&text, what);
	text_add(&text, tail);
	return text_take(&text);
}

/* The event and the record with such a Result, beside everything else that an upload may have, can be read. */
static void check_usable(const char *result)
{
	char *user = repeat("{\"x\":\"", 200000, "x", "\"}");
	struct upload *upload =
		upload_create(&(struct upload){.id = "u", .user_json = user, .step = names, .step_count = 1});
	struct status status = {.step = 1,
	                        .outcome = OUTCOME_CONTINUE,
	                        .phase = PHASE_CONFIRMING,
	                        .due = 1,
	                        .transition = 2,
	                        .publish = PUBLISH_STEP_FINISHED | PUBLISH_FINISHED,
	                        .published = 2,
	                        .finished_outcome = OUTCOME_CONTINUE};
	struct record record = {.upload = upload, .status = status, .result = strdup(result)}, again;
	struct text event = {0}, value = {0};
	struct event decoded;
	char why[256];
	event_encode(&event, PUBLISH_STEP_FINISHED, upload, &status, result, 0, 1);
	ck_assert_msg(event_decode(event.data, event.length, names, 1, 1, false, &decoded, why, sizeof why) == EVENT_TAKEN,
	              "%s", why);
	event_clear(&decoded);
	record_encode(&value, &record);
	ck_assert_uint_lt(value.length, 1000000); /* the broker's default limit */
	ck_assert_msg(record_decode(value.data, value.length, &again, why, sizeof why) == RECORD_TAKEN, "%s", why);
	ck_assert_str_eq(again.result, result);
	ck_assert(!again.foreign);
	record_clear(&again);
	record_clear(&record);
	text_free(&event);
	text_free(&value);
	free(user);
}

START_TEST(results_have_a_limit)
{
	static const struct {
		size_t length;
		int returned;
	} at[] = {{PP_RESULT_LIMIT, 0}, {PP_RESULT_LIMIT + 1, -1}, {3 << 20, -1}};
	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		char *text = repeat("\"", at[i].length - 2, "x", "\"");
		result_text = text;
		struct run *run = run_once(set_result);
		ck_assert_int_eq(result_returned, at[i].returned);
		ck_assert_str_eq(run->result, at[i].returned == 0 ? text : "{\"before\":1}");
		ck_assert_msg((strstr(logged, "the limit is") != NULL) == (at[i].returned != 0), "%s", logged);
		check_usable(run->result);
		run_free(run);
		free(text);
	}
}
END_TEST

START_TEST(results_have_a_depth)
{
	for (size_t depth = PP_RESULT_DEPTH; depth <= PP_RESULT_DEPTH + 1; depth++) {
		char *open = repeat("", depth, "[", ""), *text = repeat(open, depth, "]", "");
		result_text = text;
		struct run *run = run_once(set_result);
		ck_assert_int_eq(result_returned, depth == PP_RESULT_DEPTH ? 0 : -1);
		check_usable(run->result);
		run_free(run);
		free(text);
		free(open);
	}
}
END_TEST

static char *long_text;

static uint32_t talk(struct pp_run *run)
{
	host->set_reason(run, "%s", long_text);
	host->log(run, PP_LOG_INFO, "%s", long_text);
	return PP_ABORT;
}

/* Texts are cut between characters, and the cut is visible. */
START_TEST(texts_have_a_limit)
{
	static const char mark[] = "\xe2\x80\xa6";
	for (size_t odd = 0; odd < 4; odd++) {
		long_text = repeat(odd == 0 ? "" : odd == 1 ? "a" : odd == 2 ? "ab" : "abc", 500, "\xf0\x9f\xa6\xa0", "");
		struct run *run = run_once(talk);
		size_t length = strlen(run->reason), kept = length - strlen(mark);
		ck_assert_uint_le(length, PP_REASON_LIMIT);
		ck_assert_uint_gt(length, PP_REASON_LIMIT - 5);
		ck_assert_str_eq(run->reason + kept, mark);
		ck_assert_mem_eq(run->reason, long_text, kept);
		ck_assert_uint_eq((kept - odd) % 4, 0);
		char *end = strstr(logged, "\n");
		ck_assert(end != NULL && end - logged > (ptrdiff_t)PP_LOG_LIMIT - 8);
		ck_assert_mem_eq(end - strlen(mark), mark, strlen(mark));
		run_free(run);
		free(long_text);
	}
	long_text = repeat("", PP_REASON_LIMIT, "x", "");
	struct run *run = run_once(talk);
	ck_assert_str_eq(run->reason, long_text);
	ck_assert_ptr_null(strstr(logged, mark));
	run_free(run);
	free(long_text);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {results_are_kept_as_they_are, results_have_a_limit, results_have_a_depth,
	                              texts_have_a_limit};
	return suite_run("host", tests, sizeof tests / sizeof tests[0], 60);
}
