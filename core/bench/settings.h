/* SPDX-License-Identifier: Apache-2.0
 * The options of postprocessing-bench. */
#ifndef CORE_BENCH_SETTINGS_H
#define CORE_BENCH_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

/* 0, NULL, false: not given, where there is no default. Times are nanoseconds, sizes bytes. */
struct bench_settings {
	const char *config_path;
	int64_t count, in_flight, rate, duration, timeout, noise, spaces, size, greedy, greedy_size, rounds;
	const char *addr, *url, *plot;
	bool baseline, bare, remote, json, distinct;
};

/* False: the program ends with *status, after a message or the help text. The strings are those of argv. */
bool bench_settings_read(struct bench_settings *settings, int argc, char **argv, int *status);

#endif
