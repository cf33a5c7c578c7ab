/* SPDX-License-Identifier: Apache-2.0
 * Reads the configuration again while the service runs.
 *
 * A thread reads it, finds the modules and tries the steps; that takes as long as the modules take. What it has made is
 * a mail to the main thread, which applies all of it, or nothing if anything is wrong.
 *
 * A step keeps its number for as long as the process lives. If its settings or the file of its module have changed, the
 * new step takes the place of the old one: runs under way end with the old workers, the others go to the new ones. Each
 * step that was replaced has another version, by which late answers about the old one are recognized. A step that is
 * removed stays as it was, for the uploads that still have it in their records; its worker processes are started when
 * one of them needs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/container_of.h"
#include "core/base/text.h"
#include "core/server/server_private.h"

/* Also those that are not in the configuration any more. */
#define STEPS_LIMIT 256

struct reload {
	struct mail mail;
	struct mailbox *mailbox;
	const char *path;
	const struct preflight *first;
	struct step **running;
	size_t count;
	pthread_t thread;
	/* The result: */
	struct preflight *made;   /* NULL: there are problems */
	struct problems problems; /* what is wrong */
};

/* What is needed for a step that is new or has changed. */
struct change {
	struct workers_addition *workers;
	struct checker_post *post;
};

struct reload *server_reload_of(struct mail *mail)
{
	return CONTAINER_OF(mail, struct reload, mail);
}

/* What is wrong is not applied, so the instances that it has are destroyed here, where that may take its time. */
static void *read_again(void *closure)
{
	struct reload *reload = closure;
	const struct running_steps running = {reload->running, reload->count};
	struct preflight *made = preflight_again(reload->path, reload->first, &running);
	if (made->problems.count > 0) {
		reload->problems = made->problems;
		made->problems = (struct problems){0};
		preflight_leave(made);
		made = NULL;
	}
	reload->made = made;
	mailbox_send(reload->mailbox, &reload->mail);
	return NULL;
}

static void note_result(struct server *server, bool good)
{
	gauge_set(server->reload_good, good);
	if (good)
		gauge_set(server->reload_time, clock_now() / SECOND);
}

void server_begin_reload(struct server *server)
{
	atomic_store(&server->reload_asked, false);
	if (server->stopping) {
		log_warning(server->log, "the configuration is not read again, because the service stops");
		return;
	}
	if (server->reload != NULL) {
		if (!server->reload_again)
			log_info(server->log, "the configuration is being read already; it will be read once more after that");
		server->reload_again = true;
		return;
	}
	log_info(server->log, "reading the configuration again");
	struct reload *reload = alloc_zeroed(1, sizeof *reload);
	reload->mail.kind = MAIL_RELOAD;
	reload->mailbox = &server->mailbox;
	reload->path = server->config_path;
	reload->first = server->first;
	reload->running = alloc_zeroed(server->step_count + 1, sizeof(struct step *));
	reload->count = server->step_count;
	for (size_t i = 0; i < server->step_count; i++)
		reload->running[i] = server->step[i].step;
	int error = pthread_create(&reload->thread, NULL, read_again, reload);
	if (error == 0) {
		server->reload = reload;
		return;
	}
	log_error(server->log, "the configuration is not read again: no thread: %s", strerror(error));
	note_result(server, false);
	free(reload->running);
	free(reload);
}

void server_drop_reload(struct server *server, struct reload *reload)
{
	pthread_join(reload->thread, NULL);
	server->reload = NULL;
	preflight_leave(reload->made);
	problems_free(&reload->problems);
	free(reload->running);
	free(reload);
}

static void discard(struct change *change, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		workers_discard(change[i].workers);
		checker_discard(change[i].post);
	}
	free(change);
}

/* Starts the threads of all steps that are new or have changed. NULL: that is not possible. */
static struct change *prepare(struct server *server, const struct steps *steps)
{
	struct change *change = alloc_zeroed(steps->count + 1, sizeof *change);
	for (size_t i = 0; i < steps->count; i++) {
		if (steps->step[i].running != NULL)
			continue;
		steps->step[i].version = server->step_version + 1;
		change[i].workers = workers_prepare(server->workers, &steps->step[i]);
		change[i].post = checker_prepare(server->checker, &steps->step[i]);
		if (change[i].workers != NULL && change[i].post != NULL)
			continue;
		discard(change, steps->count);
		return NULL;
	}
	return change;
}

/* Names of steps, for the log. */
struct names {
	char text[512];
	size_t used;
};

static void add_name(void *closure, const char *name)
{
	struct names *names = closure;
	if (names->used < sizeof names->text)
		names->used += (size_t)snprintf(names->text + names->used, sizeof names->text - names->used, "%s%s",
		                                names->used > 0 ? ", " : "", name);
}

/* What the log says of a reload. */
struct outline {
	struct names added, changed, removed;
};

