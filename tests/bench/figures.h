/* SPDX-License-Identifier: Apache-2.0
 * The figures of the benchmark, each beside that of the floor: the same work without the service. */
#ifndef TESTS_BENCH_FIGURES_H
#define TESTS_BENCH_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

/* The limit is the largest value (VALUE), the largest ratio to the floor (RATIO), or the smallest ratio (RATIO_LEAST).
 */
enum target { TARGET_NONE, TARGET_VALUE, TARGET_RATIO, TARGET_RATIO_LEAST };

struct figure {
	char name[64];
	const char *unit;
	double value;
	double baseline;           /* the floor, in the same unit; 0: there is none */
	const char *baseline_name; /* what was measured for it; "": none */
	enum target target;
	double limit;
};

#define FIGURES_LIMIT 64

struct figures {
	struct figure figure[FIGURES_LIMIT]; /* units and floor names are borrowed */
	size_t count;
};

/* When there is no room, the figure is dropped, with a message on stderr. */
void figures_add(struct figures *figures, const struct figure *figure);

/* Prints a heading and a line for each figure on stdout. */
void figures_print(const struct figures *figures);

/* Writes them as a JSON array. False: the file cannot be written, with a message on stderr. */
bool figures_write(const struct figures *figures, const char *path);

#endif
