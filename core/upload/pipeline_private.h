/* SPDX-License-Identifier: Apache-2.0
 * What the files of the state machine share.
 *
 *   pipeline.c        what each input does
 *   pipeline_moves.c  the moves that are made of them: into a step, to a retry, to the end
 *   pipeline_wait.c   uploads that wait: as their step asked, for people, or for a step that is suspended */
#ifndef CORE_UPLOAD_PIPELINE_PRIVATE_H
#define CORE_UPLOAD_PIPELINE_PRIVATE_H

#include "core/upload/pipeline.h"

/* The minimum wait; otherwise a step that asks for no wait would run and be written in a loop. */
#define WAIT_LEAST (100 * MILLISECOND)

static inline bool all_done(const struct upload *upload, const struct status *status)
{
	return status->step >= upload->step_count;
}

/* The event is older than the one that began this pass of the upload. */
static inline bool stale(const struct status *status, const struct input *input)
{
	return status->begun != 0 && status->stream == input->stream && input->sequence < status->begun;
}

static inline struct action ignore(const char *why)
{
	return (struct action){.ignored = why};
}

/* base · 2^(n-1), n from 1. */
nanos pipeline_doubled(nanos base, unsigned n, nanos limit);

/* A write without progress: pending messages stay pending under their transition number. */
void pipeline_keep(struct status *status, struct action *action);

/* A write with what the action publishes, which is pending under the new transition number. */
void pipeline_put(struct status *status, struct action *action, nanos now);

/* All steps are done, or one ended it. */
void pipeline_finish(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                     enum outcome outcome, struct action *action, nanos now);

/* The current step ends the upload, with or without a verdict. */
void pipeline_reject(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                     enum outcome outcome, bool exhausted, struct action *action, nanos now);

/* Another service is asked to perform the current step, and has until then. */
void pipeline_await(struct status *status, nanos until, struct action *action);

/* The upload comes to a step, or to the end if that was the last one. */
void pipeline_enter(const struct pipeline *pipeline, const struct upload *upload, struct status *status, size_t step,
                    struct action *action, nanos now);

/* The upload continues without the verdict of its current step. */
void pipeline_pass_over(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                        struct action *action, nanos now);

/* The current step is abandoned without a verdict. */
void pipeline_exhaust(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                      struct action *action, nanos now);

/* The current step failed to reach a verdict. */
void pipeline_fail(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                   struct action *action, nanos now);

/* Puts these words before the reason that the status has. */
void pipeline_lead_reason(struct status *status, const char *lead);

/* The server answers that the bytes no longer exist at this URL. They may have another URL, which storage sends when it
 * is asked to restart the upload. This is done once. Until then the step is retried, regardless of its retries. The
 * upload is hopeless if the second URL answers the same, even after a pause, or if no new URL arrives within ten
 * minutes. */
void pipeline_fail_gone(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                        struct action *action, nanos now);

/* The module crashed while it had the upload. It is tried again, but not as often as it may fail. */
void pipeline_fail_crashed(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                           struct action *action, nanos now);

/* The current step ends with this outcome. One that is no verdict is a failure. */
void pipeline_conclude(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                       enum outcome outcome, struct action *action, nanos now);

/* The current step runs again. */
void pipeline_wake(struct status *status, struct action *action);

/* The step wants people to decide. Others are not asked, so their answers do not count. */
void pipeline_hold(const struct pipeline *pipeline, const struct upload *upload, struct status *status, nanos now);

/* The step asks to run again at a certain time, or for an answer of another service until then. */
void pipeline_put_off(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                      const struct input *input, struct action *action, nanos now);

/* An administrator has decided on an upload that is held. */
struct action pipeline_hold_ended(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                                  const struct input *input, nanos now);

/* Nobody has decided in time. */
void pipeline_end_hold(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                       struct action *action, nanos now);

/* The step of a held upload has another look at it. If it holds the upload again, older decisions do not count. */
void pipeline_run_again(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                        const struct input *input, struct action *action, nanos now);

#endif