static void apply_step(struct server *server, const struct steps *steps, size_t of, const struct change *change,
                       struct outline *outline)
{
	const char *name = steps->name[of];
	size_t number = server_step_find(server, name);
	bool new = number == server->step_count, unchanged = steps->step[of].running != NULL;
	if (!unchanged)
		server_set_step(server, number, steps, of);
	struct server_step *step = &server->step[number];
	if (new || !step->used)
		add_name(&outline->added, name);
	else if (!unchanged)
		add_name(&outline->changed, name);
	step->used = true;
	step->announced = steps->announced[of];
	if (unchanged)
		return;
	/* The workers give the old step back last, as destroy() must not be called on this thread. */
	checker_set(server->checker, number, change->post);
	workers_set(server->workers, number, change->workers);
	/* A new step is reported once it was checked; another one as it was until then. */
	fact_show(step->fact, !new);
}

/* Notes which steps are in the configuration. */
static void apply_removals(struct server *server, const struct steps *steps, struct outline *outline)
{
	for (size_t i = 0; i < server->step_count; i++) {
		struct server_step *step = &server->step[i];
		const char *name = step->step->config->name;
		bool used = false;
		for (size_t j = 0; j < steps->count && !used; j++)
			used = strcmp(steps->name[j], name) == 0;
		if (step->used && !used)
			add_name(&outline->removed, name);
		step->used = used;
		workers_set_used(server->workers, i, used);
		if (!used || step->health.state != HEALTH_UNKNOWN)
			fact_show(step->fact, used);
	}
}

static void apply(struct server *server, const struct steps *steps, struct change *change, struct outline *outline)
{
	struct step_lists before = server->lists;
	server->step_version++;
	for (size_t i = 0; i < steps->count; i++)
		apply_step(server, steps, i, &change[i], outline);
	server_list_steps(server, steps);
	const struct coordinator_steps view = server_coordinator_steps(server);
	coordinator_set_steps(server->coordinator, &view);
	step_lists_free(&before);
	for (size_t i = 0; i < steps->count; i++)
		if (steps->step[i].running == NULL)
			server_reset_health(server, server_step_find(server, steps->name[i]));
	apply_removals(server, steps, outline);
	free(change);
	server_do_checks(server);
}

static void report(struct server *server, const struct preflight *made, const struct outline *outline)
{
	const struct config *config = made->config;
	char wait[LONGEST_WAIT_TEXT];
	struct names fixed = {.used = 0};
	const struct names *added = &outline->added, *changed = &outline->changed, *removed = &outline->removed;
	log_info(server->log, "the new configuration is in effect%s%s%s%s%s%s%s", added->used > 0 ? "; added steps: " : "",
	         added->text, changed->used > 0 ? "; changed steps: " : "", changed->text,
	         removed->used > 0 ? "; removed steps: " : "", removed->text,
	         removed->used > 0 ? " (uploads that began before still pass them)" : "");
	config_announce(config, server->log);
	const char *copy = config_copy(config);
	if (copy != NULL)
		log_warning(
			server->log,
			"%s is a copy that systemd made when the service was started: changes of the file that it is a copy of "
			"take effect only when the service is started again",
			copy);
	nanos longest = longest_wait(made->steps, wait);
	bucket_watch_compare(&server->bucket, longest, wait);
	config_each_fixed_change(server->config, config, add_name, &fixed);
	if (fixed.used > 0)
		log_warning(server->log, "changed settings that take effect only when the service is started again: %s",
		            fixed.text);
}

/* How many steps there would be, with those that were removed. */
static size_t count_steps(const struct server *server, const struct steps *steps)
{
	size_t count = server->step_count;
	for (size_t i = 0; i < steps->count; i++)
		count += server_step_find(server, steps->name[i]) == server->step_count;
	return count;
}

static void take_new(struct server *server, const struct preflight *made)
{
	const struct config *config = made->config;
	struct outline outline = {.added.used = 0};
	struct change *change = NULL;
	bool fits = count_steps(server, made->steps) <= STEPS_LIMIT;
	if (fits)
		change = prepare(server, made->steps);
	note_result(server, change != NULL);
	if (change == NULL) {
		log_error(server->log, "reload refused: %s; the service goes on with the configuration that it has",
		          fits ? "cannot start a thread"
		               : "there were too many different steps since the start: restart the service");
		return;
	}
	apply(server, made->steps, change, &outline);
	server_reset_quarantine(server, made);
	server->shutdown_grace = config->shutdown_grace;
	server->log->level = config->log_level;
	gauge_set(server->counted.config_warnings, (int64_t)config->warnings.count);
	report(server, made, &outline);
}

static void refuse(struct server *server, const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		log_error(server->log, "%s", problems->line[i]);
	log_error(server->log, "reload refused because of %s above; the service goes on with the configuration that it has",
	          problems->count == 1 ? "the error" : "the errors");
	note_result(server, false);
}

void server_end_reload(struct server *server, struct reload *reload)
{
	if (!server->stopping && reload->made != NULL)
		take_new(server, reload->made);
	else if (!server->stopping)
		refuse(server, &reload->problems);
	server_drop_reload(server, reload);
	bool again = server->reload_again;
	server->reload_again = false;
	if (again)
		server_begin_reload(server);
}
