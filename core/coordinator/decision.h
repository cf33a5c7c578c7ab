/* SPDX-License-Identifier: Apache-2.0
 * The decision of a job: what its input means for the upload, given the record that is known.
 *
 * First come the reasons to do nothing: another instance owns the upload, the upload has ended already, it has left the
 * step of a resume, or an answer may still be on its way. Then pipeline_apply() decides. An event that means nothing to
 * a remembered record is decided on again with the record as the broker has it, because another instance may have
 * changed that. Two kinds of events are postponed: those whose upload may begin in the gap, and a begin that another
 * instance has to see. */
#ifndef CORE_COORDINATOR_DECISION_H
#define CORE_COORDINATOR_DECISION_H

#include "core/coordinator/job.h"

/* Decides on what is known of the record, and carries out the decision. */
void job_decide(struct coordinator *coordinator, struct job *job, nanos now);
/* Gives job->record the step's result that it is to hold: the run's or, when the write only keeps what was to be
 * published, that of the record before. False: there is no memory to copy it. */
bool job_take_result(struct job *job);
/* The history (NULL: empty), which it frees, with what the step said that this input has ended. `step`: the upload's
 * step before that. */
char *job_add_history(const struct job *job, const struct input *input, const struct upload *upload, size_t step,
                      char *history);

/* Makes this instance the owner and this process the writer. */
void record_sign(const struct coordinator *coordinator, struct record *record);

#endif
