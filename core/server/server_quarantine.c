/* SPDX-License-Identifier: Apache-2.0
 * The quarantine and the audit log: their start, their settings, and a thread that looks after the
 * quarantine. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"
#include "core/server/server_private.h"

/* How often the quarantine is looked after: old entries are removed, and what it reports is set. */
#define KEEP_INTERVAL (30 * SECOND)
/* The same while it does not work. */
#define TROUBLED_INTERVAL (10 * SECOND)

struct keeper {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool running, stop, hasten; /* under the lock, and so is: */
	nanos retention;
	struct server *server;
	struct gauge *entries, *bytes, *noted;
	struct counter *added, *failed, *expired;
	bool troubled; /* entries cannot be made or removed, which was logged */
};

/* On the thread that has sealed it. */
static void note_quarantined(void *closure, const struct note *note)
{
	struct server *server = closure;
	counter_add(server->keeper->added, 1);
	audit_note(server->audit, &(struct audit_act){.time = note->time,
	                                              .act = "quarantined",
	                                              .upload = note->id,
	                                              .step = note->step,
	                                              .reason = note->reason,
	                                              .instance = note->instance});
	log_warning(server->log, "upload %s: %s: a copy is in the quarantine%s%s", note->id, note->step,
	            note->reason != NULL && note->reason[0] != '\0' ? ": " : "", note->reason != NULL ? note->reason : "");
	server_hasten_quarantine(server);
}

/* On the thread that could not seal it. */
static void note_failed(void *closure, const struct note *note, const char *why)
{
	struct server *server = closure;
	counter_add(server->keeper->failed, 1);
	log_warning(server->log, "upload %s: %s: no copy is in the quarantine: %s", note->id, note->step, why);
	server_hasten_quarantine(server);
}

static void note_expired(void *closure, const struct note *note)
{
	struct keeper *keeper = closure;
	struct server *server = keeper->server;
	counter_add(keeper->expired, 1);
	audit_note(server->audit, &(struct audit_act){.time = clock_now(),
	                                              .act = "purged_by_retention",
	                                              .upload = note->id,
	                                              .step = note->step,
	                                              .instance = server->owner});
	log_info(server->log, "upload %s: its copy in the quarantine was older than the retention, and is removed",
	         note->id);
}

/* Reports whether the quarantine works. If not, the service is ready nevertheless: it retries the uploads that need the
 * quarantine, and processes all others. */
static void tell_state(struct keeper *keeper, bool good, const char *error)
{
	const struct server *server = keeper->server;
	gauge_set(keeper->noted, !good);
	fact_set(server->facts.quarantine, true, good ? "" : error);
	if (!good && !keeper->troubled)
		log_error(server->log, "quarantine: not working: %s", error);
	else if (good && keeper->troubled)
		log_info(server->log, "quarantine: works again");
	keeper->troubled = !good;
}

static void look_after(struct keeper *keeper)
{
	struct quarantine *quarantine = keeper->server->quarantine;
	struct quarantine_usage usage;
	char error[SEAL_ERROR_SIZE];
	bool good = quarantine_expire(quarantine, note_expired, keeper, error) && quarantine_check(quarantine, error);
	tell_state(keeper, good, error);
	if (quarantine_usage(quarantine, &usage)) {
		gauge_set(keeper->entries, (int64_t)usage.entries);
		gauge_set(keeper->bytes, usage.bytes);
	}
}

