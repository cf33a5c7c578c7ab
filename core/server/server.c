/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "core/nats/bus_connect.h"
#include "core/server/instance.h"
#include "core/server/server_private.h"

#define CHORES_INTERVAL SECOND
#define EMBEDDED "embedded"
#define MAILS_PER_FLUSH 32
/* How long a stopping service waits for an unreachable broker. */
#define BROKER_GRACE (2 * SECOND)
/* How long it waits for a configuration that is being read again. */
#define RELOAD_GRACE (2 * SECOND)
/* How long the first step may run before the record is written, which makes the upload visible. */
#define HOLD (2 * SECOND)

/* On the HTTP thread. */
static void answer_alive(void *closure, struct http_reply *reply)
{
	(void)closure;
	fputs("ok\n", reply->body);
}

static void answer_ready(void *closure, struct http_reply *reply)
{
	struct server *server = closure;
	struct text body = {0};
	bool ready = readiness_write(server->readiness, &body) && !body.failed;
	reply->status = ready ? 200 : 503;
	reply->type = "application/json";
	if (!body.failed)
		fprintf(reply->body, "%s\n", body.data);
	text_free(&body);
}

static void answer_metrics(void *closure, struct http_reply *reply)
{
	struct server *server = closure;
	reply->type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(server->metrics, reply->body);
}

static void answer_progress(void *closure, struct http_reply *reply)
{
	struct server *server = closure;
	reply->type = "application/json";
	reports_write(server->reports, server->owner, server->workers, reply->body);
}

static const struct http_route routes[] = {
	{"/healthz", answer_alive, false},
	{"/readyz", answer_ready, false},
	{"/metrics", answer_metrics, true},
	{"/progress", answer_progress, true},
};

static bool start_http(struct server *server)
{
	if (server->config->http_addr == NULL || server->config->http_addr[0] == '\0')
		return true;
	server->http = http_create(&(struct http_options){
		.addr = server->config->http_addr,
		.token = server->config->http_token,
		.route = routes,
		.route_count = sizeof routes / sizeof routes[0],
		.closure = server,
		.log = server->log,
	});
	return server->http != NULL;
}

static void report_overridden(const struct server *server, const char *section, const char *key,
                              const struct broker_address *address)
{
	if (address->overridden)
		log_warning(server->log, "[%s] %s: the URL contains a user name; username and password of [%s] are ignored",
		            section, key, section);
}

/* Determines the brokers of events and records, and starts the embedded broker if necessary. */
static bool find_brokers(struct server *server, char *why, size_t size)
{
	const struct config *config = server->config;
	bool embedded = strcmp(config->events.endpoint, EMBEDDED) == 0;
	bool one =
		embedded ? strcmp(config->store.endpoint, EMBEDDED) == 0 : bus_same_broker(&config->events, &config->store);
	server->broker_count = one ? 1 : 2;
	server->events = &server->brokers[0];
	server->records = &server->brokers[server->broker_count - 1];
	*server->records = (struct server_broker){.server = server, .address = &config->store, .bucket = true};
	*server->events =
		(struct server_broker){.server = server, .address = &config->events, .stream = true, .bucket = one};
	report_overridden(server, "events", "endpoint", &config->events);
	report_overridden(server, "store", "nodes", &config->store);
	if (!embedded)
		return true;
	log_info(server->log, "events: starting an embedded broker; to use another one, set [events] endpoint "
	                      "(POSTPROCESSING_EVENTS_ENDPOINT)");
	server->broker = broker_start(config->state_dir, server->log, why, size);
	if (server->broker == NULL)
		return false;
	server->events->address = broker_address(server->broker);
	return true;
}

static bool connect_bus(struct server_broker *broker)
{
	struct server *server = broker->server;
	const struct server_facts *facts = &server->facts;
	broker->bus = bus_create(&(struct bus_options){
		.address = broker->address,
		.name = "postprocessing",
		.log = server->log,
		.mailbox = &server->mailbox,
		.reaper = &server->reaper,
		.prepare = server_prepare,
		.closure = broker,
		.listen = broker->stream ? server->peers_subject : NULL,
		.broker = server_broker_name(broker),
		.facts = {broker->connected,
	              {broker->stream ? facts->stream : NULL, broker->stream ? facts->consumer : NULL,
	               broker->bucket ? facts->bucket : NULL}},
		.permissions = {broker->permissions, "bus"},
		.probe = broker->probe,
	});
	return broker->bus != NULL;
}

/* As other services of Prometheus' world name them. */
static void register_reload_metrics(struct server *server)
{
	server->reload_good =
		metrics_gauge(server->metrics, "postprocessing_config_last_reload_successful",
	                  "Whether the configuration that was read last is in effect: 1, or 0 if it was refused.", NULL);
	server->reload_time = metrics_gauge(server->metrics, "postprocessing_config_last_reload_success_timestamp_seconds",
	                                    "When the configuration that is in effect was read.", NULL);
	gauge_set(server->reload_good, 1);
	gauge_set(server->reload_time, clock_now() / SECOND);
}

