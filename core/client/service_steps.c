/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/service_steps.h"

#include <stdio.h>
#include <string.h>

#include "core/client/json_text.h"
#include "core/client/service_http.h"
#include "core/upload/pipeline.h"

void service_steps_init(struct service_steps *steps, const struct config *config)
{
	*steps = (struct service_steps){.config = config};
}

void service_steps_free(struct service_steps *steps)
{
	json_decref(steps->answer);
	json_decref(steps->runs);
}

/* How long an answer, or its absence, remains valid: asking again may take long. */
#define ANSWER_AGE SECOND
#define NO_ANSWER_AGE MINUTE

static bool is_to_ask(nanos asked, const json_t *answer)
{
	return asked == 0 || clock_monotonic() - asked > (answer != NULL ? ANSWER_AGE : NO_ANSWER_AGE);
}

static void ask(struct service_steps *steps)
{
	struct text body = {0};
	const char *addr = steps->config->http_addr;
	steps->asked = clock_monotonic();
	steps->why[0] = '\0';
	json_decref(steps->answer);
	steps->answer = NULL;
	if (addr == NULL || addr[0] == '\0') {
		snprintf(steps->why, sizeof steps->why, "[http] addr is empty");
		return;
	}
	long status = service_http_get(steps->config, "/readyz", &body, steps->why, sizeof steps->why);
	steps->answer = status != 0 && body.length > 0 ? json_loadb(body.data, body.length, 0, NULL) : NULL;
	if (status != 0 && steps->answer == NULL)
		snprintf(steps->why, sizeof steps->why, "%s: the answer is not from this version of the service", addr);
	text_free(&body);
}

/* The service's check of the step; NULL: unknown, or the step is not suspended. */
static const json_t *find_check(const struct service_steps *steps, const char *name)
{
	size_t i;
	const json_t *check;
	json_array_foreach(json_object_get(steps->answer, "checks"), i, check)
	{
		if (strcmp(json_member(check, "thing"), "step") == 0 && strcmp(json_member(check, "name"), name) == 0)
			return json_is_false(json_object_get(check, "ready")) ? check : NULL;
	}
	return NULL;
}

/* False: the step is not configured. */
static bool find_limits(const struct config *config, const char *name, struct pipeline_step *limits)
{
	for (size_t i = 0; i < config->step_count; i++) {
		const struct step_config *step = &config->step[i];
		*limits = (struct pipeline_step){.deadline = step->deadline, .check_limit = step->check_limit};
		if (strcmp(step->name, name) == 0)
			return true;
	}
	return false;
}

static nanos find_limit(const struct config *config, const struct record *record, const char *name, nanos since)
{
	struct pipeline_step limits;
	if (!find_limits(config, name, &limits))
		return 0;
	return pipeline_suspended_until(&limits, pipeline_came(&limits, &record->status), since);
}

nanos service_steps_entered(const struct config *config, const struct record *record)
{
	struct pipeline_step limits;
	const char *name = status_step_name(record->upload, &record->status);
	if (record->foreign || record->status.due == 0 || !find_limits(config, name, &limits))
		return 0;
	/* Its deadline may have been another one then. */
	nanos entered = pipeline_came(&limits, &record->status), now = clock_now();
	return entered >= record->upload->start_time && entered <= now ? entered : 0;
}

/* Whether the upload would run now if it were its turn. */
static bool wants_a_turn(const struct status *status, nanos now)
{
	bool put_off = status->phase == PHASE_BACKOFF || status->phase == PHASE_WAITING;
	return status->phase == PHASE_QUEUED || (put_off && status->due <= now);
}

bool service_steps_find(struct service_steps *steps, const struct record *record, nanos now,
                        struct suspension *suspension)
{
	if (record->foreign || !wants_a_turn(&record->status, now))
		return false;
	if (is_to_ask(steps->asked, steps->answer))
		ask(steps);
	const char *name = status_step_name(record->upload, &record->status);
	const json_t *check =
		strcmp(json_member(steps->answer, "instance"), record->owner) == 0 ? find_check(steps, name) : NULL;
	if (check == NULL)
		return false;
	text_copy(suspension->reason, sizeof suspension->reason, json_member(check, "reason"));
	if (!time_parse(json_member(check, "since"), &suspension->since))
		suspension->since = now;
	suspension->until = find_limit(steps->config, record, name, suspension->since);
	return true;
}

static void ask_for_runs(struct service_steps *steps)
{
	struct text body = {0};
	char why[256];
	const char *addr = steps->config->http_addr;
	steps->asked_for_runs = clock_monotonic();
	json_decref(steps->runs);
	steps->runs = NULL;
	if (addr == NULL || addr[0] == '\0')
		return;
	if (service_http_get(steps->config, "/progress", &body, why, sizeof why) == 200 && body.length > 0)
		steps->runs = json_loadb(body.data, body.length, 0, NULL);
	text_free(&body);
}

bool service_run_read(const json_t *run, struct run_view *view)
{
	return time_parse(json_member(run, "since"), &view->since) && time_parse(json_member(run, "until"), &view->until);
}

bool service_steps_running(struct service_steps *steps, const char *id, const char *step, struct run_view *view)
{
	size_t i;
	const json_t *run;
	if (is_to_ask(steps->asked_for_runs, steps->runs))
		ask_for_runs(steps);
	json_array_foreach(json_object_get(steps->runs, "running"), i, run)
	{
		if (strcmp(json_member(run, "id"), id) == 0 && strcmp(json_member(run, "step"), step) == 0)
			return service_run_read(run, view);
	}
	return false;
}

json_t *service_steps_runs(struct service_steps *steps)
{
	ask_for_runs(steps);
	return json_incref(json_object_get(steps->runs, "running"));
}

bool service_progress_find(const struct config *config, const struct record *record, struct progress_view *progress)
{
	struct text body = {0};
	char why[256];
	bool found = false;
	size_t i;
	const json_t *run;
	bool over = record->status.step >= record->upload->step_count;
	if (record->foreign || over || config->http_addr == NULL || config->http_addr[0] == '\0')
		return false;
	long status = service_http_get(config, "/progress", &body, why, sizeof why);
	json_t *answer = status == 200 && body.length > 0 ? json_loadb(body.data, body.length, 0, NULL) : NULL;
	json_array_foreach(json_object_get(answer, "runs"), i, run)
	{
		if (strcmp(json_member(run, "id"), record->upload->id) != 0 ||
		    strcmp(json_member(run, "step"), status_step_name(record->upload, &record->status)) != 0)
			continue;
		progress->done = json_integer_value(json_object_get(run, "done"));
		progress->total = json_integer_value(json_object_get(run, "total"));
		found = time_parse(json_member(run, "at"), &progress->at);
	}
	json_decref(answer);
	text_free(&body);
	return found;
}