static void *keep(void *closure)
{
	struct keeper *keeper = closure;
	pthread_mutex_lock(&keeper->lock);
	while (!keeper->stop) {
		keeper->hasten = false;
		pthread_mutex_unlock(&keeper->lock);
		look_after(keeper);
		pthread_mutex_lock(&keeper->lock);
		nanos pause = keeper->troubled ? TROUBLED_INTERVAL : KEEP_INTERVAL;
		if (keeper->retention > 0 && keeper->retention < pause)
			pause = keeper->retention < SECOND ? SECOND : keeper->retention;
		nanos until = clock_monotonic() + pause;
		while (!keeper->stop && !keeper->hasten && condition_wait_until(&keeper->changed, &keeper->lock, until))
			;
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

void server_hasten_quarantine(struct server *server)
{
	struct keeper *keeper = server->keeper;
	if (keeper == NULL)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->hasten = true;
	pthread_cond_signal(&keeper->changed);
	pthread_mutex_unlock(&keeper->lock);
}

/* False: no thread. */
static bool start_keeper(struct server *server)
{
	struct keeper *keeper = server->keeper = alloc_zeroed(1, sizeof *keeper);
	struct metrics *metrics = server->metrics;
	keeper->server = server;
	keeper->retention = server->first->quarantine.retention;
	keeper->entries =
		metrics_gauge(metrics, "postprocessing_quarantine_entries", "Uploads in the folder of the quarantine.", NULL);
	keeper->bytes = metrics_gauge(metrics, "postprocessing_quarantine_bytes",
	                              "Bytes that the folder of the quarantine holds.", NULL);
	keeper->noted = metrics_gauge(metrics, "postprocessing_quarantine_noted",
	                              "Whether copies cannot be put into the quarantine or removed from it: 1 or 0.", NULL);
	keeper->added = metrics_counter(metrics, "postprocessing_quarantined_total",
	                                "Uploads that this instance has put into the quarantine.", NULL);
	keeper->failed = metrics_counter(metrics, "postprocessing_quarantine_failures_total",
	                                 "Times an upload could not be put into the quarantine.", NULL);
	keeper->expired = metrics_counter(metrics, "postprocessing_quarantine_expired_total",
	                                  "Copies that this instance has removed after their retention.", NULL);
	lock_init(&keeper->lock);
	condition_init(&keeper->changed);
	keeper->running = pthread_create(&keeper->thread, NULL, keep, keeper) == 0;
	return keeper->running;
}

bool server_open_quarantine(struct server *server, char *why, size_t size)
{
	const struct config *config = server->config;
	const struct quarantine_options options = {.folder = config->quarantine_folder,
	                                           .instance = server->owner,
	                                           .settings = server->first->quarantine,
	                                           .added = note_quarantined,
	                                           .failed = note_failed,
	                                           .closure = server};
	char error[SEAL_ERROR_SIZE];
	if (config->quarantine_folder == NULL)
		return true;
	server->quarantine = quarantine_create(&options, error);
	if (server->quarantine == NULL)
		snprintf(why, size, "[quarantine] folder: %s", error);
	return server->quarantine != NULL;
}

static void log_contents(const struct server *server)
{
	const struct quarantine_settings *settings = &server->first->quarantine;
	struct quarantine_usage usage;
	char limit[64] = "no max_size";
	if (server->quarantine == NULL || !quarantine_usage(server->quarantine, &usage))
		return;
	if (settings->max_size > 0)
		snprintf(limit, sizeof limit, "max_size: %" PRId64, settings->max_size);
	log_info(server->log, "quarantine: %s: copies: %" PRIu64 ", bytes: %" PRId64 ", %s",
	         server->config->quarantine_folder, usage.entries, usage.bytes, limit);
}

bool server_start_audit(struct server *server)
{
	log_contents(server);
	server->audit =
		audit_create(server->config->audit_file, server->log,
	                 metrics_counter(server->metrics, "postprocessing_audit_failures_total",
	                                 "Lines that could not be written to the audit log; each is logged.", NULL),
	                 server->facts.audit_log);
	if (server->quarantine != NULL && server->config->audit_file == NULL)
		log_info(server->log, "no audit log is kept of the files in the quarantine: [audit] file is not set");
	return server->audit != NULL && (server->quarantine == NULL || start_keeper(server));
}

void server_reset_quarantine(struct server *server, const struct preflight *made)
{
	audit_set_path(server->audit, made->config->audit_file);
	/* Without a key, the new configuration has no quarantine; the folder stays until the next start, and so do these.
	 */
	if (server->quarantine == NULL || made->config->quarantine_key == NULL)
		return;
	quarantine_set(server->quarantine, &made->quarantine);
	pthread_mutex_lock(&server->keeper->lock);
	server->keeper->retention = made->quarantine.retention;
	pthread_mutex_unlock(&server->keeper->lock);
	server_hasten_quarantine(server);
}

void server_close_quarantine(struct server *server)
{
	struct keeper *keeper = server->keeper;
	if (keeper != NULL && keeper->running) {
		pthread_mutex_lock(&keeper->lock);
		keeper->stop = true;
		pthread_cond_signal(&keeper->changed);
		pthread_mutex_unlock(&keeper->lock);
		pthread_join(keeper->thread, NULL);
	}
	if (keeper != NULL) {
		pthread_cond_destroy(&keeper->changed);
		pthread_mutex_destroy(&keeper->lock);
	}
	free(keeper);
	server->keeper = NULL;
	quarantine_destroy(server->quarantine);
	audit_destroy(server->audit);
}
