/* SPDX-License-Identifier: Apache-2.0
 * A run on a thread of the service: isolation = thread, and the steps that are built in. */
#ifndef CORE_STEPS_THREAD_RUN_H
#define CORE_STEPS_THREAD_RUN_H

#include "core/base/log.h"
#include "core/content/copies.h"
#include "core/quarantine/quarantine.h"
#include "core/steps/reports.h"
#include "core/steps/run.h"
#include "core/steps/steps.h"

/* Calls the step's run() and stores the result in `run`. content: the content reader of the calling worker. cancel_fd:
 * becomes readable when the run is cancelled. mailbox: the server's. quarantine: NULL if there is none. */
void thread_run(const struct step *step, struct run *run, struct content *content, struct copies *copies, int cancel_fd,
                const struct log *log, struct mailbox *mailbox, struct reports *reports, struct quarantine *quarantine);

#endif
