/* SPDX-License-Identifier: Apache-2.0
 * What the benchmark has measured, each figure beside what the same work costs without the service. */
#ifndef TESTS_BENCH_FIGURES_H
#define TESTS_BENCH_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

/* A target that a figure, or its ratio to the floor, must not exceed, or that its ratio must reach. */
enum target { TARGET_NONE, TARGET_VALUE, TARGET_RATIO, TARGET_RATIO_LEAST };

struct figure {
	char name[64];
	const char *unit;
	double value;
	double baseline;           /* in the same unit; 0: there is none */
	const char *baseline_name; /* what was measured for it; "": none */
	enum target target;
	double limit;
};

#define FIGURES_LIMIT 64

struct figures {
	struct figure figure[FIGURES_LIMIT]; /* units and floor names are borrowed */
	size_t count;
};

/* A figure too many is left out and said on stderr. */
void figures_add(struct figures *figures, const struct figure *figure);

/* One line each, with a heading, on stdout. */
void figures_print(const struct figures *figures);

/* The same as a JSON array. False: the file cannot be written, with a message on stderr. */
bool figures_write(const struct figures *figures, const char *path);

#endif
