/* SPDX-License-Identifier: Apache-2.0
 * The threads that steps run on. Each step has its own queue and its own number of workers, so that a slow
 * one does not hold up the others. */
#ifndef CORE_STEPS_WORKERS_H
#define CORE_STEPS_WORKERS_H

#include "core/content/content.h"
#include "core/base/log.h"
#include "core/steps/run.h"
#include "core/steps/steps.h"

struct workers;

/* Borrows all. NULL: out of memory or threads. */
struct workers *workers_create(const struct steps *steps, const struct content_options *content, const struct log *log,
                               struct mailbox *mailbox);

/* Queues a run; its mail comes when it is over, whatever happens. */
void workers_submit(struct workers *workers, struct run *run);

/* The run should end early. One that is still queued ends at once, as OUTCOME_RETRY. */
void workers_cancel(struct workers *workers, struct run *run);

/* A run does not end although it was cancelled: another worker takes the place of the one that is stuck in it, which
 * ends should it ever come back. Nothing is done about a run that has ended meanwhile. */
void workers_replace(struct workers *workers, const struct run *run);

/* Cancels all runs and waits until they are over, at most `patience`. False: some are stuck; then nothing was freed,
 * and the process should end. */
bool workers_destroy(struct workers *workers, nanos timeout);

#endif
