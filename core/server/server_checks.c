/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/server/server_private.h"

#define UNCHECKED "its first check has not finished yet"

void server_tell_health(const struct server_step *step)
{
	const struct step_health *health = &step->health;
	gauge_set(step->noted, health->note[0] != '\0');
	if (health->state == HEALTH_UNKNOWN)
		return;
	fact_set(step->fact, health->state == HEALTH_GOOD, health->reason[0] != '\0' ? health->reason : health->note);
	fact_show(step->fact, step->used);
}

bool server_start_checks(struct server *server, const struct steps *steps)
{
	server->checker = checker_create(steps, &server->mailbox, server->log);
	if (server->checker == NULL)
		return false;
	checker_report_to(server->checker, server->reports);
	for (size_t i = 0; i < server->step_count; i++)
		if (server->step[i].health.state == HEALTH_UNKNOWN)
			coordinator_suspend(server->coordinator, i, UNCHECKED, clock_now());
	server_do_checks(server);
	return true;
}

/* What a reason needs before the next sentence. */
static const char *full_stop(const char *reason)
{
	size_t length = strlen(reason);
	return length > 0 && strchr(".?!", reason[length - 1]) != NULL ? "" : ".";
}

static void suspend(struct server *server, size_t number)
{
	struct server_step *step = &server->step[number];
	char limit[DURATION_TEXT_SIZE], now[48] = "";
	size_t waiting = coordinator_waiting(server->coordinator, number);
	step->suspended = clock_monotonic();
	step->note_told[0] = '\0';
	coordinator_suspend(server->coordinator, number, step->health.reason, clock_now());
	if (waiting > 0)
		snprintf(now, sizeof now, "; %zu %s waiting now", waiting, waiting == 1 ? "is" : "are");
	log_error(server->log,
	          "step %s is suspended: %s%s Its uploads wait until the step works again, each for at most %s "
	          "(check_limit)%s",
	          step->step->config->name, step->health.reason, full_stop(step->health.reason),
	          duration_format(step->step->config->check_limit, limit), now);
}

static void resume(struct server *server, size_t number)
{
	struct server_step *step = &server->step[number];
	char time[DURATION_TEXT_SIZE];
	if (step->suspended != 0)
		log_info(server->log, "step %s works again after %s; uploads that waited for it: %zu", step->step->config->name,
		         duration_format((clock_monotonic() - step->suspended) / MILLISECOND * MILLISECOND, time),
		         coordinator_waiting(server->coordinator, number));
	step->suspended = 0;
	coordinator_release(server->coordinator, number, clock_now());
}

void server_reset_health(struct server *server, size_t number)
{
	struct server_step *step = &server->step[number];
	step_health_init(&step->health, checker_wanted(step->step), step->step->module->has_check_run,
	                 step->step->config->check_interval);
	if (step->health.state == HEALTH_UNKNOWN)
		coordinator_suspend(server->coordinator, number, UNCHECKED, clock_now());
	else
		resume(server, number);
	server_tell_health(step);
}

/* What follows from a check, or a run. */
static void take_change(struct server *server, size_t number, enum health_change change)
{
	struct server_step *step = &server->step[number];
	bool suspended = step->health.state == HEALTH_SUSPENDED;
	switch (change) {
	case HEALTH_SAME:
		break;
	case HEALTH_SUSPENDS:
		suspend(server, number);
		break;
	case HEALTH_RESUMES:
		resume(server, number);
		break;
	case HEALTH_FAILS:
		if (suspended)
			coordinator_suspend(server->coordinator, number, step->health.reason, clock_now());
		else
			log_warning(server->log, "step %s: check failed: %s%s If the next check fails too, the step is suspended",
			            step->step->config->name, step->health.reason, full_stop(step->health.reason));
		break;
	}
}

/* Logs what the last check notes although the step works, when it changes. */
static void tell_note(const struct server *server, struct server_step *step)
{
	const char *name = step->step->config->name, *note = step->health.note;
	if (step->health.state != HEALTH_GOOD || step->health.failures > 0 || strcmp(note, step->note_told) == 0)
		return;
	if (note[0] != '\0')
		log_warning(server->log, "step %s works, but: %s", name, note);
	else
		log_info(server->log, "step %s works, and its check has nothing to note any more", name);
	text_copy(step->note_told, sizeof step->note_told, note);
}

void server_do_checks(struct server *server)
{
	for (size_t i = 0; i < server->step_count && !server->stopping; i++) {
		bool ask;
		take_change(server, i, step_health_tick(&server->step[i].health, &ask, clock_monotonic()));
		tell_note(server, &server->step[i]);
		server_tell_health(&server->step[i]);
		if (ask)
			checker_ask(server->checker, i);
	}
}

void server_take_check(struct server *server, const struct check_answer *answer)
{
	struct step_health *health = &server->step[answer->step].health;
	if (answer->version != server->step[answer->step].step->version)
		return;
	take_change(server, answer->step, step_health_answered(health, answer->passed, answer->why, clock_monotonic()));
	tell_note(server, &server->step[answer->step]);
	server_tell_health(&server->step[answer->step]);
}

void server_take_pool_news(struct server *server, const struct pool_news *news)
{
	struct step_health *health = &server->step[news->step].health;
	if (news->version != server->step[news->step].step->version)
		return;
	take_change(server, news->step, step_health_started(health, news->works, news->why));
	server_tell_health(&server->step[news->step]);
}

/* In a bucket of another service, the record may be deleted before people have to decide. Whether a step holds uploads
 * is known only when it does. */
static void warn_of_age(struct server *server, struct server_step *step)
{
	nanos age = atomic_load(&server->bucket.age), limit = step->limits.hold_limit;
	char text[DURATION_TEXT_SIZE], held[DURATION_TEXT_SIZE];
	if (age == 0 || limit < age || step->hold_told)
		return;
	step->hold_told = true;
	log_warning(
		server->log,
		"bucket %s: it deletes each record %s after it was written, but step %s holds uploads for %s (hold_limit): "
		"an upload that nobody decides on in time starts over or is lost. Set a shorter hold_limit, or keep the "
		"records: nats stream edit KV_%s --max-age=0",
		server->store.bucket, duration_format(age, text), step->step->config->name, duration_format(limit, held),
		server->store.bucket);
}

void server_note_run(struct server *server, const struct run *run)
{
	if (run->returned == RETURNED_HOLD)
		warn_of_age(server, &server->step[run->step]);
	bool verdict = run->returned == RETURNED_VERDICT && run->outcome != OUTCOME_RETRY;
	/* What was cancelled, or asked for more time, tells nothing. Nor do the runs of a step that was replaced. */
	if (run->version != server->step[run->step].step->version || atomic_load(&run->started) == 0 ||
	    atomic_load(&run->cancelled) || (run->returned != RETURNED_VERDICT))
		return;
	enum health_change change = step_health_ran(&server->step[run->step].health, verdict, clock_monotonic());
	if (change == HEALTH_SAME)
		return;
	take_change(server, run->step, change);
	server_tell_health(&server->step[run->step]);
}
