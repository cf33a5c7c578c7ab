/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "core/server/server_private.h"

#define SAVE_INTERVAL (5 * SECOND)
/* With fewer mails between two calls, the service counts as idle. */
#define QUIET_MAILS 100

void server_say_word(struct server *server, char sign)
{
	char text[OWNER_LIMIT + 1];
	int length = snprintf(text, sizeof text, "%c%s", sign, server->owner);
	bus_send(server->events->bus, server->peers_subject, NULL, text, (size_t)length);
}

/* Announces which process has the name. */
static void report_nonce(struct server *server)
{
	char text[OWNER_LIMIT + 32];
	int length = snprintf(text, sizeof text, "=%s %s", server->owner, server->nonce);
	bus_send(server->events->bus, server->peers_subject, NULL, text, (size_t)length);
}

/* Sends a heartbeat, and checks those of the others. The records of dead instances are found by a scan of the
 * bucket. */
static void keep_company(struct server *server)
{
	nanos now = clock_monotonic();
	if (!atomic_load(&server->ready))
		peers_deaf(server->peers, now);
	if (now >= server->sign_next) {
		server_say_word(server, '+');
		report_nonce(server);
		server_say_word(server, '~');
		server->sign_next = now + PEER_SIGN_INTERVAL;
	}
	/* A stopping instance still sends heartbeats, because it finishes its own uploads, but it takes over no others. */
	if (!server->stopping && peers_tick(server->peers, now)) {
		log_info(server->log, "another instance has stopped or died: taking over its uploads");
		rescan_again(&server->rescan);
	}
}

/* `looked` alone is no reason to write; it is written together with other changes. */
static bool is_saved(const struct checkpoint *saved, const struct checkpoint *now)
{
	return now->sequence == saved->sequence && now->stream == saved->stream && now->gap_end == saved->gap_end &&
	       now->made == saved->made && now->floor == saved->floor;
}

/* False: the checkpoint could not be written; `why` has the reason. */
static bool save(struct server *server, const char *file, const char *of, struct checkpoint *saved,
                 struct checkpoint now, char *why, size_t size)
{
	if (now.stream == 0 || (is_saved(saved, &now)))
		return true;
	if (checkpoint_write(server->config->state_dir, file, of, &now)) {
		*saved = now;
		return true;
	}
	snprintf(why, size, "cannot save %s: %s", file, strerror(errno));
	return false;
}

static void save_positions(struct server *server)
{
	char why[FACT_REASON_SIZE] = "";
	server->save_next = clock_monotonic() + SAVE_INTERVAL;
	bool events = save(server, CHECKPOINT_EVENTS, server->config->consumer, &server->saved,
	                   shared_checkpoint_get(&server->intake.applied), why, sizeof why);
	bool bucket = save(server, CHECKPOINT_BUCKET, server->store.bucket, &server->bucket_saved, server->bucket.position,
	                   why, sizeof why);
	if (fact_set(server->facts.state_folder, events && bucket, why) && why[0] != '\0')
		log_warning(server->log, "state folder %s: %s; retrying", server->config->state_dir, why);
}

/* Returns free memory to the system after a busy period. */
static void tidy_memory(struct server *server)
{
	bool quiet = server->mails < QUIET_MAILS;
	message_reaper_empty(&server->reaper);
	if (quiet && server->stirred)
		malloc_trim(0);
	server->stirred = !quiet;
	server->mails = 0;
}

/* Reports to the embedded broker whether its writes are answered. */
static void tell_broker(struct server *server)
{
	struct unanswered writes = bus_unanswered(server->events->bus);
	uint64_t restarts = broker_restarts(server->broker);
	broker_set_unanswered(server->broker, &writes);
	counter_add(server->counted.broker_restarts, restarts - server->broker_restarts);
	server->broker_restarts = restarts;
}

void server_note_gap(struct server *server)
{
	struct gap_facts gap = intake_gap(&server->intake);
	coordinator_set_gap(server->coordinator, gap.open, gap.end, gap.behind && clock_monotonic() - gap.moved < MINUTE);
	gauge_set(server->counted.gap, (int64_t)gap.left);
}

void server_do_housekeeping(struct server *server)
{
	for (size_t i = 0; i < server->broker_count; i++)
		bus_expire(server->brokers[i].bus);
	if (server->broker != NULL)
		tell_broker(server);
	if (!server->stopping) {
		intake_ask_position(&server->intake, server->events->bus, peers_all_able(server->peers, clock_monotonic()));
		bucket_watch_tick(&server->bucket, server->records->bus);
	}
	if (server->http != NULL && http_address(server->http) == NULL)
		http_start(server->http);
	server_do_checks(server);
	server_tidy_copies(server);
	cache_tick(server->cache, server->records->bus, clock_monotonic());
	cache_flights_expire(server->flights, clock_monotonic());
	keep_company(server);
	for (size_t i = 0; i < server->broker_count; i++)
		permissions_expire(server->brokers[i].permissions);
	server_note_readiness(server);
	if (atomic_load(&server->ready) && clock_monotonic() >= server->save_next)
		save_positions(server);
	tidy_memory(server);
	server_read_if_due(server);
}
