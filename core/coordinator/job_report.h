/* SPDX-License-Identifier: Apache-2.0
 * What a job logs and counts of its upload. */
#ifndef CORE_COORDINATOR_JOB_REPORT_H
#define CORE_COORDINATOR_JOB_REPORT_H

#include "core/coordinator/coordinator.h"

struct job;

/* The job's transition was written: logs what people want to know of it, and counts uploads that begin and end. */
void report_transition(struct coordinator *coordinator, const struct job *job);
/* Logs that the upload was aborted because its event is invalid, if that was decided. */
void report_refusal(const struct coordinator *coordinator, const struct job *job);
/* Logs that a decision of people has no effect, if that is so. */
void report_decision_in_vain(const struct coordinator *coordinator, const struct job *job);
/* Logs and counts that storage has removed the upload, if the job's event says so and there is a record. Without one it
 * may never have been an upload. */
void report_removal(struct coordinator *coordinator, const struct job *job);

#endif
