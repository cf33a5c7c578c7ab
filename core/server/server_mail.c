/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/container_of.h"
#include "core/server/server_private.h"

/* How often the log says that another instance has the same name. */
#define TWIN_INTERVAL (10 * MINUTE)

static void set_stream(struct server *server)
{
	struct intake *intake = &server->intake;
	uint64_t window = atomic_load(&intake->pending);
	if (window > intake->window)
		window = intake->window;
	server->stream_created = shared_checkpoint_get(&intake->applied).stream;
	coordinator_set_stream(server->coordinator,
	                       &(struct stream_facts){
							   .created = server->stream_created,
							   .last = atomic_load(&intake->last),
							   .duplicate_window = atomic_load(&intake->duplicate_window),
							   .ack_wait = atomic_load(&intake->ack_wait),
							   .coalescing_limit = (unsigned)(window / 2), /* the other half moves on meanwhile */
							   .behind = atomic_load(&intake->behind),
							   .lost_from = atomic_load(&intake->lost_from),
						   },
	                       clock_now());
	server_note_gap(server);
}

static void take_change(struct server *server, struct bus_change *change)
{
	struct bus *bus = change->bus;
	bool stays_up = bus_stays_up(bus, change), up = bus_changed(bus, change);
	if (bus == server->records->bus && !stays_up)
		cache_reset(server->cache);
	if (up && bus == server->records->bus)
		server_take_bucket(server);
	if (bus == server->events->bus) {
		intake_reset(&server->intake, up);
		if (up)
			set_stream(server);
		else
			coordinator_cut_off(server->coordinator);
	}
	bool all_up = bus_is_up(server->events->bus) && bus_is_up(server->records->bus);
	atomic_store(&server->ready, all_up);
	server_note_readiness(server);
	if (up && bus == server->records->bus)
		bucket_watch_ask(&server->bucket, bus);
	if (!all_up)
		return;
	coordinator_retry(server->coordinator, clock_now());
	rescan_hasten(&server->rescan);
	server_read_if_due(server);
}

/* What the broker says of the bucket. */
static void take_standing(struct server *server)
{
	enum continuity continuity = bucket_watch_answered(&server->bucket, server->records->bus);
	if (continuity != CONTINUITY_GOOD)
		server->save_next = 0;
	if (continuity != CONTINUITY_OTHER && continuity != CONTINUITY_BEHIND)
		return;
	metrics_count(&server->counted, broker_rollbacks);
	coordinator_doubt(server->coordinator, clock_now());
	rescan_again(&server->rescan);
	server_read_if_due(server);
}

static void begin_stop(struct server *server)
{
	char text[DURATION_TEXT_SIZE];
	size_t runs = coordinator_runs(server->coordinator);
	if (runs == 0)
		log_info(server->log, "stopping: no step is running");
	else
		log_info(server->log, "stopping: %zu step%s running; %s %s to finish", runs, runs == 1 ? " is" : "s are",
		         runs == 1 ? "it has" : "they have", duration_format(server->shutdown_grace, text));
	server->stopping = true;
	coordinator_stopping(server->coordinator);
	server_stop_scans(server);
}

static void take_delivery(struct server *server, struct delivery *delivery)
{
	if (cache_take(server->cache, server->records->bus, delivery) ||
	    !intake_take(&server->intake, server->events->bus, delivery))
		return;
	delivery->stream = server->stream_created;
	if (server->stopping)
		server_ports(server).drop(server, delivery);
	else
		coordinator_deliver(server->coordinator, delivery, clock_now());
}

/* Detects another process with the same name. Each would take the records of the other for its own, and neither would
 * notice the other's death. */
static void check_name(struct server *server, const char *name)
{
	size_t length = strlen(server->owner), nonce = strlen(server->nonce);
	if (strncmp(name, server->owner, length) != 0 || name[length] != ' ' ||
	    strncmp(name + length + 1, server->nonce, nonce) == 0)
		return;
	nanos now = clock_monotonic();
	if (server->twin_said != 0 && now - server->twin_said < TWIN_INTERVAL)
		return;
	server->twin_said = now;
	log_error(server->log,
	          "another instance is also named %s, so its state folder is a copy of %s: if one of them dies, no "
	          "instance takes over its uploads. Stop one, delete the files instance-* in its state folder, and start "
	          "it again",
	          server->owner, server->config->state_dir);
}

