/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/message_id.h"
#include "tests/sim/world.h"

/* One that waits for a free worker. */
#define LARGE 10000000

static void store(struct world *world, struct text *message)
{
	bool duplicate;
	if (message->failed)
		abort();
	uint64_t sequence = sim_publish(&world->broker, message->data, message->length, NULL, world->now, &duplicate);
	text_free(message);
	actors_see(world, sequence);
}

static struct upload *make_upload(const struct world *world, size_t number)
{
	const struct sim_upload *facts = &world->upload[number];
	bool gone = facts->loss != LOSS_NONE && (facts->asked == 0 || facts->loss != LOSS_REPAIRED);
	struct upload *upload = upload_create(&(struct upload){.id = facts->id,
	                                                       .url = gone ? SIM_URL_GONE : "http://storage/secret",
	                                                       .filename = "file.txt",
	                                                       .filesize = number % 2 == 0 ? 10 : LARGE});
	if (upload == NULL)
		abort();
	return upload;
}

static void announce(struct world *world, size_t number)
{
	struct text message = {0};
	if (world->upload[number].cleaned != 0)
		return;
	struct upload *upload = make_upload(world, number);
	event_encode_bytes_received(&message, upload, world->now);
	upload_release(upload);
	world->upload[number].begun = world->broker.count + 1;
	world_trace(world, "storage announces %s", world->upload[number].id);
	store(world, &message);
	if (world_chance(world, 15))
		world_plan(world, 1 + (nanos)world_random(world, (world_maybe(world, 50) ? 1 : 50) * (uint64_t)SECOND),
		           &(struct happening){.kind = HAPPEN_REPEAT, .upload = number});
	if (world_chance(world, 12))
		world_plan(world, (nanos)world_random(world, (world_maybe(world, 50) ? 3 : 120) * (uint64_t)SECOND),
		           &(struct happening){.kind = HAPPEN_CLEAN, .upload = number});
}

/* At the moment when it was announced; its consumer may have been slow. */
static void repeat(struct world *world, size_t number)
{
	struct sim_upload *upload = &world->upload[number];
	struct text message = {0};
	if (upload->cleaned != 0)
		return;
	struct upload *facts = make_upload(world, number);
	event_encode_bytes_received(&message, facts, world->now);
	upload_release(facts);
	upload->repeated = true;
	world_trace(world, "storage announces %s once more", upload->id);
	store(world, &message);
}

static void clean(struct world *world, size_t number)
{
	struct sim_upload *upload = &world->upload[number];
	struct text message = {0};
	if (upload->confirmed || upload->cleaned != 0)
		return;
	event_encode_clean(&message, upload->id, world->now);
	upload->cleaned = world->broker.count + 1;
	world_trace(world, "storage removes %s", upload->id);
	store(world, &message);
}

static void confirm(struct world *world, const struct happening *happening)
{
	struct sim_upload *upload = &world->upload[happening->upload];
	if (upload->cleaned != 0)
		return;
	struct text message = {0};
	struct upload *facts = upload_create(&(struct upload){.id = upload->id, .filename = "file.txt"});
	if (facts == NULL)
		abort();
	upload->confirmed = true;
	world_trace(world, "storage confirms %s", upload->id);
	event_encode_upload_ready(&message, facts, happening->outcome != OUTCOME_CONTINUE, world->now);
	upload_release(facts);
	store(world, &message);
}

static void answer(struct world *world, const struct happening *happening)
{
	struct sim_upload *upload = &world->upload[happening->upload];
	struct text message = {0};
	const char *const step[] = {"scan", "delay", "remote"};
	struct upload *facts =
		upload_create(&(struct upload){.id = upload->id, .filename = "file.txt", .step = step, .step_count = 3});
	if (facts == NULL)
		abort();
	struct status status = {.finished_step = 2, .finished_outcome = happening->outcome};
	upload->passed[2] = upload->passed[2] || happening->outcome == OUTCOME_CONTINUE;
	if (happening->outcome == OUTCOME_CONTINUE)
		upload->answered = world->broker.count + 1;
	world_trace(world, "the other service answers for %s: %s", upload->id, outcome_name(happening->outcome));
	event_encode(&message, PUBLISH_STEP_FINISHED, facts, &status, NULL, 0, world->now);
	upload_release(facts);
	store(world, &message);
}

