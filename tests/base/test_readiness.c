/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/readiness.h"
#include "tests/harness/suite.h"

static char *written(struct readiness *readiness)
{
	struct text text = {0};
	readiness_write(readiness, &text);
	char *json = text_take(&text);
	ck_assert_ptr_nonnull(json);
	return json;
}

START_TEST(not_ready_before_every_fact_is)
{
	struct metrics *metrics = metrics_create();
	struct readiness *readiness = readiness_create(metrics);
	struct fact *stream = readiness_add(readiness, "stream", "main-queue"),
				*step = readiness_add(readiness, "step", "virusscan");
	ck_assert(!readiness_good(readiness));
	ck_assert(fact_set(stream, true, ""));
	ck_assert(!readiness_good(readiness));
	ck_assert(fact_set(step, true, ""));
	ck_assert(readiness_good(readiness));
	ck_assert(!fact_set(step, true, "ClamAV 1.0.9"));
	ck_assert(fact_set(step, false, "no answer from \"/run/clamd\""));
	ck_assert(!readiness_good(readiness));
	ck_assert(!fact_good(step));
	ck_assert(fact_good(stream));
	readiness_destroy(readiness);
	metrics_destroy(metrics);
}
END_TEST

/* A step that is not in the configuration any more. */
START_TEST(what_is_not_shown_does_not_count)
{
	struct metrics *metrics = metrics_create();
	struct readiness *readiness = readiness_create(metrics);
	struct fact *step = readiness_add(readiness, "step", "virusscan"), *stream = readiness_add(readiness, "stream", "");
	char metric[1024], fault[FACT_REASON_SIZE];
	fact_set(stream, true, "");
	fact_set(step, false, "no answer");
	fact_show(step, false);
	ck_assert(readiness_good(readiness));
	ck_assert_str_eq(readiness_fault(readiness, fault, sizeof fault), "");
	char *hidden = written(readiness);
	ck_assert_ptr_nonnull(strstr(hidden, "{\"ready\":true,\"checks\":[{\"thing\":\"stream\""));
	ck_assert_ptr_null(strstr(hidden, "virusscan"));
	FILE *out = fmemopen(metric, sizeof metric, "w");
	ck_assert(metrics_write(metrics, out));
	fclose(out);
	ck_assert_ptr_null(strstr(metric, "virusscan"));
	fact_show(step, true);
	ck_assert(!readiness_good(readiness));
	char *shown = written(readiness);
	ck_assert_ptr_nonnull(strstr(shown, "no answer"));
	free(hidden);
	free(shown);
	readiness_destroy(readiness);
	metrics_destroy(metrics);
}
END_TEST

START_TEST(each_fact_is_written_with_its_reason)
{
	struct metrics *metrics = metrics_create();
	struct readiness *readiness = readiness_create(metrics);
	struct fact *step = readiness_add(readiness, "step", "virusscan");
	char *before = written(readiness);
	ck_assert_ptr_nonnull(
		strstr(before, "{\"ready\":false,\"checks\":[{\"thing\":\"step\",\"name\":\"virusscan\",\"ready\":false,"
	                   "\"reason\":\"not checked yet\",\"since\":\""));
	fact_set(step, true, "a \"quoted\" word");
	char *after = written(readiness);
	ck_assert_ptr_nonnull(strstr(after, "{\"ready\":true,"));
	ck_assert_ptr_nonnull(strstr(after, "\"reason\":\"a \\\"quoted\\\" word\""));
	free(before);
	free(after);
	readiness_destroy(readiness);
	metrics_destroy(metrics);
}
END_TEST

START_TEST(the_first_fault_is_reported)
{
	char text[64];
	struct metrics *metrics = metrics_create();
	struct readiness *readiness = readiness_create(metrics);
	struct fact *state = readiness_add(readiness, "state folder", ""),
				*stream = readiness_add(readiness, "stream", "main-queue");
	fact_set(state, true, "");
	fact_set(stream, false, "stream main-queue: it is gone");
	ck_assert_str_eq(readiness_fault(readiness, text, sizeof text), "stream main-queue: it is gone");
	char *json = written(readiness);
	ck_assert_ptr_nonnull(strstr(json, "\"reason\":\"it is gone\""));
	free(json);
	fact_set(stream, false, "stream main-queue-2: it is gone");
	ck_assert_str_eq(readiness_fault(readiness, text, sizeof text),
	                 "stream main-queue: stream main-queue-2: it is gone");
	fact_set(state, false, "state folder: full");
	ck_assert_str_eq(readiness_fault(readiness, text, sizeof text), "state folder: full");
	fact_set(state, true, "");
	fact_set(stream, true, "");
	ck_assert_str_eq(readiness_fault(readiness, text, sizeof text), "");
	readiness_destroy(readiness);
	metrics_destroy(metrics);
}
END_TEST

START_TEST(a_fact_is_a_metric)
{
	struct metrics *metrics = metrics_create();
	struct readiness *readiness = readiness_create(metrics);
	char *text = NULL;
	size_t size;
	fact_set(readiness_add(readiness, "broker", ""), true, "");
	readiness_add(readiness, "step", "delay");
	FILE *out = open_memstream(&text, &size);
	ck_assert(metrics_write(metrics, out));
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "postprocessing_ready{thing=\"broker\",name=\"\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(text, "postprocessing_ready{thing=\"step\",name=\"delay\"} 0\n"));
	free(text);
	readiness_destroy(readiness);
	metrics_destroy(metrics);
}
END_TEST

START_TEST(a_long_reason_is_cut_at_a_character)
{
	struct metrics *metrics = metrics_create();
	struct readiness *readiness = readiness_create(metrics);
	char reason[FACT_REASON_SIZE + 8];
	memset(reason, 'a', FACT_REASON_SIZE - 2);
	strcpy(reason + FACT_REASON_SIZE - 2, "\303\244");
	fact_set(readiness_add(readiness, "broker", ""), false, reason);
	char *json = written(readiness);
	ck_assert_ptr_null(strstr(json, "\303"));
	ck_assert_ptr_nonnull(strstr(json, "aaa\",\"since\""));
	free(json);
	readiness_destroy(readiness);
	metrics_destroy(metrics);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {not_ready_before_every_fact_is,
	                              what_is_not_shown_does_not_count,
	                              each_fact_is_written_with_its_reason,
	                              the_first_fault_is_reported,
	                              a_fact_is_a_metric,
	                              a_long_reason_is_cut_at_a_character};
	return suite_run("readiness", tests, sizeof tests / sizeof tests[0], 60);
}