static void register_build(struct metrics *metrics)
{
	const char *const labels[] = {"version", PACKAGE_VERSION, NULL};
	gauge_set(metrics_gauge(metrics, "postprocessing_build_info", "The version of the program, as a label.", labels),
	          1);
}

static bool create_parts(struct server *server, const struct steps *steps)
{
	server->metrics = metrics_create();
	server->peers = peers_create(server->owner);
	snprintf(server->peers_subject, sizeof server->peers_subject, "postprocessing.%s.instances",
	         server->config->bucket);
	if (!random_hex(server->nonce, 8))
		return false;
	metrics_list_register(&server->counted, server->metrics);
	gauge_set(server->counted.config_warnings, (int64_t)server->config->warnings.count);
	server->intake.alarms = server->counted.broker_rollbacks;
	register_build(server->metrics);
	register_reload_metrics(server);
	server_add_copies(server);
	server_add_facts(server);
	server_list_permissions(server);
	server_add_steps(server, steps);
	server_create_cache(server);
	server->reports = reports_create(server->metrics, server->log);
	server->workers = workers_create(steps, &server->config->content, server->log, &server->mailbox);
	if (server->workers == NULL || !server_start_audit(server))
		return false;
	workers_set_quarantine(server->workers, server->quarantine);
	workers_count_replaced(server->workers, server->counted.workers_replaced);
	workers_report_to(server->workers, server->reports);
	workers_recall_from(server->workers, server->cache_memory, server->counted.cache_hits);
	const struct coordinator_steps view = server_coordinator_steps(server);
	server->coordinator = coordinator_create(&(struct coordinator_options){
		.pipeline = view.pipeline,
		.step = view.step,
		.workers = view.workers,
		.announced = view.announced,
		.ports = server_ports(server),
		.log = server->log,
		.metrics = &server->counted,
		.run_time = view.run_time,
		.suspended = view.suspended,
		.owner = server->owner,
		.nonce = server->nonce,
		.spared = server->spared,
		.busy_limit = server->config->max_in_flight,
		.coalescing = HOLD,
	});
	bool both = server->broker != NULL && server->records == server->events;
	server->tombstones = tombstones_start(&(struct tombstones_options){
		.store = &server->store,
		.address = server->records->address,
		.applied = both ? &server->intake.applied : NULL,
		.permissions = {server->records->permissions, "markers"},
		.retention = server->config->retention,
		.expired = server->counted.records_expired,
	});
	return server->coordinator != NULL && server->tombstones != NULL && start_http(server) &&
	       connect_bus(server->events) && (server->records == server->events || connect_bus(server->records)) &&
	       server_start_checks(server, steps);
}

struct server *server_create(const struct preflight *first, const char *path, struct log *log, char *why, size_t size,
                             bool *passing)
{
	const struct config *config = first->config;
	struct server *server = alloc_zeroed(1, sizeof *server);
	server->first = first;
	server->config_path = path;
	server->shutdown_grace = config->shutdown_grace;
	server->reload_mail.kind = MAIL_RELOAD_ASKED;
	message_reaper_init(&server->reaper);
	mailbox_init(&server->mailbox);
	server->last_held = &server->held;
	server->config = config;
	server->log = log;
	server->stop.kind = MAIL_STOP;
	server->instance_lock = -1;
	server->unready_since = clock_monotonic();
	server->store = (struct store){.bucket = config->bucket, .table = config->table, .log = log};
	checkpoint_read(config->state_dir, CHECKPOINT_EVENTS, config->consumer, &server->saved);
	intake_init(&server->intake, config->consumer, config->max_in_flight, config->state_dir, log, &server->saved);
	bucket_watch_init(&server->bucket, &server->store, config->state_dir);
	server->bucket.longest_wait = longest_wait(first->steps, server->longest_wait);
	server->bucket.longest_of = server->longest_wait;
	atomic_init(&server->replicas, loss_replicas_read(config->state_dir));
	server->bucket_saved = server->bucket.position;
	*passing = instance_take(config->state_dir, log, server->owner, &server->instance_lock, why, size);
	if (*passing)
		instance_take_note(server->instance_lock, server->owner, server->spared);
	*passing = *passing && server_open_quarantine(server, why, size);
	bool good = *passing && find_brokers(server, why, size);
	if (good && !create_parts(server, first->steps)) {
		snprintf(why, size, "cannot start a thread, or no random numbers");
		good = false;
	}
	if (good) {
		steps_let_go(first->steps);
		return server;
	}
	server_destroy(server);
	return NULL;
}

static void flush(struct server *server)
{
	for (size_t i = 0; i < server->broker_count; i++)
		bus_flush(server->brokers[i].bus);
}

