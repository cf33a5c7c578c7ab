/* SPDX-License-Identifier: Apache-2.0
 * Latency over load as a picture, drawn by gnuplot. */
#ifndef CORE_BENCH_PLOT_H
#define CORE_BENCH_PLOT_H

#include "core/bench/report.h"

/* Is the path a PNG or SVG file, and gnuplot installed? False: with a message on stderr. */
bool bench_plot_check(const char *path);

/* Draws the file. `baseline`: the points have one. False: with a message on stderr. */
bool bench_plot_draw(const char *path, const struct bench_load_point *point, size_t count, bool baseline);

#endif
