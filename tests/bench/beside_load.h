/* SPDX-License-Identifier: Apache-2.0
 * The floor of small scans: a loop that only asks the scanner, while the broker has the work of that many uploads. */
#ifndef TESTS_BENCH_BESIDE_LOAD_H
#define TESTS_BENCH_BESIDE_LOAD_H

#include <stdbool.h>

#include "core/base/clock.h"

/* One thread of the loop scans until then (monotonic), and returns how many times; -1: failed. */
typedef long scan_loop(void *closure, nanos until);

/* Runs the loop on so many threads. Returns the scans per second; NAN: failed, with the reason on stderr. */
double beside_load_measure(double uploads_per_second, unsigned threads, scan_loop *loop, void *closure);

#endif
