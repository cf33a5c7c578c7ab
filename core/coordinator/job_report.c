/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/coordinator/coordinator_private.h"

/* The upload continues without a verdict of a step. */
static void report_passed(struct coordinator *coordinator, const struct job *job)
{
	const struct action *action = &job->action;
	char failed[48] = ""; /* a step that was suspended may not have failed */
	if (action->passed_failures > 0)
		snprintf(failed, sizeof failed, ", which failed %u times", action->passed_failures);
	metrics_count(coordinator->options.metrics, steps_passed);
	log_warning(coordinator->options.log, "upload %s: continues without a verdict of %s%s (%s = continue): %s",
	            job->active->id, job->active->record->upload->step[action->passed_step], failed,
	            action->hold_expired ? "hold_outcome" : "on_exhausted", action->why_passed);
}

static void note_act(const struct coordinator *coordinator, struct audit_act act)
{
	const struct ports *ports = &coordinator->options.ports;
	act.time = clock_now();
	act.instance = coordinator->options.owner;
	if (ports->audit != NULL)
		ports->audit(ports->closure, &act);
}

/* What people have decided. */
static void note_decision(const struct coordinator *coordinator, const struct job *job, bool again)
{
	const struct event *event = &job->event;
	bool known = event->user != NULL && event->user[0] != '\0';
	note_act(coordinator, (struct audit_act){.act = event->outcome == OUTCOME_CONTINUE ? "released" : "rejected",
	                                         .upload = job->active->id,
	                                         .step = event->step,
	                                         .user = event->user,
	                                         .outcome = outcome_name(event->outcome),
	                                         .reason = known ? event->why : event->reason,
	                                         .event = job->input.sequence,
	                                         .again = again});
}

/* Nobody has decided in time. */
static void note_expiry(const struct coordinator *coordinator, const struct job *job)
{
	const struct record *record = job->active->record;
	bool passed = job->action.passed;
	size_t step = passed ? job->action.passed_step : record->status.decided > 0 ? record->status.decided - 1 : 0;
	note_act(coordinator,
	         (struct audit_act){.act = "hold_expired",
	                            .upload = job->active->id,
	                            .step = record->upload->step[step],
	                            .outcome = outcome_name(passed ? OUTCOME_CONTINUE : record->status.outcome)});
}

/* The hold has ended without a decision, and the step runs again. Nothing is published then. */
static void report_resumed(const struct coordinator *coordinator, const struct job *job)
{
	const struct record *record = job->active->record;
	const char *step = status_step_name(record->upload, &record->status);
	if (!job->action.hold_resumed)
		return;
	note_act(coordinator, (struct audit_act){
							  .act = "resumed", .upload = job->active->id, .step = step, .event = job->input.sequence});
	log_info(coordinator->options.log, "upload %s: no longer held by %s: resumed, so the step runs again",
	         job->active->id, step);
}

/* The upload is held, or is no longer. */
static void report_hold(struct coordinator *coordinator, const struct job *job)
{
	const struct record *record = job->active->record;
	const struct status *status = &record->status;
	const struct input *input = &job->input;
	struct metrics_list *metrics = coordinator->options.metrics;
	char until[TIME_TEXT_SIZE];
	if (status->held) {
		metrics_count(metrics, holds);
		note_act(coordinator, (struct audit_act){.act = "held",
		                                         .upload = job->active->id,
		                                         .step = status_step_name(record->upload, status),
		                                         .reason = status->reason});
		log_warning(coordinator->options.log,
		            "upload %s: held by %s until %s%s%s; `postprocessing release` or `postprocessing reject` ends that",
		            job->active->id, status_step_name(record->upload, status),
		            time_format(status->due / SECOND * SECOND, until), status->reason[0] != '\0' ? ": " : "",
		            status->reason);
	} else if (input->kind == INPUT_HOLD_ENDED) {
		bool released = input->outcome == OUTCOME_CONTINUE;
		counter_add(released ? metrics->holds_released : metrics->holds_rejected, 1);
		log_info(coordinator->options.log, "upload %s: no longer held by %s: %s, %s", job->active->id, input->step,
		         outcome_name(input->outcome), input->reason != NULL ? input->reason : "");
		note_decision(coordinator, job, false);
	} else if (job->action.hold_expired) {
		metrics_count(metrics, holds_expired);
		note_expiry(coordinator, job);
	}
}

/* How the step ended the upload although it gave no outcome. After retries, its reason may name a verdict that it could
 * not act on. */
static const char *describe_exhaustion(const struct job *job)
{
	const struct input *input = &job->input;
	return input->kind == INPUT_RETURNED && !input->crashed && !input->gone ? " after all retries"
	                                                                        : ", which reached no verdict";
}

