/* SPDX-License-Identifier: Apache-2.0
 * The workers that run the steps: worker processes (pool.h), or threads of the service. Each step has its own queue and
 * its own workers, so a slow step does not block others. */
#ifndef CORE_STEPS_WORKERS_H
#define CORE_STEPS_WORKERS_H

#include "core/base/log.h"
#include "core/content/copies.h"
#include "core/steps/run.h"
#include "core/steps/steps.h"

struct workers;

/* Borrows its arguments. NULL: out of memory or threads. */
struct workers *workers_create(const struct steps *steps, const struct content_options *content, const struct log *log,
                               struct mailbox *mailbox);

/* The copies that the runs share. */
struct copies *workers_copies(const struct workers *workers);

/* Queues a run. Its mail is always sent when the run has ended. */
void workers_submit(struct workers *workers, struct run *run);

/* Asks a run to end early. A queued run ends at once with OUTCOME_RETRY. */
void workers_cancel(struct workers *workers, struct run *run);

/* Replaces the thread of a run that ignored cancellation; a process is killed long before that. The stuck worker ends
 * if the run ever returns. Does nothing if the run has ended in the meantime. */
void workers_replace(struct workers *workers, const struct run *run);

/* Cancels all runs and waits for them, at most `timeout`. False: some are stuck; then nothing was freed, and the
 * process should exit. */
bool workers_destroy(struct workers *workers, nanos timeout);

#endif
