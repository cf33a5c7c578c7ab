/* SPDX-License-Identifier: Apache-2.0
 * The host's side of the step ABI: the services that modules call, and the call of run() itself. */
#ifndef CORE_STEPS_HOST_H
#define CORE_STEPS_HOST_H

#include "core/content/content.h"
#include "core/base/log.h"
#include "core/steps/run.h"
#include "core/steps/steps.h"

extern const struct pp_host host_services;

/* Calls the step's run() and notes in `run` how it ended. content: the calling worker's own. cancel_fd: readable
 * once the run is cancelled. */
void host_run(const struct step *step, struct run *run, struct content *content, int cancel_fd, const struct log *log);

#endif
