/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/history.h"
#include "tests/sim/world.h"

struct sim_upload *world_upload(struct world *world, const char *id)
{
	for (size_t i = 0; i < SIM_UPLOADS; i++)
		if (strcmp(world->upload[i].id, id) == 0)
			return &world->upload[i];
	return NULL;
}

/* 4: every unfinished record has a due time. */
static void check_due(struct world *world, const struct record *record)
{
	bool unfinished = record->status.phase != PHASE_ENDED && record->status.phase != PHASE_UNCONFIRMED;
	if (unfinished && record->status.due == 0)
		world_violated(world, "%s is %s without a due time", record->upload->id, phase_name(record->status.phase));
}

/* 2: in order, none skipped, none after the end. 3: no wait is cut short. */
static void check_progress(struct world *world, struct sim_upload *upload, const struct record *record)
{
	const struct status *was = &upload->last.status, *is = &record->status;
	size_t all = record->upload->step_count;
	bool ends_early = is->step == all && (is->outcome == OUTCOME_ABORT || is->outcome == OUTCOME_DELETE);
	if (is->transition != was->transition + 1)
		world_violated(world, "%s goes from transition %" PRIu64 " to %" PRIu64, upload->id, was->transition,
		               is->transition);
	if (is->step < was->step || (is->step > was->step + 1 && !ends_early))
		world_violated(world, "%s goes from step %zu to %zu", upload->id, was->step, is->step);
	if (was->step == all && is->outcome != was->outcome)
		world_violated(world, "%s had ended with %s and now ends with %s", upload->id, outcome_name(was->outcome),
		               outcome_name(is->outcome));
	if (is->step == was->step + 1 && was->step < all && !ends_early && !upload->passed[was->step])
		world_violated(world, "%s leaves %s, which was not done", upload->id, record->upload->step[was->step]);
	/* Only a run that failed, or that may have ended the service, uses up a retry. */
	bool ours = was->step == is->step && was->step < 2 && was->phase != PHASE_RUNNING;
	if (ours && is->failures > was->failures && ++upload->reaper > upload->failed_runs)
		world_violated(world, "%s spends a retry of %s, which was not run", upload->id,
		               record->upload->step[was->step]);
	if (was->phase == PHASE_WAITING && is->step != was->step && world->now < was->due && !upload->resumed)
		world_violated(world, "%s leaves its delay %.3f s early", upload->id,
		               (double)(was->due - world->now) / (double)SECOND);
}

/* An upload is held until somebody decides or its time is over. */
static void check_hold(struct world *world, struct sim_upload *upload, const struct record *record)
{
	static const enum outcome outcomes[] = {OUTCOME_CONTINUE, OUTCOME_ABORT, OUTCOME_DELETE};
	const struct status *was = &upload->last.status, *is = &record->status;
	bool over = was->due <= world->now || upload->judged || upload->resumed || upload->confirmed;
	if (was->held && !is->held && !over)
		world_violated(world, "%s is no longer held, and nobody decided", upload->id);
	if (is->held && !was->held && world_chance(world, 60))
		world_plan(world, 1 + (nanos)world_random(world, (uint64_t)MINUTE),
		           &(struct happening){.kind = HAPPEN_DECIDE,
		                               .upload = (size_t)(upload - world->upload),
		                               .outcome = outcomes[world_random(world, 3)]});
}

/* A pass that has ended is the last one, unless storage was asked for another. */
static void check_repeat(struct world *world, struct sim_upload *upload, uint64_t begun)
{
	if (upload->last.status.step == upload->last.upload->step_count && !upload->restarted)
		world_violated(world, "%s is begun again, having ended", upload->id);
	if (upload->last.status.step == upload->last.upload->step_count)
		upload->asked_in_life = 0;
	for (size_t i = 0; i < SIM_STEPS; i++)
		upload->passed[i] = false;
	/* It cannot be known whether answers since then were asked for before. */
	upload->passed[2] = upload->answered > begun;
	upload->results = 0;
}

/* When storage has removed an upload, only instances that had decided so before may do one last thing: begin a step,
 * or publish an event. */
#define RUN_TIMEOUT (20 * SECOND)
#define WORD_TIMEOUT (45 * SECOND)

/* Whether an instance has had enough time to learn that the upload was removed. */
static bool knows_clean(const struct world *world, const struct sim_upload *upload, size_t instance, nanos timeout)
{
	return upload->clean_at != 0 && !upload->hit && world->now > upload->clean_at + timeout &&
	       world->instance[instance].stalled_until < upload->clean_at;
}

