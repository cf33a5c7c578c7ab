/* SPDX-License-Identifier: Apache-2.0
 * Percentiles and medians. */
#ifndef CORE_BENCH_STATISTICS_H
#define CORE_BENCH_STATISTICS_H

#include <stddef.h>

void bench_sort(double *value, size_t count);

/* The value below which `percent` of the sorted values lie; NAN: there are none. */
double bench_percentile(const double *sorted, size_t count, unsigned percent);

/* Sorts the values in place. NAN: there are none, or one of them is NAN. */
double bench_median(double *value, size_t count);

#endif
