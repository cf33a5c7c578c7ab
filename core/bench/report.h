/* SPDX-License-Identifier: Apache-2.0
 * The results of a benchmark: a table for people, or JSON. */
#ifndef CORE_BENCH_REPORT_H
#define CORE_BENCH_REPORT_H

#include "core/bench/bench.h"

/* One or two columns side by side; with two, also the ratio of the first to the second. */
struct bench_column {
	const char *name; /* heading, and key of the JSON */
	const struct bench_figures *figures;
};

void bench_report_table(const struct bench_column *column, size_t count);

/* The results at one rate of the open loop. */
struct bench_load_point {
	double offered;               /* uploads per second */
	struct bench_figures side[2]; /* by enum bench_side */
};
void bench_report_points(const struct bench_load_point *point, size_t count, bool baseline);

/* Prints one object: the columns by name and "ratio", or the points as "load"; both may be empty. It also has the
 * broker and, if there was a greedy user, the "backlog". False: as json_print(). */
struct bench_report {
	const char *broker;
	struct bench_column column[2];
	size_t columns;
	const struct bench_load_point *point;
	size_t points;
	bool baseline; /* the points have one */
	bool interrupted;
	bool rejected; /* some uploads were not accepted */
	struct bench_backlog backlog;
};
bool bench_report_json(const struct bench_report *report);

/* The progress of a bench_load: a bar on standard error. The closure points to the name of what is measured. */
void bench_report_progress(void *closure, size_t finished, size_t total, nanos since);
void bench_report_progress_end(void);

#endif
