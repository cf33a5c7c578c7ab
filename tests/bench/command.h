/* SPDX-License-Identifier: Apache-2.0
 * The built `postprocessing bench`, which does the measuring of uploads. */
#ifndef TESTS_BENCH_COMMAND_H
#define TESTS_BENCH_COMMAND_H

#include <jansson.h>
#include <stdbool.h>

#include "tests/bench/service.h"

/* Starts it beside a service, or where one could run; `options` are separated by spaces. False: with the reason on stderr. */
bool command_start(struct process *process, const struct service *service, const char *options);

/* Waits for the end of one that was started with the same options. What it shows, for the caller to release; NULL: it
 * failed, with the reason on stderr. */
json_t *command_finish(struct process *process, const struct service *service, const char *options);

/* Both. */
json_t *command_run(const struct service *service, const char *options);

/* One of its figures; NAN: not known. */
double command_figure(const json_t *shown, const char *column, const char *name);

#endif
