/* SPDX-License-Identifier: Apache-2.0
 * What modules report while they run: their metrics, which are added up over all processes of a step, and the progress
 * of each run, which is kept in memory only. `list` and `show` ask for it over HTTP, so it costs neither a write nor a
 * message on the bus. Any thread may call these functions. */
#ifndef CORE_STEPS_REPORTS_H
#define CORE_STEPS_REPORTS_H

#include <stdio.h>

#include "core/abi/report.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/steps/run.h"

struct reports;

/* Borrows both. */
struct reports *reports_create(struct metrics *metrics, const struct log *log);
void reports_destroy(struct reports *reports);

/* NULL is fine for `reports`: nobody wants to know. */
void reports_metrics(struct reports *reports, const char *step, const struct report *report);
void reports_progress(struct reports *reports, const char *step, const struct run *run, int64_t done, int64_t total);
/* The run has ended. */
void reports_end(struct reports *reports, const struct run *run);

/* Writes the progress of all runs that have reported any, and which runs the worker processes have:
 * {"instance":OWNER,"runs":[{"id","step","done","total","at"}, …],"running":[{"id","step","since","until"}, …]}. */
struct workers;
void reports_write(struct reports *reports, const char *instance, struct workers *workers, FILE *out);

#endif
