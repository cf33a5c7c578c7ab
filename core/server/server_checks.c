/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/server/server_private.h"

void server_add_steps(struct server *server, const struct steps *steps)
{
	server->step = alloc_zeroed(steps->count + 1, sizeof *server->step);
	server->step_count = steps->count;
	for (size_t i = 0; i < steps->count; i++) {
		struct server_step *step = &server->step[i];
		step->name = steps->name[i];
		step->fact = readiness_add(server->readiness, "step", step->name);
		step_health_init(&step->health, checker_wanted(&steps->step[i]), steps->step[i].config->check_interval);
		/* Without a check, the step is assumed to work. */
		if (step->health.state == HEALTH_GOOD)
			fact_set(step->fact, true, "");
	}
}

bool server_start_checks(struct server *server, const struct steps *steps)
{
	server->checker = checker_create(steps, &server->mailbox, server->log);
	if (server->checker == NULL)
		return false;
	for (size_t i = 0; i < server->step_count; i++)
		if (server->step[i].health.state == HEALTH_UNKNOWN)
			coordinator_suspend(server->coordinator, i, "its first check has not finished yet", clock_now());
	server_do_checks(server);
	return true;
}

static void suspend(struct server *server, size_t number)
{
	struct server_step *step = &server->step[number];
	char limit[DURATION_TEXT_SIZE], now[48] = "";
	size_t waiting = coordinator_waiting(server->coordinator, number);
	step->suspended = clock_monotonic();
	coordinator_suspend(server->coordinator, number, step->health.reason, clock_now());
	if (waiting > 0)
		snprintf(now, sizeof now, "; %zu are waiting now", waiting);
	log_error(server->log,
	          "step %s is suspended: %s. Its uploads wait until the step works again, each for at most %s "
	          "(check_limit)%s",
	          step->name, step->health.reason, duration_format(server->config->step[number].check_limit, limit), now);
}

static void resume(struct server *server, size_t number)
{
	struct server_step *step = &server->step[number];
	char time[DURATION_TEXT_SIZE];
	if (step->suspended != 0)
		log_info(server->log, "step %s works again after %s; uploads that waited for it: %zu", step->name,
		         duration_format((clock_monotonic() - step->suspended) / MILLISECOND * MILLISECOND, time),
		         coordinator_waiting(server->coordinator, number));
	step->suspended = 0;
	coordinator_release(server->coordinator, number, clock_now());
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
			log_warning(server->log, "step %s: check failed: %s. If the next check fails too, the step is suspended",
			            step->name, step->health.reason);
		break;
	}
}

static void tell(const struct server_step *step)
{
	if (step->health.state != HEALTH_UNKNOWN)
		fact_set(step->fact, step->health.state == HEALTH_GOOD, step->health.reason);
}

void server_do_checks(struct server *server)
{
	for (size_t i = 0; i < server->step_count && !server->stopping; i++) {
		bool ask;
		take_change(server, i, step_health_tick(&server->step[i].health, &ask, clock_monotonic()));
		tell(&server->step[i]);
		if (ask)
			checker_ask(server->checker, i);
	}
}

void server_take_check(struct server *server, const struct check_answer *answer)
{
	struct step_health *health = &server->step[answer->step].health;
	take_change(server, answer->step, step_health_answered(health, answer->passed, answer->why, clock_monotonic()));
	tell(&server->step[answer->step]);
}

void server_take_pool_news(struct server *server, const struct pool_news *news)
{
	struct step_health *health = &server->step[news->step].health;
	take_change(server, news->step, step_health_started(health, news->works, news->why));
	tell(&server->step[news->step]);
}

void server_note_run(struct server *server, const struct run *run)
{
	bool verdict = run->returned == RETURNED_VERDICT && run->outcome != OUTCOME_RETRY;
	/* What was cancelled, or asked for more time, tells nothing. */
	if (atomic_load(&run->started) == 0 || atomic_load(&run->cancelled) || (run->returned != RETURNED_VERDICT))
		return;
	enum health_change change = step_health_ran(&server->step[run->step].health, verdict, clock_monotonic());
	if (change == HEALTH_SAME)
		return;
	take_change(server, run->step, change);
	tell(&server->step[run->step]);
}