/* One round of the main loop: handles the mails that have arrived and everything that is due. */
static void turn(struct server *server)
{
	nanos now = clock_now(), today = clock_monotonic();
	unsigned taken = 0;
	if (today >= server->housekeeping_next) {
		server_do_housekeeping(server);
		server->housekeeping_next = today + CHORES_INTERVAL;
		/* Its messages do not wait for the next mail, nor does a request of another thread behind them. */
		flush(server);
	}
	struct mail *mail = mailbox_receive(&server->mailbox, coordinator_next(server->coordinator, now) - now);
	while (mail != NULL) {
		struct mail *next = mail->next;
		server_take_mail(server, mail);
		mail = next;
		server->mails++;
		/* In a long round, this keeps the broker busy. */
		if (++taken % MAILS_PER_FLUSH == 0)
			flush(server);
	}
	server_read_on(server);
	coordinator_tick(server->coordinator, clock_now());
	if (!server->stopping)
		intake_pull(&server->intake, server->events->bus);
	flush(server);
}

/* Whether there is nothing more to wait for. Without the broker or its permissions there is no progress, and unfinished
 * work is left to the next start. */
static bool is_idle(const struct server *server, nanos stopping_since)
{
	if (coordinator_runs(server->coordinator) > 0)
		return false;
	bool good =
		atomic_load(&server->ready) && fact_good(server->events->permission) && fact_good(server->records->permission);
	bool stuck = !good && clock_monotonic() - stopping_since >= BROKER_GRACE;
	return stuck || coordinator_busy(server->coordinator) == 0;
}

void server_run(struct server *server)
{
	nanos since = 0;
	for (;;) {
		turn(server);
		nanos now = clock_monotonic();
		if (!server->stopping)
			continue;
		if (since == 0)
			since = now;
		if (is_idle(server, since) || now - since >= server->shutdown_grace)
			return;
	}
}

void server_out_of_memory(void *closure)
{
	const struct server *server = closure;
	if (server->spared[0] == '\0')
		instance_note_end(server->instance_lock, server->owner, server->nonce);
	log_error(server->log,
	          "out of memory; the service exits with status 71. Its uploads continue when it is started again");
}

void server_stop(struct server *server)
{
	mailbox_send(&server->mailbox, &server->stop);
}

void server_reload(struct server *server)
{
	if (!atomic_exchange(&server->reload_asked, true))
		mailbox_send(&server->mailbox, &server->reload_mail);
}

/* /progress asks the workers, so it ends before them. False: a module keeps one. */
static bool end_workers(struct server *server)
{
	http_destroy(server->http);
	server->http = NULL;
	return workers_destroy(server->workers, SECOND);
}

/* Cancels all runs, and waits so that verdicts that arrive in the meantime are written. */
static bool end_runs(struct server *server)
{
	nanos limit = clock_monotonic() + 10 * SECOND;
	coordinator_cancel_runs(server->coordinator);
	while (coordinator_runs(server->coordinator) > 0 && clock_monotonic() < limit)
		turn(server);
	/* Waits for the last writes. Without a broker, they are left to the next start. */
	limit = clock_monotonic() + 2 * SECOND;
	while (coordinator_busy(server->coordinator) > 0 && atomic_load(&server->ready) && clock_monotonic() < limit)
		turn(server);
	return end_workers(server);
}

static void end_readings(struct server *server)
{
	server_stop_scans(server);
	search_stop(&server->search);
	while (server->scans != NULL || server->searching)
		turn(server);
}

/* False: a module keeps the thread that reads the configuration again. */
static bool end_reload(struct server *server)
{
	nanos limit = clock_monotonic() + RELOAD_GRACE;
	while (server->reload != NULL && clock_monotonic() < limit)
		turn(server);
	return server->reload == NULL;
}

bool server_destroy(struct server *server)
{
	if (server == NULL)
		return true;
	server->stopping = true;
	if (server->coordinator != NULL && server->events->bus != NULL && server->records->bus != NULL) {
		end_readings(server);
		bool read = end_reload(server);
		/* Also if a module keeps the reload, the verdicts of the last runs are written. */
		if (!end_runs(server) || !read)
			return false;
		coordinator_abandon(server->coordinator);
		server_say_word(server, '-');
	} else if (!end_workers(server)) {
		return false;
	}
	server->runs_ended = true;
	tombstones_stop(server->tombstones);
	for (size_t i = server->broker_count; i-- > 0;)
		bus_destroy(server->brokers[i].bus);
	server_empty_mailbox(server, 0);
	server_end_cache(server);
	/* What it sends from now on nobody reads. */
	bool checked = checker_destroy(server->checker, 2 * SECOND);
	coordinator_destroy(server->coordinator);
	server_close_quarantine(server);
	broker_stop(server->broker);
	for (size_t i = 0; i < server->broker_count; i++)
		permissions_destroy(server->brokers[i].permissions);
	readiness_destroy(server->readiness);
	reports_destroy(server->reports);
	metrics_destroy(server->metrics);
	server_remove_steps(server);
	peers_free(server->peers);
	message_reaper_end(&server->reaper);
	mailbox_destroy(&server->mailbox);
	if (server->instance_lock >= 0)
		close(server->instance_lock);
	free(server);
	return checked;
}