/* While its event is not read yet. */
static void ask(struct world *world, size_t number)
{
	struct sim_upload *upload = &world->upload[number];
	struct text message = {0};
	upload->sought = upload->resumed = true;
	world_trace(world, "somebody asks for %s", upload->id);
	event_encode_resume(&message, upload->id, "", world->now);
	store(world, &message);
}

/* For an upload that has no record yet, or none any more, storage would be asked. */
static void resume(struct world *world, size_t number)
{
	struct sim_upload *upload = &world->upload[number];
	struct text message = {0};
	if (!upload->present || upload->hit)
		return;
	upload->resumed = true;
	world->resumed++;
	world_trace(world, "somebody resumes %s", upload->id);
	event_encode_resume(&message, upload->id, "", world->now);
	store(world, &message);
}

/* Somebody decides on an upload that is held. */
static void decide(struct world *world, const struct happening *happening)
{
	struct sim_upload *upload = &world->upload[happening->upload];
	struct text message = {0};
	upload->judged = true;
	upload->passed[0] = upload->passed[0] || happening->outcome == OUTCOME_CONTINUE;
	world->judged++;
	world_trace(world, "somebody decides on %s: %s", upload->id, outcome_name(happening->outcome));
	event_encode_hold_ended(&message, upload->id, "scan", happening->outcome, "by hand", "me", "it is late",
	                        world->now);
	store(world, &message);
}

/* A service that takes the announcement of a step for a request. Its answer, whatever it is, is no verdict. */
static void answer_announcement(struct world *world, const struct happening *happening)
{
	struct text message = {0};
	const char *const step[] = {"scan"};
	struct upload *facts = upload_create(&(struct upload){
		.id = world->upload[happening->upload].id, .filename = "file.txt", .step = step, .step_count = 1});
	if (facts == NULL)
		abort();
	struct status status = {.finished_outcome = happening->outcome};
	world_trace(world, "a service that was not asked answers for the scan of %s", facts->id);
	event_encode(&message, PUBLISH_STEP_FINISHED, facts, &status, NULL, 0, world->now);
	upload_release(facts);
	store(world, &message);
}

void actors_happen(struct world *world, const struct happening *happening)
{
	if (happening->kind == HAPPEN_RESUME) {
		resume(world, happening->upload);
		return;
	}
	if (happening->kind == HAPPEN_UPLOAD)
		announce(world, happening->upload);
	else if (happening->kind == HAPPEN_REPEAT)
		repeat(world, happening->upload);
	else if (happening->kind == HAPPEN_CLEAN)
		clean(world, happening->upload);
	else if (happening->kind == HAPPEN_MEDDLE)
		answer_announcement(world, happening);
	else if (happening->kind == HAPPEN_READY)
		confirm(world, happening);
	else if (happening->kind == HAPPEN_ASK)
		ask(world, happening->upload);
	else if (happening->kind == HAPPEN_DECIDE)
		decide(world, happening);
	else
		answer(world, happening);
}

static void see_finished(struct world *world, size_t number, enum outcome outcome)
{
	struct sim_upload *upload = &world->upload[number];
	promises_of_finished(world, upload, outcome);
	/* Storage misses some events; when they are published again, it confirms. */
	if (!world_chance(world, 15))
		world_plan(world, 1 + (nanos)world_random(world, 2 * (uint64_t)SECOND),
		           &(struct happening){.kind = HAPPEN_READY, .upload = number, .outcome = upload->outcome});
}

