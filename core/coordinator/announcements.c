/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/coordinator/coordinator_private.h"
#include "core/upload/message_id.h"

/* The services of OpenCloud and oCIS that do the steps of these names. */
static const struct {
	const char *step, *service;
} others[] = {{"virusscan", "antivirus"}, {"policies", "policies"}, {"delay", "postprocessing"}};

/* Whether the step may have been announced before: by a process that had the event, perhaps through a consumer that is
 * lost since, or by this job. A repetition does no harm while the broker surely knows the ID. */
static bool was_begun_before(const struct coordinator *coordinator, const struct job *job, nanos now)
{
	const struct delivery *source = job->source;
	return job->input.redelivered || !outbox_is_remembered(coordinator, job->taken, now) ||
	       (source != NULL && source->of_gap && !outbox_is_remembered(coordinator, source->stored, now));
}

void announce_step(struct coordinator *coordinator, struct job *job, const struct record *record, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	char id[MESSAGE_ID_SIZE];
	/* A process that had the event before may have announced it. */
	bool known = job->announced || (job->input.kind == INPUT_BEGIN && was_begun_before(coordinator, job, now));
	/* The upload may have left the step if the record was written some time ago. */
	if (!job->action.announce || known || active_is_stale(job->active, now))
		return;
	size_t step = record_step(coordinator, record);
	if (step == coordinator->options.pipeline.count || !coordinator->step[step].announcement.wanted)
		return;
	job->announced = true;
	message_id_make_announcement(id, job->active->id, &record->status);
	struct text *text = coordinator_scratch(coordinator);
	event_encode(text, PUBLISH_START, record->upload, &record->status, NULL, 0, now);
	/* Nothing depends on it, so it is not tried again. */
	if (!text->failed)
		ports->announce(ports->closure, id, text->data, text->length);
}

void announcement_is_question(struct coordinator *coordinator, size_t step)
{
	coordinator->step[step].announcement.wanted = false;
}

bool event_is_our_result(const struct coordinator *coordinator, const struct delivery *delivery,
                         const struct event *event)
{
	const struct ports *ports = &coordinator->options.ports;
	return event->type == EVENT_STEP_FINISHED &&
	       message_id_is_result(ports->message_id(ports->closure, delivery), event->upload_id);
}

static const char *service_of(const char *step)
{
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (strcmp(others[i].step, step) == 0)
			return others[i].service;
	return NULL;
}

/* Whether the upload was known here when the event was published. */
static bool is_known(const struct job *job)
{
	const struct active_upload *active = job->active;
	return active->known == ACTIVE_PRESENT ||
	       (active->known == ACTIVE_ABSENT && active->gone.begun != 0 && active->gone.stream == job->input.stream);
}

void report_answer_of_others(struct coordinator *coordinator, const struct job *job)
{
	if (job->input.kind != INPUT_STEP_FINISHED || job->action.ignored == NULL || !is_known(job))
		return;
	size_t step = step_number(coordinator, job->input.step);
	struct step_announcement *announced = &coordinator->step[step].announcement;
	if (step == coordinator->options.pipeline.count || !announced->wanted || announced->answered)
		return;
	announced->answered = true;
	const char *name = job->input.step, *service = service_of(name);
	log_error(
		coordinator->options.log,
		"step %s: another service runs it as well; its results are ignored (the first is event %llu, upload %s). "
		"This service runs the step itself and announces it with StartPostprocessingStep, which the other service "
		"takes for a request. Exclude the other service%s%s (OC_EXCLUDE_RUN_SERVICES, OCIS_EXCLUDE_RUN_SERVICES), "
		"or set [events] announce_steps = false",
		name, (unsigned long long)job->input.sequence, job->active->id, service != NULL ? ", " : "",
		service != NULL ? service : "");
}
