/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/statistics.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;
	return (a > b) - (a < b);
}

void bench_sort(double *value, size_t count)
{
	if (count > 0)
		qsort(value, count, sizeof *value, compare);
}

double bench_percentile(const double *sorted, size_t count, unsigned percent)
{
	size_t at = count * percent / 100;
	return count == 0 ? NAN : sorted[at < count ? at : count - 1];
}

double bench_median(double *value, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (isnan(value[i]))
			return NAN;
	bench_sort(value, count);
	return bench_percentile(value, count, 50);
}