static void note_removal(struct world *world, struct sim_upload *upload, const struct tombstone *tombstone)
{
	bool clean = upload->cleaned != 0 && tombstone->begun == upload->cleaned;
	if (!upload->confirmed && upload->cleaned == 0)
		world_violated(world, "the record of %s is removed before storage confirmed", upload->id);
	if (clean && upload->clean_at == 0)
		upload->clean_at = world->now;
	world_trace(world, "the record of %s goes%s", upload->id, clean ? ", as storage has removed it" : "");
	upload->removed = true;
	upload->present = false;
	upload->held = 0;
}

void promises_of_write(struct world *world, const char *key, const char *value, size_t length,
                       const struct tombstone *tombstone)
{
	struct sim_upload *upload = world_upload(world, key);
	struct record record;
	char why[128];
	upload->missed_by = 0;
	if (tombstone != NULL) {
		note_removal(world, upload, tombstone);
		return;
	}
	if (record_decode(value, length, &record, why, sizeof why) != RECORD_TAKEN) {
		world_violated(world, "%s: a record that cannot be read: %s", key, why);
		return;
	}
	world_trace(world, "%s writes %s: step %zu, %s, transition %" PRIu64 ", publishes %u, due in %.3f s", record.owner,
	            key, record.status.step, phase_name(record.status.phase), record.status.transition,
	            record.status.publish,
	            record.status.due != 0 ? (double)(record.status.due - world->now) / (double)SECOND : 0);
	if (upload->removed && !upload->hit && !upload->restarted)
		world_violated(world, "%s is begun again after its end", key);
	check_due(world, &record);
	world->expired +=
		strncmp(record.status.reason, "the step was suspended", 22) == 0 && record.status.confirmations == 1;
	/* If it was announced twice, it may begin again while it is under way. */
	if (upload->present && !upload->hit && upload->last.status.begun == record.status.begun) {
		check_progress(world, upload, &record);
		check_hold(world, upload, &record);
	} else if (upload->present && !upload->hit) {
		check_repeat(world, upload, record.status.begun);
	}
	upload->missed = upload->missed || record.status.asked_at != 0;
	record_clear(&upload->last);
	upload->last = record;
	upload->present = true;
}

/* An instance that has died, was stopped or has forgotten its announcement cannot tell the next one. Nor does it
 * remember an announcement for an upload of another instance. */
static bool finisher_knows(const struct world *world, const struct sim_upload *upload)
{
	const struct instance *instance = &world->instance[upload->finisher];
	return instance->coordinator != NULL && instance->life == upload->finisher_life &&
	       instance->stalled_until < upload->finished_at && instance->doubted < upload->finished_at &&
	       upload->finisher_owned;
}

void promises_of_finished(struct world *world, struct sim_upload *upload, enum outcome outcome)
{
	bool recorded = upload->removed || (upload->present && upload->last.status.step == upload->last.upload->step_count);
	world_trace(world, "%s is said to be finished: %s", upload->id, outcome_name(outcome));
	if (!recorded && !upload->hit)
		world_violated(world, "%s is said to be finished before its record says so", upload->id);
	if (upload->finished > 0 && outcome != upload->outcome && !upload->hit)
		world_violated(world, "%s was said to end with %s, now %s", upload->id, outcome_name(upload->outcome),
		               outcome_name(outcome));
	if (upload->finished > 0 && world->now - upload->finished_at < MINUTE / 2 && finisher_knows(world, upload) &&
	    !upload->hit && !upload->resumed)
		world_violated(world, "%s is said to be finished twice within %.3f s", upload->id,
		               (double)(world->now - upload->finished_at) / (double)SECOND);
	upload->outcome = outcome;
	upload->finished_at = world->now;
	upload->finisher = world->arriving->instance;
	upload->finisher_life = world->arriving->life;
	upload->finisher_owned =
		!upload->present || strcmp(upload->last.owner, world->instance[upload->finisher].owner) == 0;
	upload->finished++;
}

/* One end for each upload, and none for those that storage has removed. */
void promises_of_message(struct world *world, const char *message_id, const struct event *event)
{
	struct sim_upload *upload = world_upload(world, event->upload_id);
	size_t length = strlen(upload->id);
	if (event->type != EVENT_RESTART && world->arriving != NULL &&
	    knows_clean(world, upload, world->arriving->instance, WORD_TIMEOUT))
		world_violated(world, "%s is said of %s, which storage has removed", message_id, upload->id);
	if (event->type != EVENT_FINISHED || message_id[length] != '.')
		return;
	uint64_t pass = strtoull(message_id + length + 1, NULL, 10);
	if (upload->ended_pass != 0 && pass != upload->ended_pass && !upload->hit && !upload->restarted)
		world_violated(world, "%s ends a second time", upload->id);
	upload->ended_pass = pass;
}

