/* SPDX-License-Identifier: Apache-2.0
 * The host's side of the step ABI: the functions that modules call, and the call of run(). */
#ifndef CORE_STEPS_HOST_H
#define CORE_STEPS_HOST_H

#include "core/base/log.h"
#include "core/content/content.h"
#include "core/steps/run.h"
#include "core/steps/steps.h"

extern const struct pp_host host_services;

/* Calls the step's run() and stores the result in `run`. content: the content reader of the calling worker. cancel_fd:
 * becomes readable when the run is cancelled. */
void host_run(const struct step *step, struct run *run, struct content *content, int cancel_fd, const struct log *log);

#endif