static void see_announcement(struct world *world, size_t number, const struct event *event, const char *message_id)
{
	promises_of_announcement(world, &world->upload[number], message_id);
	if (strcmp(event->step, "scan") == 0 && world_chance(world, 10))
		world_plan(world, 1 + (nanos)world_random(world, 2 * (uint64_t)SECOND),
		           &(struct happening){.kind = HAPPEN_MEDDLE,
		                               .upload = number,
		                               .outcome = world_maybe(world, 50) ? OUTCOME_CONTINUE : OUTCOME_DELETE});
}

static void see_start(struct world *world, size_t number)
{
	if (world_chance(world, 15)) /* it never answers */
		return;
	uint64_t dice = world_random(world, 20);
	struct happening happening = {.kind = HAPPEN_REMOTE,
	                              .upload = number,
	                              .outcome = dice < 3    ? OUTCOME_RETRY
	                                         : dice == 3 ? OUTCOME_ABORT
	                                                     : OUTCOME_CONTINUE};
	world_plan(world, 1 + (nanos)world_random(world, 10 * (uint64_t)SECOND), &happening);
	if (world_chance(world, 10)) /* and again */
		world_plan(world, 1 + (nanos)world_random(world, 40 * (uint64_t)SECOND), &happening);
}

/* Storage does not know finished uploads any more. */
static void see_restart(struct world *world, size_t number, const char *id)
{
	struct sim_upload *upload = &world->upload[number];
	char before[64];
	uint64_t event = 0;
	/* See make_message_id(). */
	snprintf(before, sizeof before, "%s.restart.", upload->id);
	if (id != NULL && strncmp(id, before, strlen(before)) == 0)
		event = strtoull(id + strlen(before), NULL, 10);
	world_trace(world, "storage is asked to begin %s again", upload->id);
	promises_of_restart(world, upload, event);
	upload->restarted = true;
	bool resumed = (upload->resumed && upload->confirmed) || upload->sought;
	bool lost = upload->missed && !upload->hit && !resumed && upload->cleaned == 0;
	upload->asked += lost || upload->sought;
	if (lost && ++upload->asked_in_life > 1)
		world_violated(world, "storage is asked twice for a new URL of %s", upload->id);
	if (lost && upload->loss == LOSS_UNANSWERED)
		return;
	if (!upload->missed && !upload->hit && upload->cleaned == 0 && !resumed)
		world_violated(world, "storage is asked to begin %s again, of which nothing was lost",
		               world->upload[number].id);
	if (!upload->confirmed && (!upload->sought || upload->hit || upload->missed))
		world_plan(world, 1 + (nanos)world_random(world, 2 * (uint64_t)SECOND),
		           &(struct happening){.kind = HAPPEN_UPLOAD, .upload = number});
}

void actors_see(struct world *world, uint64_t sequence)
{
	const struct sim_message *message = &world->broker.message[sequence - 1];
	struct event event;
	char why[128];
	if (event_decode(message->data, message->length, NULL, 0, world->now, true, &event, why, sizeof why) !=
	    EVENT_TAKEN) {
		world_violated(world, "an event cannot be read: %s", why);
		return;
	}
	struct sim_upload *upload = event.upload_id != NULL ? world_upload(world, event.upload_id) : NULL;
	size_t number = upload != NULL ? (size_t)(upload - world->upload) : 0;
	if (upload != NULL && message->id != NULL)
		promises_of_message(world, message->id, &event);
	if (upload != NULL && event.type == EVENT_FINISHED)
		see_finished(world, number, event.outcome);
	else if (upload != NULL && event.type == EVENT_START_STEP && message_id_is_announcement(message->id))
		see_announcement(world, number, &event, message->id);
	else if (upload != NULL && event.type == EVENT_START_STEP)
		see_start(world, number);
	else if (upload != NULL && event.type == EVENT_RESTART)
		see_restart(world, number, message->id);
	else if (upload != NULL && event.type == EVENT_STEP_FINISHED && strcmp(event.step, "scan") == 0 &&
	         message->id != NULL)
		upload->results++;
	event_clear(&event);
}
