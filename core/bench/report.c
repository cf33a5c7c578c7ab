/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "core/client/json_text.h"

#define BAR 30
#define VALUE_SIZE 32

static void format_time(double value, char text[VALUE_SIZE])
{
	if (value < 1e-3)
		snprintf(text, VALUE_SIZE, "%.1f us", value * 1e6);
	else if (value < 1)
		snprintf(text, VALUE_SIZE, "%.2f ms", value * 1e3);
	else
		snprintf(text, VALUE_SIZE, "%.2f s", value);
}

static void format(double value, enum bench_unit unit, char text[VALUE_SIZE])
{
	if (isnan(value)) {
		snprintf(text, VALUE_SIZE, "unknown");
		return;
	}
	switch (unit) {
	case UNIT_RATE:
		snprintf(text, VALUE_SIZE, "%.*f /s", value < 10 ? 2 : 0, value);
		break;
	case UNIT_TIME:
		format_time(value, text);
		break;
	case UNIT_COUNT:
		snprintf(text, VALUE_SIZE, "%.*f", value < 100 ? 2 : 0, value);
		break;
	case UNIT_BYTES:
		snprintf(text, VALUE_SIZE, "%.1f MB", value / 1e6);
		break;
	}
}

static bool has_ratio(double value, double other)
{
	return !isnan(value) && !isnan(other) && other > 0;
}

static void print_row(const char *label, enum bench_unit unit, const double *value, size_t count)
{
	char text[VALUE_SIZE];
	printf("%-28s", label);
	for (size_t i = 0; i < count; i++) {
		format(value[i], unit, text);
		printf("%14s", text);
	}
	if (count == 2 && has_ratio(value[0], value[1]))
		printf("%9.2f", value[0] / value[1]);
	putchar('\n');
}

void bench_report_table(const struct bench_column *column, size_t count)
{
	double value[2] = {0};
	printf("%-28s", "");
	for (size_t i = 0; i < count; i++)
		printf("%14s", column[i].name);
	printf("%s\n", count == 2 ? "    ratio" : "");
#define X(member, key, label, unit) \
	for (size_t i = 0; i < count; i++) \
		value[i] = column[i].figures->member; \
	print_row(label, unit, value, count);
	BENCH_FIGURES(X)
#undef X
}

void bench_report_points(const struct bench_load_point *point, size_t count, bool baseline)
{
	char text[VALUE_SIZE];
	printf("%10s%12s%12s%12s%12s%12s%s\n", "offered", "uploads", "p50", "p90", "p99", "max",
	       baseline ? "   floor, p50         p99" : "");
	for (size_t i = 0; i < count; i++) {
		const struct bench_figures *service = &point[i].side[BENCH_SERVICE], *bare = &point[i].side[BENCH_BASELINE];
		const double value[] = {service->p50, service->p90, service->p99, service->max, bare->p50, bare->p99};
		printf("%8.0f/s", point[i].offered);
		format(service->rate, UNIT_RATE, text);
		printf("%12s", text);
		for (size_t k = 0; k < (baseline ? 6 : 4); k++) {
			format(value[k], UNIT_TIME, text);
			printf("%12s", text);
		}
		putchar('\n');
	}
}

static json_t *number(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static json_t *describe(const struct bench_figures *figures)
{
	json_t *object = json_object();
#define X(member, key, label, unit) json_object_set_new(object, key, number(figures->member));
	BENCH_FIGURES(X)
#undef X
	return object;
}

static json_t *describe_ratio(const struct bench_figures *one, const struct bench_figures *other)
{
	json_t *object = json_object();
#define X(member, key, label, unit) \
	if (has_ratio(one->member, other->member)) \
		json_object_set_new(object, key, json_real(one->member / other->member));
	BENCH_FIGURES(X)
#undef X
	return object;
}

static json_t *describe_points(const struct bench_report *report)
{
	json_t *array = json_array();
	for (size_t i = 0; i < report->points; i++) {
		const struct bench_load_point *point = &report->point[i];
		json_t *object = json_object();
		json_object_set_new(object, "offered_per_second", json_real(point->offered));
		json_object_set_new(object, bench_side_name(BENCH_SERVICE), describe(&point->side[BENCH_SERVICE]));
		if (report->baseline)
			json_object_set_new(object, bench_side_name(BENCH_BASELINE), describe(&point->side[BENCH_BASELINE]));
		json_array_append_new(array, object);
	}
	return array;
}

bool bench_report_json(const struct bench_report *report)
{
	json_t *object = json_pack("{s:o, s:b, s:b}", "broker", json_text(report->broker), "interrupted",
	                           report->interrupted, "accepted", !report->rejected);
	for (size_t i = 0; i < report->columns; i++)
		json_object_set_new(object, report->column[i].name, describe(report->column[i].figures));
	if (report->columns == 2)
		json_object_set_new(object, "ratio", describe_ratio(report->column[0].figures, report->column[1].figures));
	if (report->points > 0)
		json_object_set_new(object, "load", describe_points(report));
	const struct bench_backlog *backlog = &report->backlog;
	if (backlog->done > 0)
		json_object_set_new(object, "backlog",
		                    json_pack("{s:f, s:f, s:f}", "taken_in_seconds", backlog->taken_in, "done_seconds",
		                              backlog->done, "gap_max_seconds", backlog->gap));
	bool good = json_print(object);
	json_decref(object);
	return good;
}

void bench_report_progress(void *closure, size_t finished, size_t total, nanos since)
{
	const char *const *name = closure;
	double seconds = (double)since / (double)SECOND;
	double share = total > 0 && total >= finished ? (double)finished / (double)total : 1;
	fprintf(stderr, "\r%-8s [", *name);
	for (int i = 0; i < BAR; i++)
		fputc(i < (int)(share * BAR) ? '#' : '.', stderr);
	fprintf(stderr, "] %3.0f %%  %zu uploads, %.0f/s \033[K", share * 100, finished,
	        seconds > 0 ? (double)finished / seconds : 0);
}

void bench_report_progress_end(void)
{
	fputs("\r\033[K", stderr);
}