static void report_end(const struct log *log, const char *id, const struct job *job)
{
	const struct record *record = job->active->record;
	const struct status *status = &record->status;
	const char *between = status->reason[0] != '\0' ? ": " : "", *outcome = outcome_name(status->outcome);
	if (status->outcome == OUTCOME_CONTINUE)
		log_debug(log, "upload %s: all steps done: %s", id, outcome);
	else if (status->decided == 0)
		log_info(log, "upload %s: %s%s%s", id, outcome, between, status->reason);
	else if (status->exhausted && !job->action.hold_expired)
		log_warning(log, "upload %s: %s by %s%s%s%s", id, outcome, record->upload->step[status->decided - 1],
		            describe_exhaustion(job), between, status->reason);
	else
		log_info(log, "upload %s: %s by %s%s%s", id, outcome, record->upload->step[status->decided - 1], between,
		         status->reason);
}

void report_transition(struct coordinator *coordinator, const struct job *job)
{
	const struct record *record = job->active->record;
	const struct status *status = &record->status;
	const struct log *log = coordinator->options.log;
	struct metrics_list *metrics = coordinator->options.metrics;
	const char *id = job->active->id;
	char text[DURATION_TEXT_SIZE];
	report_resumed(coordinator, job);
	if (status->published != status->transition) /* it publishes nothing new */
		return;
	if (job->input.kind == INPUT_BEGIN)
		metrics_count(metrics, uploads_begun);
	if (status->publish & PUBLISH_RETRY) {
		metrics_count(metrics, steps_retried);
		log_warning(log, "upload %s: %s failed (%u): %s; retry in %s", id, status_step_name(record->upload, status),
		            status->failures, status->reason,
		            duration_format(pipeline_backoff(&coordinator->options.pipeline, record->upload, status), text));
	}
	if (job->action.publish & PUBLISH_RESTART) {
		metrics_count(metrics, urls_asked);
		log_warning(log,
		            "upload %s: its URL no longer has any content; asking storage to begin the upload again "
		            "with a new URL",
		            id);
	}
	report_hold(coordinator, job);
	if (job->action.passed)
		report_passed(coordinator, job);
	if (status->phase == PHASE_UNCONFIRMED)
		log_error(log,
		          "upload %s: storage was told its end (%s) %u times and did not confirm it; "
		          "`postprocessing resume -u %s` tells it again",
		          id, outcome_name(status->outcome), status->confirmations, id);
	if (!(status->publish & PUBLISH_FINISHED) || status->confirmations != 1)
		return;
	if (status->outcome == OUTCOME_CONTINUE)
		metrics_count(metrics, uploads_continued);
	else if (status->outcome == OUTCOME_DELETE)
		metrics_count(metrics, uploads_deleted);
	else
		metrics_count(metrics, uploads_aborted);
	if (status->exhausted && !job->action.hold_expired)
		metrics_count(metrics, uploads_exhausted);
	report_end(log, id, job);
}

void report_refusal(const struct coordinator *coordinator, const struct job *job)
{
	if (job->input.refused != NULL && (job->action.publish & (PUBLISH_FINISHED | PUBLISH_REFUSAL)) != 0)
		log_error(coordinator->options.log, "upload %.300s: aborted, because the event that begins it is invalid: %s",
		          job->event.id_json != NULL ? job->event.id_json : job->active->id, job->input.refused);
}

/* The event of the decision that was counted last came again: the process may have died before it could note the
 * act. */
static bool was_counted(const struct job *job)
{
	const struct active_upload *active = job->active;
	const struct status *status = active->record != NULL ? &active->record->status : NULL;
	return status != NULL && status->stream == job->input.stream && status->answered == job->input.sequence;
}

void report_decision_in_vain(const struct coordinator *coordinator, const struct job *job)
{
	/* One that is delivered again may have had its effect before. */
	if (job->input.kind == INPUT_HOLD_ENDED && job->action.ignored != NULL && job->input.redelivered &&
	    was_counted(job))
		note_decision(coordinator, job, true);
	if (job->input.kind == INPUT_HOLD_ENDED && job->action.ignored != NULL && !job->input.redelivered)
		log_warning(coordinator->options.log, "upload %s: the decision (%s, %s) has no effect: %s", job->active->id,
		            outcome_name(job->input.outcome), job->input.reason != NULL ? job->input.reason : "",
		            job->action.ignored);
}

void report_removal(struct coordinator *coordinator, const struct job *job)
{
	const struct active_upload *active = job->active;
	if (job->input.kind != INPUT_CLEAN || active->known != ACTIVE_PRESENT)
		return;
	metrics_count(coordinator->options.metrics, uploads_cleaned);
	log_info(coordinator->options.log, "upload %s: removed by storage (CleanUpload) in step %s, %s", active->id,
	         status_step_name(active->record->upload, &active->record->status),
	         phase_name(active->record->status.phase));
}
