/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/record_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/terminal.h"
#include "core/cli/history_view.h"
#include "core/client/json_text.h"
#include "core/upload/history.h"

const char *record_view_step(const struct record *record)
{
	return record->stepless ? "-" : status_step_name(record->upload, &record->status);
}

/* A user as the event had it; numbers that jansson has no integer for become inexact ones. */
static json_t *describe_user(const char *json)
{
	json_t *user = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	return user != NULL ? user : json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

/* NULL: it does not wait for a suspended step. */
static json_t *describe_suspension(struct service_steps *service, const struct record *record)
{
	struct suspension suspension;
	char since[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
	if (!service_steps_find(service, record, clock_now(), &suspension))
		return NULL;
	return json_pack("{s:o, s:s, s:s*}", "reason", json_text(suspension.reason), "since",
	                 time_format(suspension.since, since), "until",
	                 suspension.until != 0 ? time_format(suspension.until, until) : NULL);
}

bool record_view_runs(struct service_steps *service, const struct record *record, struct run_view *run)
{
	enum phase phase = record->status.phase;
	return !record->foreign && (phase == PHASE_QUEUED || phase == PHASE_RUNNING) &&
	       service_steps_running(service, record->upload->id, record_view_step(record), run);
}

const char *record_view_state(struct service_steps *service, const struct record *record)
{
	struct run_view run;
	struct suspension suspension;
	if (record->status.held)
		return "held";
	if (record_view_runs(service, record, &run))
		return phase_name(PHASE_RUNNING);
	return service_steps_find(service, record, clock_now(), &suspension) ? "suspended"
	                                                                     : phase_name(record->status.phase);
}

static json_t *describe_times(const struct run_view *run)
{
	char since[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
	return json_pack("{s:s, s:s}", "since", time_format(run->since, since), "until", time_format(run->until, until));
}

/* NULL: it does not run, as far as is known. */
static json_t *describe_run(struct service_steps *service, const struct record *record)
{
	struct run_view run;
	return record_view_runs(service, record, &run) ? describe_times(&run) : NULL;
}

/* How the upload was rejected; NULL: it was not rejected, or not by a step. */
static json_t *describe_decision(const struct record *record)
{
	const struct status *status = &record->status;
	if (status->decided == 0)
		return NULL;
	json_t *result = record->result != NULL ? json_loads(record->result, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
	return json_pack("{s:s, s:s, s:o, s:o*}", "step", record->upload->step[status->decided - 1], "outcome",
	                 status->exhausted ? outcome_name(OUTCOME_RETRY) : outcome_name(status->outcome), "reason",
	                 json_text(status->reason), "result", result);
}

json_t *record_view_json(struct service_steps *service, const struct record *record)
{
	const struct upload *upload = record->upload;
	const struct status *status = &record->status;
	char started[TIME_TEXT_SIZE], due[TIME_TEXT_SIZE];
	json_t *steps = json_array();
	for (size_t i = 0; i < upload->step_count; i++)
		json_array_append_new(steps, json_string(upload->step[i]));
	return json_pack(
		"{s:s, s:o*, s:o, s:o, s:s, s:s, s:s, s:b, s:s, s:i, s:i, s:i, s:o*, s:s*, s:s*, s:b, s:o*, s:o*, s:o*, s:o*, s:o*, s:o}",
		"id", upload->id, "filename", json_text(upload->filename), "filesize",
		upload->filesize < 0 ? json_null() : json_integer(upload->filesize), "steps", steps, "step",
		record_view_step(record), "phase", phase_name(status->phase), "state", record_view_state(service, record),
		"held", (int)status->held, "outcome", outcome_name(status->outcome), "failures", (int)status->failures,
		"crashes", (int)status->crashes, "confirmations", (int)status->confirmations, "reason",
		json_text(status->reason), "started", upload->start_time != 0 ? time_format(upload->start_time, started) : NULL,
		"due", status->due != 0 ? time_format(status->due, due) : NULL, "foreign", (int)record->foreign, "owner",
		record->owner[0] != '\0' ? json_string(record->owner) : NULL, "user", describe_user(upload->user_json),
		"suspended", describe_suspension(service, record), "running", describe_run(service, record), "decided",
		describe_decision(record), "history", history_view_json(record));
}

/* `lead`, then "2026-01-01T12:30:05Z (in 3m)". */
static void add_time(char *text, size_t size, const char *lead, nanos time)
{
	char until[TIME_TEXT_SIZE], left[DURATION_TEXT_SIZE];
	nanos now = clock_now();
	size_t used = strlen(text);
	snprintf(text + used, size - used, "%s%s (in %s)", lead, time_format(time / SECOND * SECOND, until),
	         duration_format(time > now ? (time - now) / SECOND * SECOND : 0, left));
}

/* The step's first run, which writes no record when it begins, and the runs after it. */
static void explain_run(struct service_steps *service, const struct record *record, char *text, size_t size)
{
	const struct status *status = &record->status;
	struct run_view run;
	bool known = record_view_runs(service, record, &run), running = known || status->phase == PHASE_RUNNING;
	nanos since = known ? run.since : service_steps_entered(service->config, record);
	nanos until = known ? run.until : status->due;
	char time[TIME_TEXT_SIZE];
	snprintf(text, size, "%s%s%s", running ? "running" : "queued or running", since != 0 ? " since " : "",
	         since != 0 ? time_format(since / SECOND * SECOND, time) : "");
	/* A queued upload may wait longer for its turn. */
	if (running || until > clock_now())
		add_time(text, size, running ? ", until " : "; next check at ", until);
}

static const struct step_config *find_step(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->step_count; i++)
		if (strcmp(config->step[i].name, name) == 0)
			return &config->step[i];
	return NULL;
}

static void explain_hold(const struct config *config, const struct record *record, char *text, size_t size)
{
	static const char *const ends[] = {
		[HELD_ABORT] = "; abort at ", [HELD_DELETE] = "; delete at ", [HELD_CONTINUE] = "; continue at "};
	const struct step_config *step = find_step(config, record_view_step(record));
	nanos due = record->status.due, since = step != NULL ? due - step->hold_limit : 0;
	char time[TIME_TEXT_SIZE];
	/* The limit may have been another one then. */
	bool known = since > 0 && since >= record->upload->start_time && since <= clock_now();
	snprintf(text, size, "held%s%s", known ? " since " : "", known ? time_format(since / SECOND * SECOND, time) : "");
	add_time(text, size, step != NULL ? ends[step->hold_outcome] : "; it ends at ", due);
	size_t used = strlen(text);
	snprintf(text + used, size - used, " unless it is %s",
	         step == NULL                          ? "released or rejected"
	         : step->hold_outcome == HELD_CONTINUE ? "rejected"
	                                               : "released");
}

/* The state of an upload that neither runs nor is held. */
static void explain_phase(const struct record *record, char *text, size_t size)
{
	static const struct {
		const char *words, *lead, *tail; /* lead and tail: of its time, if there is one */
	} phases[] = {
		[PHASE_QUEUED] = {"queued or running", ", ", ""},
		[PHASE_RUNNING] = {"running", ", ", ""},
		[PHASE_WAITING] = {"waiting", " until ", ", as the step asked"},
		[PHASE_BACKOFF] = {"failed", "; next try at ", ""},
		[PHASE_AWAITING] = {"waiting for another service", " until ", ""},
		[PHASE_CONFIRMING] = {"waiting for storage to confirm", "; told again at ", ""},
		[PHASE_UNCONFIRMED] = {"storage never confirmed", ", ", ""},
		[PHASE_ENDED] = {"ended", ", ", ""},
	};
	const struct status *status = &record->status;
	snprintf(text, size, "%s",
	         record->stepless ? "not started: its record lists no steps" : phases[status->phase].words);
	if (status->due != 0)
		add_time(text, size, phases[status->phase].lead, status->due);
	size_t used = strlen(text);
	snprintf(text + used, size - used, "%s", record->stepless ? "" : phases[status->phase].tail);
}

/* Describes the state: "running", "failed; next try at 12:30:05 (in 3m)", … Returns the reason, from its step or the
 * service. */
static const char *explain(struct service_steps *service, const struct record *record, struct suspension *suspension,
                           char *text, size_t size)
{
	const struct status *status = &record->status;
	struct run_view run;
	/* The service runs one upload of a suspended step if it is asked to resume it. */
	if (!record_view_runs(service, record, &run) && service_steps_find(service, record, clock_now(), suspension)) {
		snprintf(text, size, "waiting for %s, which is suspended", record_view_step(record));
		if (suspension->until != 0)
			add_time(text, size, ", until ", suspension->until);
		return suspension->reason;
	}
	if (!record->stepless && !record->foreign && (status->phase == PHASE_QUEUED || status->phase == PHASE_RUNNING)) {
		explain_run(service, record, text, size);
		return status->reason;
	}
	if (status->held) {
		explain_hold(service->config, record, text, size);
		return status->reason;
	}
	explain_phase(record, text, size);
	return status->reason;
}

/* done: what a command did about its hold; NULL: nothing. */
static void print_upload(struct service_steps *service, const struct record *record, const char *done)
{
	char state[256];
	struct suspension suspension;
	const char *why = explain(service, record, &suspension, state, sizeof state);
	if (done != NULL)
		snprintf(state, sizeof state, "%s", done);
	terminal_cell(stdout, record->upload->id, 36);
	terminal_cell(stdout, record_view_step(record), 10);
	printf("%-8s  %s, ", outcome_name(record->status.outcome), state);
	terminal_print(stdout, record->upload->filename);
	putchar('\n');
	if (why[0] != '\0') {
		printf("%-36s  ", "");
		terminal_print(stdout, why);
		putchar('\n');
	}
}

void record_view_say_unknown(const struct service_steps *service)
{
	if (service->why[0] != '\0')
		terminal_error("cannot ask the service which steps are suspended: %s", service->why);
}

void record_list_begin(struct record_list *list, const struct config *config, bool json)
{
	*list = (struct record_list){.array = json ? json_array() : NULL};
	service_steps_init(&list->service, config);
}

static void print_head(const struct record_list *list)
{
	if (list->count == 1)
		printf("%-36s  %-10s  %-8s  %s\n", "UPLOAD", "STEP", "OUTCOME", "STATE, FILE");
}

void record_list_add(struct record_list *list, const char *id, const struct record *record, const char *action)
{
	list->count++;
	if (list->array != NULL) {
		json_t *entry = record != NULL ? record_view_json(&list->service, record) : json_pack("{s:s}", "id", id);
		if (action != NULL) {
			json_object_set_new(entry, "action", json_string(action));
			json_object_set_new(entry, "known", json_boolean(record != NULL));
		}
		json_array_append_new(list->array, entry);
		return;
	}
	print_head(list);
	if (record != NULL) {
		print_upload(&list->service, record, list->done);
		return;
	}
	terminal_cell(stdout, id, 36);
	puts("not under way here: storage was asked to restart it");
}

void record_list_add_run(struct record_list *list, const char *id, const char *step, const struct run_view *run)
{
	list->count++;
	if (list->array != NULL) {
		json_array_append_new(list->array, json_pack("{s:o, s:o, s:s, s:s, s:o}", "id", json_text(id), "step",
		                                             json_text(step), "phase", phase_name(PHASE_QUEUED), "state",
		                                             phase_name(PHASE_RUNNING), "running", describe_times(run)));
		return;
	}
	char state[128], since[TIME_TEXT_SIZE];
	print_head(list);
	terminal_cell(stdout, id, 36);
	terminal_cell(stdout, step, 10);
	snprintf(state, sizeof state, "running since %s", time_format(run->since / SECOND * SECOND, since));
	add_time(state, sizeof state, ", until ", run->until);
	printf("%-8s  %s; it has no record yet\n", "", state);
}

bool record_list_end(struct record_list *list, bool print)
{
	bool good = !print || list->array == NULL || json_print(list->array);
	record_view_say_unknown(&list->service);
	service_steps_free(&list->service);
	json_decref(list->array);
	return good;
}

/* Nobody has decided on a held upload in time. */
static bool hold_expired(const struct status *status)
{
	return status->exhausted && strncmp(status->reason, HOLD_EXPIRED, sizeof HOLD_EXPIRED - 1) == 0;
}

bool record_view_no_verdict(const struct record *record)
{
	const struct status *status = &record->status;
	return status->decided != 0 && status->exhausted && !hold_expired(status);
}

/* The progress of the step with this index; `said`: there is a verdict of it. */
static const char *progress(const struct upload *upload, const struct status *status, size_t step, bool passed,
                            bool said)
{
	/* Which step it was in is not known any more. */
	bool cut_short = status->decided == 0 && status->step == upload->step_count && status->outcome != OUTCOME_CONTINUE;
	if (passed)
		return " (no verdict)";
	if (cut_short)
		return said ? " (done)" : "";
	if (status->decided == 0)
		return step < status->step ? " (done)" : step == status->step ? " (now)" : "";
	if (step + 1 == status->decided && hold_expired(status))
		return " (held)";
	if (step + 1 == status->decided)
		return status->exhausted ? " (no verdict)" : status->outcome == OUTCOME_DELETE ? " (delete)" : " (abort)";
	return step + 1 < status->decided ? " (done)" : " (not reached)";
}

/* Prints a line of `show`: its name and an external text. */
static void print_line(const char *name, const char *text)
{
	printf("%-10s", name);
	terminal_print(stdout, text);
	putchar('\n');
}

static void print_steps(const struct record *record)
{
	const struct upload *upload = record->upload;
	struct history_values values;
	fputs("steps     ", stdout);
	for (size_t i = 0; i < upload->step_count; i++) {
		fputs(i > 0 ? ", " : "", stdout);
		terminal_print(stdout, upload->step[i]);
		history_find(record->history, upload->step[i], &values);
		fputs(progress(upload, &record->status, i, values.passed.text != NULL,
		               values.verdict.text != NULL || values.result.text != NULL),
		      stdout);
	}
	puts(upload->step_count == 0 ? "none" : "");
}

static void print_outcome(const struct record *record)
{
	const struct status *status = &record->status;
	if (status->outcome == OUTCOME_NONE)
		return;
	printf("outcome   %s", outcome_name(status->outcome));
	if (status->decided != 0) {
		bool expired = hold_expired(status);
		fputs(expired ? ", after the hold by " : ", by ", stdout);
		terminal_print(stdout, record->upload->step[status->decided - 1]);
		fputs(status->exhausted && !expired ? ", which gave no verdict" : "", stdout);
	}
	putchar('\n');
}

static void print_progress(const struct progress_view *progress)
{
	char ago[DURATION_TEXT_SIZE];
	nanos age = clock_now() - progress->at;
	printf("progress  %" PRId64, progress->done);
	if (progress->total > 0)
		printf(" of %" PRId64 " (%.0f %%)", progress->total, 100.0 * (double)progress->done / (double)progress->total);
	printf(", %s ago\n", duration_format(age > 0 ? age / SECOND * SECOND : 0, ago));
}

void record_view_print(struct service_steps *service, const struct record *record, const struct progress_view *progress)
{
	const struct upload *upload = record->upload;
	const struct status *status = &record->status;
	char text[256], began[TIME_TEXT_SIZE];
	struct suspension suspension;
	const char *why = explain(service, record, &suspension, text, sizeof text);
	print_line("upload", upload->id);
	fputs("file      ", stdout);
	terminal_print(stdout, upload->filename);
	if (upload->filesize < 0)
		puts(", size unknown");
	else
		printf(", %" PRId64 " bytes\n", upload->filesize);
	print_steps(record);
	print_line("state", text);
	if (progress != NULL)
		print_progress(progress);
	print_outcome(record);
	if (why[0] != '\0')
		print_line("reason", why);
	history_view_print(record);
	if (status->failures > 0)
		printf("failures  %u of this step\n", status->failures);
	if (status->confirmations == 1)
		puts("told      storage, once");
	else if (status->confirmations > 1)
		printf("told      storage, %u times\n", status->confirmations);
	if (upload->start_time != 0)
		print_line("began", time_format(upload->start_time / SECOND * SECOND, began));
	print_line("owner", record->foreign ? "another implementation" : record->owner);
}
