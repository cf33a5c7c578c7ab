/* SPDX-License-Identifier: Apache-2.0
 * What the record keeps of what steps said, and its limits. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/upload/history.h"
#include "core/upload/record.h"
#include "tests/harness/suite.h"

static char *history;

/* Adds an entry, and checks the whole. NULL: it is empty. */
static void add(const struct history_entry *entry, const char *expected)
{
	char *more = history_add(history, entry);
	free(history);
	history = more;
	ck_assert_pstr_eq(history, expected);
}

START_TEST(entries)
{
	add(&(struct history_entry){.step = "a"}, NULL);
	add(&(struct history_entry){.step = "b", .verdict = "clean"}, "[{\"step\":\"b\",\"verdict\":\"clean\"}]");
	add(&(struct history_entry){.step = "c"}, "[{\"step\":\"b\",\"verdict\":\"clean\"}]");
	/* The result of a step comes later. */
	add(&(struct history_entry){.step = "b", .result = "[1]"},
	    "[{\"step\":\"b\",\"verdict\":\"clean\",\"result\":[1]}]");
	add(&(struct history_entry){.step = "\"", .details = "{}", .verdict = "x", .result = "\"]},{\""},
	    "[{\"step\":\"b\",\"verdict\":\"clean\",\"result\":[1]},"
	    "{\"step\":\"\\\"\",\"verdict\":\"x\",\"details\":{},\"result\":\"]},{\"}]");
	add(&(struct history_entry){.step = "d", .passed = true, .reason = "it \"failed\""},
	    "[{\"step\":\"b\",\"verdict\":\"clean\",\"result\":[1]},"
	    "{\"step\":\"\\\"\",\"verdict\":\"x\",\"details\":{},\"result\":\"]},{\"},"
	    "{\"step\":\"d\",\"passed\":true,\"reason\":\"it \\\"failed\\\"\"}]");
	/* A step that ran again. */
	char *again =
		history_add("[{\"step\":\"a\",\"verdict\":\"old\",\"details\":{}},{\"step\":\"b\",\"verdict\":\"x\"}]",
	                &(struct history_entry){.step = "a", .whole = true, .verdict = "new"});
	ck_assert_str_eq(again, "[{\"step\":\"b\",\"verdict\":\"x\"},{\"step\":\"a\",\"verdict\":\"new\"}]");
	free(again);
	ck_assert_ptr_null(
		history_add("[{\"step\":\"a\",\"verdict\":\"old\"}]", &(struct history_entry){.step = "a", .whole = true}));
	struct history_values values;
	ck_assert(history_find(history, "\"", &values));
	ck_assert(json_says(&values.verdict, "x") && values.passed.text == NULL);
	ck_assert(history_find(history, "d", &values));
	ck_assert(json_says(&values.reason, "it \"failed\"") && values.verdict.text == NULL);
	ck_assert(!history_find(history, "a", &values) && !history_find(NULL, "b", &values));
	ck_assert_ptr_null(values.verdict.text);
	free(history);
}
END_TEST

static char *string_of(size_t length)
{
	char *text = malloc(length + 1);
	memset(text, 'x', length);
	text[0] = text[length - 1] = '"';
	text[length] = '\0';
	return text;
}

START_TEST(a_result_has_a_limit)
{
	for (size_t length = HISTORY_RESULT_LIMIT; length <= HISTORY_RESULT_LIMIT + 1; length++) {
		struct history_values values;
		char *result = string_of(length);
		history = history_add(NULL, &(struct history_entry){.step = "a", .verdict = "v", .result = result});
		ck_assert(history_find(history, "a", &values));
		ck_assert_int_eq(values.result.text != NULL, length == HISTORY_RESULT_LIMIT);
		ck_assert_int_eq(values.omitted.text != NULL, length != HISTORY_RESULT_LIMIT);
		ck_assert(json_says(&values.verdict, "v"));
		free(history);
		free(result);
	}
}
END_TEST

