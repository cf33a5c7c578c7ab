/* SPDX-License-Identifier: Apache-2.0
 * How the commands show records. */
#ifndef CORE_CLI_RECORD_VIEW_H
#define CORE_CLI_RECORD_VIEW_H

#include <jansson.h>

#include "core/client/service_steps.h"
#include "core/upload/record.h"

/* The current step, "finished" if all steps are done, "-" if there are none. */
const char *record_view_step(const struct record *record);

/* Whether the upload runs now, which the service tells. The record of its first run says that it is queued. */
bool record_view_runs(struct service_steps *service, const struct record *record, struct run_view *run);

/* The state in the words of `list --state`: that of the record, or "held", "running" or "suspended". */
const char *record_view_state(struct service_steps *service, const struct record *record);

/* Whether the upload was rejected because a step gave no verdict. */
bool record_view_no_verdict(const struct record *record);

/* The record as JSON without the URL, which is a secret. `service` is asked whether the step is suspended. */
json_t *record_view_json(struct service_steps *service, const struct record *record);

/* Uploads as a table, with one line for each and a second line for the reason, or as JSON. */
struct record_list {
	struct service_steps service;
	json_t *array; /* NULL: a table */
	size_t count;
	const char *done; /* what the command did about their holds, instead of their state before; NULL: nothing */
};
void record_list_begin(struct record_list *list, const struct config *config, bool json);
/* Adds an upload; record NULL: it is unknown, and storage was asked to restart it. action: what was done about it, and
 * the JSON says whether the upload is known; NULL: nothing. */
void record_list_add(struct record_list *list, const char *id, const struct record *record, const char *action);
/* Adds an upload that runs and has no record yet. */
void record_list_add_run(struct record_list *list, const char *id, const char *step, const struct run_view *run);
/* Prints the JSON if `print` is set. False: see json_print(). */
bool record_list_end(struct record_list *list, bool print);

/* Reports on stderr, after all records were shown, if it is unknown which of them wait for a suspended step. */
void record_view_say_unknown(const struct service_steps *service);

/* Prints all details of one upload. progress: of its run; NULL: none is known. */
void record_view_print(struct service_steps *service, const struct record *record,
                       const struct progress_view *progress);

#endif