static const char *const steps[SIM_STEPS] = {"scan", "delay", "remote"};

/* At most once in each pass, and not for steps that other services do. */
void promises_of_announcement(struct world *world, struct sim_upload *upload, const char *message_id)
{
	uint64_t pass = 0;
	size_t step = SIM_STEPS;
	if (sscanf(message_id + strlen(upload->id), ".%" SCNu64 ".step%zu", &pass, &step) != 2 || step >= SIM_STEPS ||
	    strcmp(steps[step], "remote") == 0)
		world_violated(world, "%s announces what is none of the steps that are done here", message_id);
	else if (upload->announced[step] == pass && !upload->hit)
		world_violated(world, "%s of %s is announced twice", steps[step], upload->id);
	else
		upload->announced[step] = pass;
	world->announcements++;
}

/* 6: what may have ended an instance is run with a mark. There are exceptions: an instance that was stopped and does
 * not know yet that it was taken for dead may run it once without a mark, and so may one that decided before it was
 * due to take it over. And what the broker forgot, nobody can know. */
/* A step gets what the steps before it said: the scan, unless another implementation has done it. */
static void check_history(struct world *world, const struct run *run)
{
	struct history_values values;
	bool before = false;
	for (size_t i = 0; i < run->place; i++)
		before = before || strcmp(run->upload->step[i], steps[0]) == 0;
	if (before && !(history_find(run->history, steps[0], &values) &&
	                (values.passed.text != NULL || json_says(&values.verdict, "clean"))))
		world_violated(world, "%s of %s is run without the verdict of %s", steps[run->step], run->upload->id, steps[0]);
}

void promises_of_run(struct world *world, size_t instance, const struct run *run)
{
	struct sim_upload *upload = world_upload(world, run->upload->id);
	check_history(world, run);
	if (knows_clean(world, upload, instance, RUN_TIMEOUT))
		world_violated(world, "%s is run on %s, which storage has removed", steps[run->step], upload->id);
	bool holds = !upload->present && !upload->removed;
	world_trace(world, "%s runs %s on %s%s", world->instance[instance].owner, steps[run->step], upload->id,
	            holds ? ", without a record" : "");
	struct instance *runner = &world->instance[instance];
	if (runner->suspended[run->step] && !upload->resumed && runner->dispatch_before[run->step]-- == 0)
		world_violated(world, "%s is run for %s, though it is suspended", steps[run->step], upload->id);
	bool owns = strcmp(upload->last.owner, world->instance[instance].owner) == 0 &&
	            upload->shown[instance] >= upload->feared_at;
	bool knows = !upload->present || owns;
	/* Each event that begins the upload may be the first one that an instance sees. */
	if ((upload->feared & 1u << run->step) != 0 && !run->marked && knows && !upload->hit && !upload->repeated &&
	    !upload->lost)
		world_violated(world, "%s of %s may have ended an instance, and is run without a mark", steps[run->step],
		               upload->id);
	if (!holds)
		return;
	if (run->step != 0)
		world_violated(world, "%s of %s is run without a record", steps[run->step], upload->id);
	upload->held = world->now;
	upload->holder = instance;
	world->holds.begun++;
	if (world->breakage == BREAK_HELD_ACKNOWLEDGED)
		sim_acknowledge(&world->broker, upload->begun, world->broker.message[upload->begun - 1].life);
}

static bool is_out(const struct instance *instance, const struct sim_upload *upload)
{
	for (size_t i = 0; i < instance->runs; i++)
		if (strcmp(instance->run[i]->upload->id, upload->id) == 0)
			return true;
	return false;
}

/* 4: an upload is not without a record for long, because people look there. */
void promises_of_put(struct world *world, size_t instance, const char *key)
{
	struct sim_upload *upload = world_upload(world, key);
	const struct instance *holder = &world->instance[upload->holder];
	if (upload->held == 0 || upload->holder != instance)
		return;
	nanos lasted = world->now - upload->held;
	if (lasted > SIM_HOLD + 10 * MILLISECOND && holder->stalled_until < upload->held)
		world_violated(world, "%s is without a record for %.3f s", upload->id, (double)lasted / (double)SECOND);
	if (is_out(holder, upload))
		world->holds.outlasted++;
	else
		world->holds.ended++;
	world->holds.refused += upload->present || upload->removed;
	upload->held = 0;
}