/* "+NAME" is a heartbeat, "-NAME" the last one. "=NAME NONCE" distinguishes processes with one name. "!ID": the upload
 * has ended. "~NAME" is sent by versions that know the gap before a consumer (see gap.h), which earlier versions do
 * not. */
static void take_word(struct server *server, struct word *word)
{
	if (word->text[0] == '+')
		peers_heard(server->peers, word->text + 1, clock_monotonic());
	else if (word->text[0] == '-')
		peers_left(server->peers, word->text + 1);
	else if (word->text[0] == '=')
		check_name(server, word->text + 1);
	else if (word->text[0] == '!')
		coordinator_told_gone(server->coordinator, word->text + 1, clock_now());
	else if (word->text[0] == '~')
		peers_is_able(server->peers, word->text + 1, clock_monotonic());
	free(word);
}

static void take_reply(struct server *server, struct request *request)
{
	if (request == &server->bucket.question) {
		take_standing(server);
	} else if (intake_answered(&server->intake, server->events->bus, request)) {
		server_note_gap(server);
	} else if (!cache_answered(server->cache, server->records->bus, request)) {
		if (request->of_record && request->status == REQUEST_DONE)
			bucket_watch_saw(&server->bucket, request->sequence);
		coordinator_answered(server->coordinator, request, clock_now());
	}
}

void server_take_mail(struct server *server, struct mail *mail)
{
	switch (mail->kind) {
	case MAIL_REPLY:
		take_reply(server, CONTAINER_OF(mail, struct request, mail));
		break;
	case MAIL_DELIVERY:
		take_delivery(server, CONTAINER_OF(mail, struct delivery, mail));
		break;
	case MAIL_BUS:
		take_change(server, CONTAINER_OF(mail, struct bus_change, mail));
		break;
	case MAIL_RUN:
		cache_flights_leave(server->flights, CONTAINER_OF(mail, struct run, mail));
		server_note_run(server, CONTAINER_OF(mail, struct run, mail));
		coordinator_returned(server->coordinator, CONTAINER_OF(mail, struct run, mail), clock_now());
		break;
	case MAIL_RECORDS:
	case MAIL_SCAN_DONE:
		server_take_scan(server, mail);
		break;
	case MAIL_LOOKUP:
		coordinator_looked(server->coordinator, CONTAINER_OF(mail, struct lookup, mail), clock_now());
		break;
	case MAIL_SEARCH_DONE:
		server_search_done(server);
		break;
	case MAIL_WORD:
		take_word(server, CONTAINER_OF(mail, struct word, mail));
		break;
	case MAIL_CHECK:
		server_take_check(server, CONTAINER_OF(mail, struct check_answer, mail));
		free(mail);
		break;
	case MAIL_POOL:
		server_take_pool_news(server, CONTAINER_OF(mail, struct pool_news, mail));
		free(mail);
		break;
	case MAIL_RELOAD_ASKED:
		server_begin_reload(server);
		break;
	case MAIL_RELOAD:
		server_end_reload(server, server_reload_of(mail));
		break;
	case MAIL_CACHE:
		server_take_question(server, CONTAINER_OF(mail, struct cache_question, mail));
		break;
	case MAIL_STOP:
		begin_stop(server);
		break;
	}
}

void server_empty_mailbox(struct server *server, nanos timeout)
{
	struct mail *mail = mailbox_receive(&server->mailbox, timeout);
	while (mail != NULL) {
		struct mail *next = mail->next;
		switch (mail->kind) {
		case MAIL_DELIVERY:
			delivery_free(CONTAINER_OF(mail, struct delivery, mail));
			break;
		case MAIL_RUN:
			run_free(CONTAINER_OF(mail, struct run, mail));
			break;
		case MAIL_REPLY:
			natsMsg_Destroy(CONTAINER_OF(mail, struct request, mail)->reply);
			break;
		case MAIL_RECORDS:
		case MAIL_SCAN_DONE:
			server_take_scan(server, mail);
			break;
		case MAIL_BUS:
		case MAIL_WORD:
		case MAIL_LOOKUP:
		case MAIL_POOL:
		case MAIL_CHECK:
			free(mail);
			break;
		case MAIL_RELOAD:
			server_drop_reload(server, server_reload_of(mail));
			break;
		case MAIL_CACHE:
			cache_question_free(CONTAINER_OF(mail, struct cache_question, mail));
			break;
		case MAIL_SEARCH_DONE:
		case MAIL_RELOAD_ASKED:
		case MAIL_STOP:
			break; /* parts of others */
		}
		mail = next;
	}
}
