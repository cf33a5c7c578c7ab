/* SPDX-License-Identifier: Apache-2.0
 * A pipeline of two steps, `scan` and `delay`, and an upload with a third, `policies`, that it does not have. */
#ifndef TESTS_UPLOAD_PIPELINE_FIXTURE_H
#define TESTS_UPLOAD_PIPELINE_FIXTURE_H

#include "core/upload/pipeline.h"

#define NOW (1700000000 * SECOND)
#define BEGUN 100
#define STREAM 7
#define SCAN_RETRIES 5

extern const struct pipeline fixture_pipeline;
extern const struct upload fixture_upload;

/* The result of an action, in a few words: "ignored", or the write (put, delete, keep), the resulting phase and
 * step, what is published (F: a step's result, S: start, R: retry, E: the end, A: restart) and run, mark, drop. */
#define ACTION_TEXT_SIZE 96
char *action_text(const struct action *action, const struct status *status, char text[ACTION_TEXT_SIZE]);

#endif
