/* SPDX-License-Identifier: Apache-2.0
 * The worker processes of all steps with isolation = process: each step has its own queue and its own processes.
 *
 * One thread, the supervisor, starts the processes and reads what they send and how they end. A run is sent by the
 * thread that hands it over, if a process is idle; so its way there and back needs no other thread than that one. The
 * bytes of uploads are fetched by a thread for each process that reads any (fetch.h).
 *
 * A process that dies, ignores cancellation for two seconds or breaks the protocol fails the run that it had, and no
 * other. A module that dies before it has an instance fails no run: the step's processes are started again after a
 * pause that doubles, and the server is told. */
#ifndef CORE_STEPS_POOL_H
#define CORE_STEPS_POOL_H

#include "core/base/mailbox.h"
#include "core/base/metrics.h"
#include "core/base/readiness.h"
#include "core/content/copies.h"
#include "core/steps/run.h"
#include "core/steps/steps.h"

/* MAIL_POOL: whether the processes of a step can be started. The receiver frees it. */
struct pool_news {
	struct mail mail;
	size_t step;
	unsigned version; /* of the step */
	bool works;
	char why[FACT_REASON_SIZE];
};

struct pools;

/* Starts the supervisor, which starts the processes. Borrows its arguments. NULL: no thread. */
struct pools *pools_create(struct copies *copies, const struct log *log, struct mailbox *mailbox);

/* The functions below are called on one thread. */

/* Gives the step of this number its processes; holds it. The number has none, or they have been replaced. */
void pools_set(struct pools *pools, size_t number, struct step *step);
/* The step of this number is over, or another one takes its place: what is queued for it is returned, in order, linked
 * by `next`. Idle processes end now; those with a run end after it. */
struct run *pools_replace(struct pools *pools, size_t number);
/* Whether the step is used regularly. Otherwise its processes are started when there is a run, and end after it. */
void pools_set_used(struct pools *pools, size_t number, bool used);

/* From now on, counts the processes that are replaced because they keep too much memory. */
void pools_count_replaced(struct pools *pools, struct counter *replaced);
struct reports;

/* As the functions of workers.h. */
void pools_report_to(struct pools *pools, struct reports *reports);
struct cache_memory;
void pools_recall_from(struct pools *pools, struct cache_memory *memory, struct counter *hits);
/* Where uploads are put that are quarantined; NULL: nowhere. Borrowed. To be called before the first run. */
struct quarantine;
void pools_set_quarantine(struct pools *pools, struct quarantine *quarantine);
void pools_submit(struct pools *pools, struct run *run);
void pools_cancel(struct pools *pools, struct run *run);
bool pools_destroy(struct pools *pools, nanos timeout);

/* Appends the runs that the processes have, see run_write(). Any thread may call it. */
void pools_write_running(struct pools *pools, struct text *text);

#endif
