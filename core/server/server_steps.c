/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/server/server_private.h"

size_t server_step_find(const struct server *server, const char *name)
{
	size_t i = 0;
	while (i < server->step_count && strcmp(server->step[i].step->config->name, name) != 0)
		i++;
	return i;
}

static void add_step(struct server *server, const char *name)
{
	const char *const labels[] = {"step", name, NULL};
	server->step = alloc_resized(server->step, (server->step_count + 1) * sizeof *server->step);
	server->step[server->step_count++] = (struct server_step){
		.fact = readiness_add(server->readiness, "step", name),
		.run_time = metrics_histogram(server->metrics, "postprocessing_step_seconds", "Duration of the runs of a step.",
	                                  labels),
		.suspended_uploads = metrics_gauge(server->metrics, "postprocessing_step_suspended_uploads",
	                                       "Uploads waiting because the step is suspended.", labels),
		.noted = metrics_gauge(server->metrics, "postprocessing_step_noted",
	                           "Whether the step works, but its check notes that something is wrong: 1 or 0.", labels),
	};
}

void server_set_step(struct server *server, size_t number, const struct steps *steps, size_t of)
{
	if (number == server->step_count)
		add_step(server, steps->name[of]);
	struct server_step *step = &server->step[number];
	struct step *before = step->step;
	step->step = step_hold(&steps->step[of]);
	step->limits = steps->limits[of];
	if (before != NULL)
		step_release(before);
}

void server_add_steps(struct server *server, const struct steps *steps)
{
	for (size_t i = 0; i < steps->count; i++) {
		server_set_step(server, i, steps, i);
		struct server_step *step = &server->step[i];
		step->used = true;
		step->announced = steps->announced[i];
		step_health_init(&step->health, checker_wanted(step->step), step->step->module->has_check_run,
		                 step->step->config->check_interval);
		server_tell_health(step);
	}
	server_list_steps(server, steps);
}

void server_list_steps(struct server *server, const struct steps *steps)
{
	size_t count = server->step_count + 1;
	struct step_lists *lists = &server->lists;
	*lists = (struct step_lists){
		.limits = alloc_zeroed(count, sizeof *lists->limits),
		.name = alloc_zeroed(count, sizeof *lists->name),
		.workers = alloc_zeroed(count, sizeof *lists->workers),
		.announced = alloc_zeroed(count, sizeof *lists->announced),
		.run_time = alloc_zeroed(count, sizeof(struct histogram *)),
		.suspended = alloc_zeroed(count, sizeof(struct gauge *)),
		.order = alloc_zeroed(count, sizeof *lists->order),
		.order_count = steps->count,
	};
	for (size_t i = 0; i < server->step_count; i++) {
		const struct server_step *step = &server->step[i];
		lists->name[i] = step->step->config->name;
		lists->limits[i] = step->limits;
		lists->workers[i] = step->step->config->workers;
		lists->announced[i] = step->announced;
		lists->run_time[i] = step->run_time;
		lists->suspended[i] = step->suspended_uploads;
	}
	for (size_t i = 0; i < steps->count; i++)
		lists->order[i] = lists->name[server_step_find(server, steps->name[i])];
}

struct coordinator_steps server_coordinator_steps(const struct server *server)
{
	const struct step_lists *lists = &server->lists;
	return (struct coordinator_steps){
		.pipeline = steps_pipeline(lists->limits, server->step_count),
		.step = lists->name,
		.workers = lists->workers,
		.announced = lists->announced,
		.run_time = lists->run_time,
		.suspended = lists->suspended,
		.order = lists->order,
		.order_count = lists->order_count,
	};
}

void step_lists_free(struct step_lists *lists)
{
	free(lists->limits);
	free(lists->name);
	free(lists->workers);
	free(lists->announced);
	free(lists->run_time);
	free(lists->suspended);
	free(lists->order);
}

void server_remove_steps(struct server *server)
{
	for (size_t i = 0; i < server->step_count; i++)
		step_release(server->step[i].step);
	step_lists_free(&server->lists);
	free(server->step);
}