/* 1: the event of an upload is in the stream until its record is written. */
void promises_of_acknowledgement(struct world *world, uint64_t sequence)
{
	for (size_t i = 0; i < SIM_UPLOADS; i++) {
		const struct sim_upload *upload = &world->upload[i];
		if (upload->begun == sequence && !upload->present && !upload->removed && upload->clean_at == 0)
			world_violated(world, "the event of %s is acknowledged before there is a record", upload->id);
	}
}

void promises_of_drop(struct world *world, size_t instance, uint64_t sequence)
{
	for (size_t i = 0; i < SIM_UPLOADS; i++) {
		struct sim_upload *upload = &world->upload[i];
		if (upload->begun != sequence || upload->held == 0 || upload->holder != instance ||
		    world->instance[instance].dying)
			continue;
		/* The reader delivers it once more beside the one that is held. */
		if (upload->lost)
			continue;
		/* Its removal comes first. */
		if (world->instance[instance].stalled_until < upload->held && upload->cleaned == 0)
			world_violated(world, "the event of %s is given back", upload->id);
		upload->held = 0;
		world->holds.returned++;
	}
}

/* Whatever becomes of its event, the step is not run without a record any more. */
void promises_of_cancellation(struct world *world, size_t instance, const struct run *run)
{
	struct sim_upload *upload = world_upload(world, run->upload->id);
	if (upload->held != 0 && upload->holder == instance)
		upload->held = 0;
}

/* An event behind the gap never makes the service ask storage for an upload whose event is in the unread part of the
 * gap. */
void promises_of_restart(struct world *world, const struct sim_upload *upload, uint64_t event)
{
	if (gap_has(&world->broker.gap, upload->begun) && !upload->present && !upload->removed && !upload->hit &&
	    event > gap_end(&world->broker.gap))
		world_violated(world, "storage is asked to begin %s again, which is still to be read", upload->id);
}

void promises_of_death(struct world *world, size_t instance, const struct run *run)
{
	struct sim_upload *upload = world_upload(world, run->upload->id);
	bool wanted = upload->present ? upload->last.status.transition == run->transition
	                              : upload->held != 0 && upload->holder == instance;
	if (wanted && atomic_load(&run->started) != 0) {
		upload->feared |= 1u << run->step;
		upload->feared_at = world->now;
	}
}

/* The run may have ended before. */
void promises_after_death(struct world *world, size_t instance)
{
	for (size_t i = 0; i < SIM_UPLOADS; i++) {
		struct sim_upload *upload = &world->upload[i];
		if (upload->held == 0 || upload->holder != instance)
			continue;
		upload->held = 0;
		world->holds.orphaned++;
	}
}

void promises_at_end(struct world *world)
{
	for (size_t i = 0; i < SIM_UPLOADS; i++) {
		const struct sim_upload *upload = &world->upload[i];
		if (upload->cleaned != 0) {
			if (upload->present && !upload->hit)
				world_violated(world, "%s was removed, and its record stays", upload->id);
			continue;
		}
		/* For storage, an upload that it has confirmed is over, whatever came back from the bucket's past. */
		bool ended = upload->hit ? upload->confirmed
		                         : upload->removed || (upload->present && upload->last.status.phase == PHASE_ENDED);
		if (upload->finished == 0)
			world_violated(world, "%s never ends", upload->id);
		else if (upload->missed && upload->asked == 0 && !upload->hit)
			world_violated(world, "storage was never asked for a new URL of %s", upload->id);
		else if (upload->loss > LOSS_REPAIRED && upload->outcome != OUTCOME_ABORT && !upload->hit)
			world_violated(world, "%s ends with %s, and nobody has read it", upload->id, outcome_name(upload->outcome));
		else if (!ended)
			world_violated(world, "%s was confirmed, and its record stays (%s)", upload->id,
			               upload->present ? phase_name(upload->last.status.phase) : "none");
		else if (upload->outcome == OUTCOME_CONTINUE && upload->results == 0 && !(upload->hit && upload->repeated) &&
		         !upload->judged)
			world_violated(world, "nobody was told the result of the scan of %s", upload->id);
	}
	if (sim_unacknowledged(&world->broker) > 0)
		world_violated(world, "%zu events are never acknowledged", sim_unacknowledged(&world->broker));
}
