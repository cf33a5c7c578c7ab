/* SPDX-License-Identifier: Apache-2.0
 * What a benchmark has to show: a table for people, or JSON. */
#ifndef CORE_BENCH_BENCH_REPORT_H
#define CORE_BENCH_BENCH_REPORT_H

#include "core/bench/bench.h"

/* Results side by side, with the ratio of the first to the second. */
struct bench_column {
	const char *name; /* heading, and key of the JSON */
	const struct bench_figures *figures;
};

void bench_report_table(const struct bench_column *column, size_t count);

/* What the rising load of the open loop led to. */
struct bench_load_point {
	double offered; /* uploads per second */
	struct bench_figures side[2]; /* by enum bench_side */
};
void bench_report_points(const struct bench_load_point *point, size_t count, bool baseline);

/* One object on stdout: the columns by name and "ratio", or `points` under "load"; both may be empty. Beside them the broker
 * and, if there was one, the greedy user's backlog. False: with a message on stderr. */
struct bench_report {
	const char *broker;
	struct bench_column column[2];
	size_t columns;
	const struct bench_load_point *point;
	size_t points;
	bool baseline; /* the points have one */
	bool interrupted;
	bool rejected; /* some uploads */
	struct bench_backlog backlog;
};
bool bench_report_json(const struct bench_report *report);

/* A bench_load's progress: a bar on standard error; the closure points to the name of what is measured. */
void bench_report_progress(void *closure, size_t finished, size_t total, nanos since);
void bench_report_progress_end(void);

#endif
