/* SPDX-License-Identifier: Apache-2.0
 * Tells storage which step an upload has entered (StartPostprocessingStep), also for steps that run in this service.
 *
 * Storage shows it to people, so nothing depends on it: it is sent as soon as the step is entered, at most once,
 * without waiting for an answer, and before the record is written if the first write is put off. Whoever may have had
 * the event before is taken to have sent it.
 *
 * Another service may take the announcement for a request and answer it. Such answers are ignored, and the first one
 * for each step is logged as an error that names the service to exclude. */
#ifndef CORE_COORDINATOR_ANNOUNCEMENTS_H
#define CORE_COORDINATOR_ANNOUNCEMENTS_H

#include "core/coordinator/coordinator.h"

struct job;

struct step_announcement {
	bool wanted;
	bool answered; /* by another service, which was logged */
};

/* Announces the step that the record is in, if the job's action enters it and the step is to be announced. */
void announce_step(struct coordinator *coordinator, struct job *job, const struct record *record, nanos now);
/* From now on the step is done by others: what is published when it is entered is a request to them. */
void announcement_is_question(struct coordinator *coordinator, size_t step);
/* Whether the event is one that this service has published itself. */
bool event_is_our_result(const struct coordinator *coordinator, const struct delivery *delivery,
                         const struct event *event);
/* Logs it, once for each step, if the job's event is the answer of another service to an announcement. */
void report_answer_of_others(struct coordinator *coordinator, const struct job *job);

#endif
