/* SPDX-License-Identifier: Apache-2.0
 * Finds uploads that wait because their step is suspended. Only the service knows this. It is asked over HTTP when an
 * upload may be affected, and again when the last answer is too old. */
#ifndef CORE_CLIENT_SERVICE_STEPS_H
#define CORE_CLIENT_SERVICE_STEPS_H

#include <jansson.h>

#include "core/base/readiness.h"
#include "core/config/config.h"
#include "core/upload/record.h"

struct service_steps {
	const struct config *config;
	nanos asked;          /* monotonic; 0: never */
	json_t *answer;       /* NULL: none */
	char why[256];        /* why there is no answer; "" */
	nanos asked_for_runs; /* the same of /progress */
	json_t *runs;
};

struct suspension {
	char reason[FACT_REASON_SIZE]; /* the reason given by the step's check */
	nanos since;
	nanos until; /* when the upload ends; 0: unknown, because the step is not configured */
};

/* Borrows the configuration. */
void service_steps_init(struct service_steps *steps, const struct config *config);
void service_steps_free(struct service_steps *steps);

/* Whether the upload waits for a step that the service has suspended. */
bool service_steps_find(struct service_steps *steps, const struct record *record, nanos now,
                        struct suspension *suspension);

/* When the upload entered its step, as far as its record and the configuration tell. 0: unknown. */
nanos service_steps_entered(const struct config *config, const struct record *record);

/* A run under way. */
struct run_view {
	nanos since, until; /* until: its deadline */
};

/* Asks the service for the run of an upload in this step. Not to write a record when a run begins saves a third of the
 * writes, so only the service knows. False: it does not run, or its step has isolation = thread, or the service that
 * has it cannot be asked. */
bool service_steps_running(struct service_steps *steps, const char *id, const char *step, struct run_view *view);

/* All these runs at this moment: an array of objects with the strings id and step, which service_run_read() completes;
 * a new reference. NULL: unknown. */
json_t *service_steps_runs(struct service_steps *steps);
bool service_run_read(const json_t *run, struct run_view *view);

/* How far the run of the upload's step has got. */
struct progress_view {
	int64_t done, total; /* total -1: unknown */
	nanos at;
};

/* Asks the service for it. False: the upload does not run, its module reports none, or the service cannot be asked. */
bool service_progress_find(const struct config *config, const struct record *record, struct progress_view *progress);

#endif
