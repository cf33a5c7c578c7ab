/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/metrics.h"
#include "tests/harness/suite.h"

static char *written(const struct metrics *metrics)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(out);
	ck_assert(metrics_write(metrics, out));
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(counters_and_gauges_are_written_by_family)
{
	struct metrics *metrics = metrics_create();
	const char *const clean[] = {"step", "virusscan", "outcome", "continue", NULL};
	const char *const odd[] = {"step", "a\"b\\c\nd", NULL};
	struct counter *first = metrics_counter(metrics, "pp_steps_total", "Runs\nof \\steps.", clean);
	struct gauge *gauge = metrics_gauge(metrics, "pp_waiting", "Uploads that wait.", NULL);
	struct counter *second = metrics_counter(metrics, "pp_steps_total", "Another help.", odd);
	counter_add(first, 41);
	counter_add(first, 1);
	counter_add(second, UINT64_MAX);
	gauge_set(gauge, 5);
	gauge_set(gauge, -2);
	char *text = written(metrics);
	ck_assert_str_eq(text, "# HELP pp_steps_total Runs\\nof \\\\steps.\n"
	                       "# TYPE pp_steps_total counter\n"
	                       "pp_steps_total{step=\"virusscan\",outcome=\"continue\"} 42\n"
	                       "pp_steps_total{step=\"a\\\"b\\\\c\\nd\"} 18446744073709551615\n"
	                       "# HELP pp_waiting Uploads that wait.\n"
	                       "# TYPE pp_waiting gauge\n"
	                       "pp_waiting -2\n");
	ck_assert_uint_eq(counter_value(first), 42);
	ck_assert_int_eq(gauge_value(gauge), -2);
	free(text);
	metrics_destroy(metrics);
}
END_TEST

START_TEST(same_name_and_labels_are_the_same_series)
{
	struct metrics *metrics = metrics_create();
	const char *const labels[] = {"a", "b", NULL};
	struct counter *counter = metrics_counter(metrics, "x", "", labels);
	ck_assert_ptr_nonnull(counter);
	ck_assert_ptr_eq(metrics_counter(metrics, "x", "", labels), counter);
	ck_assert_ptr_ne(metrics_counter(metrics, "x", "", NULL), counter);
	metrics_destroy(metrics);
}
END_TEST

START_TEST(what_is_not_registered_counts_nothing)
{
	struct metrics *metrics = metrics_create();
	ck_assert_ptr_nonnull(metrics_counter(metrics, "y", "", NULL));
	counter_add(NULL, 1);
	gauge_set(NULL, 1);
	histogram_observe(NULL, 1);
	ck_assert_uint_eq(counter_value(NULL), 0);
	char *text = written(metrics);
	ck_assert_str_eq(text, "# HELP y \n# TYPE y counter\ny 0\n");
	free(text);
	metrics_destroy(metrics);
}
END_TEST

START_TEST(a_histogram_cumulates)
{
	struct metrics *metrics = metrics_create();
	const char *const labels[] = {"step", "delay", NULL};
	struct histogram *histogram = metrics_histogram(metrics, "pp_step_seconds", "Time.", labels);
	histogram_observe(histogram, MILLISECOND); /* a value equal to a bound belongs to its bucket */
	histogram_observe(histogram, MILLISECOND + 1);
	histogram_observe(histogram, 90 * MINUTE);
	histogram_observe(histogram, 3 * HOUR);
	histogram_observe(histogram, -SECOND);
	char *text = written(metrics);
	ck_assert_ptr_nonnull(strstr(text, "# TYPE pp_step_seconds histogram\n"));
	ck_assert_ptr_nonnull(strstr(text, "pp_step_seconds_bucket{step=\"delay\",le=\"0.001\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "pp_step_seconds_bucket{step=\"delay\",le=\"0.005\"} 3\n"));
	ck_assert_ptr_nonnull(strstr(text, "pp_step_seconds_bucket{step=\"delay\",le=\"1800\"} 3\n"));
	ck_assert_ptr_nonnull(strstr(text, "pp_step_seconds_bucket{step=\"delay\",le=\"7200\"} 4\n"));
	ck_assert_ptr_nonnull(strstr(text, "pp_step_seconds_bucket{step=\"delay\",le=\"+Inf\"} 5\n"));
	ck_assert_ptr_nonnull(strstr(text, "pp_step_seconds_sum{step=\"delay\"} 16200.002000001\n"));
	ck_assert_ptr_nonnull(strstr(text, "pp_step_seconds_count{step=\"delay\"} 5\n"));
	free(text);
	metrics_destroy(metrics);
}
END_TEST

static double figure(const char *text, const char *name)
{
	char line[64];
	snprintf(line, sizeof line, "\n%s ", name);
	const char *at = strstr(text, line);
	ck_assert_msg(at != NULL, "no %s in:\n%s", name, text);
	return strtod(at + strlen(line), NULL);
}

START_TEST(process_metrics_are_optional)
{
	struct metrics *metrics = metrics_create();
	char *text = written(metrics);
	ck_assert_str_eq(text, "");
	free(text);
	metrics_add_process(metrics);
	text = written(metrics);
	ck_assert_double_ge(figure(text, "process_cpu_seconds_total"), 0);
	ck_assert_double_gt(figure(text, "process_resident_memory_bytes"), 1e5);
	ck_assert_double_lt(figure(text, "process_resident_memory_bytes"), 1e12);
	double before = figure(text, "process_open_fds");
	free(text);
	int fd = open("/dev/null", O_RDONLY);
	ck_assert_int_ge(fd, 0);
	text = written(metrics);
	ck_assert_double_eq(figure(text, "process_open_fds"), before + 1);
	close(fd);
	free(text);
	metrics_destroy(metrics);
}
END_TEST

static void *count_many(void *counter)
{
	for (int i = 0; i < 20000; i++)
		counter_add(counter, 1);
	return NULL;
}

START_TEST(threads_lose_no_count)
{
	struct metrics *metrics = metrics_create();
	struct counter *counter = metrics_counter(metrics, "x", "", NULL);
	pthread_t thread[4];
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, count_many, counter), 0);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_uint_eq(counter_value(counter), 80000);
	metrics_destroy(metrics);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {counters_and_gauges_are_written_by_family,
	                              same_name_and_labels_are_the_same_series,
	                              what_is_not_registered_counts_nothing,
	                              a_histogram_cumulates,
	                              process_metrics_are_optional,
	                              threads_lose_no_count};
	return suite_run("metrics", tests, sizeof tests / sizeof tests[0], 60);
}