/* As many steps as an upload can have, each of which says as much as it may: the earliest ones are kept. */
START_TEST(all_have_a_limit)
{
	char name[UPLOAD_STEP_NAME_LIMIT + 1], details[4097];
	char *result = string_of(HISTORY_RESULT_LIMIT);
	struct history_values values;
	memset(details, 'x', sizeof details);
	memcpy(details, "{\"a\":\"", 6);
	memcpy(details + 4094, "\"}", 3);
	history = NULL;
	for (unsigned i = 0; i < UPLOAD_STEPS_LIMIT; i++) {
		snprintf(name, sizeof name, "%060u", i);
		char *more = history_add(history, &(struct history_entry){.step = name,
		                                                          .verdict = "a-verdict-of-31-characters-long",
		                                                          .details = details,
		                                                          .result = result});
		ck_assert_uint_le(strlen(more), HISTORY_LIMIT);
		free(history);
		history = more;
	}
	unsigned results = 0, verdicts = 0, omitted = 0;
	for (unsigned i = 0; i < UPLOAD_STEPS_LIMIT; i++) {
		snprintf(name, sizeof name, "%060u", i);
		if (history_find(history, name, &values)) {
			results += values.result.text != NULL;
			verdicts += values.verdict.text != NULL;
			omitted += values.omitted.text != NULL;
		}
	}
	ck_assert_uint_eq(results, 1);
	ck_assert_msg(verdicts == UPLOAD_STEPS_LIMIT && omitted == verdicts - 1, "%u, %u", verdicts, omitted);
	/* Together with the rest, it can be written and read. */
	const char *const step[] = {"0"};
	struct record record = {.upload = upload_create(&(struct upload){.id = "u", .step = step, .step_count = 1}),
	                        .status = {.due = 1, .phase = PHASE_QUEUED},
	                        .history = history},
				  back;
	struct text value = {0};
	char why[256];
	record_encode(&value, &record);
	ck_assert_msg(record_decode(value.data, value.length, &back, why, sizeof why) == RECORD_TAKEN, "%s", why);
	ck_assert(!back.foreign && back.history != NULL);
	ck_assert_str_eq(back.history, history);
	record_clear(&back);
	record_clear(&record);
	text_free(&value);
	free(result);
}
END_TEST

/* What somebody else has put there is dropped, and the rest of the record counts. */
START_TEST(not_ours)
{
	static const char *const histories[] = {"{}", "7", "null", "\"[]\"", "true"};
	static const char *const odd[] = {"[]",
	                                  "[7]",
	                                  "[{}]",
	                                  "[{\"step\":7}]",
	                                  "[[{\"step\":\"a\"}]]",
	                                  "[{\"step\":\"a\",\"verdict\":{},\"result\":null,\"passed\":\"x\"}]"};
	const char *const step[] = {"a"};
	for (size_t i = 0; i < 5 + 6; i++) {
		struct record record = {.upload = upload_create(&(struct upload){.id = "u", .step = step, .step_count = 1}),
		                        .status = {.due = 1, .phase = PHASE_QUEUED},
		                        .history = strdup(i < 5 ? histories[i] : odd[i - 5])},
					  back;
		struct history_values values;
		struct text value = {0};
		char why[256];
		record_encode(&value, &record);
		ck_assert_msg(record_decode(value.data, value.length, &back, why, sizeof why) == RECORD_TAKEN, "%s", why);
		ck_assert_int_eq(back.history != NULL, i >= 5);
		ck_assert_int_eq(history_find(back.history, "a", &values), i == 10);
		char *more = history_add(back.history, &(struct history_entry){.step = "b", .verdict = "v"});
		ck_assert(history_find(more, "b", &values));
		free(more);
		record_clear(&back);
		record_clear(&record);
		text_free(&value);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {entries, a_result_has_a_limit, all_have_a_limit, not_ours};
	return suite_run("history", tests, sizeof tests / sizeof tests[0], 60);
}
