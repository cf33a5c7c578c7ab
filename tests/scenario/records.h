/* SPDX-License-Identifier: Apache-2.0
 * The records in the bucket `postprocessing`, read and written as another implementation does. */
#ifndef TESTS_SCENARIO_RECORDS_H
#define TESTS_SCENARIO_RECORDS_H

#include "tests/scenario/scenario.h"

/* The inner record of an upload, a new reference; NULL: there is none. */
json_t *records_read(struct scenario *scenario, const char *upload);

/* Waits until there is none. */
void records_await_gone(struct scenario *scenario, const char *upload);

/* The value of a header of the marker that a deleted record leaves, in text[256]; "" if there is no such header.
 * Fails the test unless there is a marker. */
const char *records_tombstone(struct scenario *scenario, const char *upload, const char *header, char text[256]);

/* Waits until a text or number of its StepHost part, for example its "phase", has this value. */
void records_await(struct scenario *scenario, const char *upload, const char *key, const char *value);

/* Writes a record; takes it over. Creates the bucket if there is none. */
void records_plant(struct scenario *scenario, json_t *record);

/* A record as the other implementation writes it, of an upload of 68 bytes at `path`; a new reference. `steps` as in
 * the configuration: "a,b". */
json_t *records_foreign(struct scenario *scenario, const char *upload, const char *path, const char *steps,
                        const char *current, const char *outcome);

#endif
