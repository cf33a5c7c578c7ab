/* SPDX-License-Identifier: Apache-2.0
 * The workers that run the steps: worker processes (pool.h), or threads of the service. Each step has its own queue and
 * its own workers, so a slow step does not block others. */
#ifndef CORE_STEPS_WORKERS_H
#define CORE_STEPS_WORKERS_H

#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/content/copies.h"
#include "core/steps/run.h"
#include "core/steps/steps.h"

struct workers;

/* Borrows content, log and mailbox. content: where copies of uploads are kept. NULL: out of memory or threads. All
 * functions are called on one thread. */
struct workers *workers_create(const struct steps *steps, const struct content_options *content, const struct log *log,
                               struct mailbox *mailbox);

/* Where progress and metrics of modules go; NULL: nowhere. Borrowed. To be called before the first run. */
struct reports;
void workers_report_to(struct workers *workers, struct reports *reports);

/* What the service remembers of the cache: worker processes are answered from it at once, and hits counts the answers.
 * Borrowed. To be called before the first run. */
struct cache_memory;
void workers_recall_from(struct workers *workers, struct cache_memory *memory, struct counter *hits);

/* Where uploads are put that a module has quarantined; NULL: nowhere. Borrowed. To be called before the first run. */
struct quarantine;
void workers_set_quarantine(struct workers *workers, struct quarantine *quarantine);

/* Adding a step while others run, or putting another one in the place of one, takes two calls, of which only the first
 * can fail. */

/* The workers of one step that are not used yet. */
struct workers_addition;
/* Starts them if they are threads. NULL: out of memory or threads. */
struct workers_addition *workers_prepare(struct workers *workers, struct step *step);
void workers_discard(struct workers_addition *addition);
/* Gives the number to the prepared step, and holds it; `number` is at most one beyond the last. Runs that are queued
 * for the step that had the number are passed on; those that have begun end with the old workers, which then end too.
 */
void workers_set(struct workers *workers, size_t number, struct workers_addition *addition);
/* Whether the step is in the configuration. Otherwise its processes are started when there is a run, and end after it.
 */
void workers_set_used(struct workers *workers, size_t number, bool used);

/* The copies that the runs share. */
struct copies *workers_copies(const struct workers *workers);

/* From now on, counts the processes that are replaced because they keep too much memory. */
void workers_count_replaced(struct workers *workers, struct counter *replaced);

/* Queues a run. Its mail is always sent when the run has ended. */
void workers_submit(struct workers *workers, struct run *run);

/* Asks a run to end early. A queued run ends at once with OUTCOME_RETRY. */
void workers_cancel(struct workers *workers, struct run *run);

/* Replaces the thread of a run that ignored cancellation; a process is killed long before that. The stuck worker ends
 * if the run ever returns. Does nothing if the run has ended in the meantime. */
void workers_replace(struct workers *workers, const struct run *run);

/* Appends the runs under way, see run_write(). Any thread may call it. */
void workers_write_running(struct workers *workers, struct text *text);

/* Cancels all runs and waits for them, at most `timeout`. False: some are stuck; then nothing was freed, and the
 * process should exit. */
bool workers_destroy(struct workers *workers, nanos timeout);

#endif
