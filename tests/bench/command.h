/* SPDX-License-Identifier: Apache-2.0
 * Runs the built postprocessing-bench, which generates the load and measures it. */
#ifndef TESTS_BENCH_COMMAND_H
#define TESTS_BENCH_COMMAND_H

#include <jansson.h>
#include <stdbool.h>

#include "tests/bench/service.h"

/* Starts it with the configuration of a service, which need not run for --bare. `options` are separated by spaces.
 * False: the reason is on stderr. */
bool command_start(struct process *process, const struct service *service, const char *options);

/* Waits for its end. `options`: those that it was started with. Returns its result, which the caller releases; NULL:
 * it failed, and the reason is on stderr. */
json_t *command_finish(struct process *process, const struct service *service, const char *options);

/* Both. */
json_t *command_run(const struct service *service, const char *options);

/* A figure of the result; NAN: unknown. */
double command_figure(const json_t *shown, const char *column, const char *name);

#endif
