/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/container_of.h"
#include "core/server/server_private.h"

static void port_load(void *closure, struct request *request, const char *id)
{
	struct server *server = closure;
	request->of_record = false;
	store_load(&server->store, server->records->bus, request, id);
}

static enum loaded port_read(void *closure, struct request *request, struct loaded_entry *entry)
{
	struct server *server = closure;
	return store_read(&server->store, request, entry);
}

static void port_put(void *closure, struct request *request, const char *id, uint64_t expected, const char *message_id,
                     const char *value, size_t length)
{
	struct server *server = closure;
	request->of_record = true;
	store_put(&server->store, server->records->bus, request, id, expected, message_id, value, length);
}

static void port_remove(void *closure, struct request *request, const char *id, uint64_t expected,
                        const char *message_id, const struct tombstone *tombstone)
{
	struct server *server = closure;
	request->of_record = true;
	store_remove(&server->store, server->records->bus, request, id, expected, message_id, tombstone);
}

static void port_announce_gone(void *closure, const char *id)
{
	struct server *server = closure;
	char text[WORD_SIZE];
	int length = snprintf(text, sizeof text, "!%s", id);
	bus_send(server->events->bus, server->peers_subject, NULL, text, (size_t)length);
}

static void port_publish(void *closure, struct request *request, const char *message_id, const char *message,
                         size_t length)
{
	struct server *server = closure;
	const struct bus_header headers[] = {{"Nats-Msg-Id", message_id}, {NULL, NULL}};
	request->of_record = false;
	bus_publish(server->events->bus, request, INTAKE_STREAM, headers, message, length);
}

static void port_announce(void *closure, const char *message_id, const char *message, size_t length)
{
	struct server *server = closure;
	const struct bus_header headers[] = {{"Nats-Msg-Id", message_id}, {NULL, NULL}};
	bus_post(server->events->bus, INTAKE_STREAM, headers, message, length);
}

static const char *port_message_id(void *closure, const struct delivery *delivery)
{
	(void)closure;
	const char *id = NULL;
	return natsMsgHeader_Get(delivery->message, "Nats-Msg-Id", &id) == NATS_OK ? id : NULL;
}

/* An acknowledgement contains only a sequence, which may belong to another event if the stream has been created
 * again. */
static bool is_of_another_stream(const struct server *server, const struct delivery *delivery)
{
	return delivery->stream != server->stream_created;
}

static void port_acknowledge(void *closure, struct delivery *delivery)
{
	struct server *server = closure;
	if (is_of_another_stream(server, delivery))
		intake_drop(&server->intake, delivery);
	else
		intake_acknowledge(&server->intake, server->events->bus, delivery);
}

static void port_drop(void *closure, struct delivery *delivery)
{
	struct server *server = closure;
	/* Another instance should get the event at once. */
	if (server->stopping && !is_of_another_stream(server, delivery))
		intake_postpone(&server->intake, server->events->bus, delivery, 0);
	else
		intake_drop(&server->intake, delivery);
}

static void port_postpone(void *closure, struct delivery *delivery, nanos pause)
{
	struct server *server = closure;
	if (is_of_another_stream(server, delivery))
		intake_drop(&server->intake, delivery);
	else
		intake_postpone(&server->intake, server->events->bus, delivery, pause);
}

static void port_run(void *closure, struct run *run)
{
	struct server *server = closure;
	run->version = server->step[run->step].step->version;
	workers_submit(server->workers, run);
}

static void port_cancel(void *closure, struct run *run)
{
	struct server *server = closure;
	workers_cancel(server->workers, run);
}

static void port_replace(void *closure, const struct run *run)
{
	struct server *server = closure;
	workers_replace(server->workers, run);
}

static bool port_lives(void *closure, const char *owner)
{
	struct server *server = closure;
	peers_mentioned(server->peers, owner, clock_monotonic());
	return peers_lives(server->peers, owner);
}

/* Fails all lookups; they are repeated later. */
static void refuse_lookups(struct server *server)
{
	while (server->lookups != NULL) {
		struct lookup *lookup = CONTAINER_OF(server->lookups, struct lookup, mail);
		server->lookups = lookup->mail.next;
		coordinator_looked(server->coordinator, lookup, clock_now());
	}
}

static void start_search(struct server *server)
{
	server->search = (struct search){.address = server->events->address,
	                                 .mailbox = &server->mailbox,
	                                 .permissions = {server->events->permissions, "search"}};
	server->searching = !server->stopping && search_start(&server->search, server->lookups);
	if (!server->searching)
		refuse_lookups(server);
	server->lookups = NULL;
}

/* Only one search runs at a time; lookups that arrive during a search are handled together by the next one. */
static void port_look(void *closure, struct lookup *lookup)
{
	struct server *server = closure;
	lookup->mail.next = server->lookups;
	server->lookups = &lookup->mail;
	if (!server->searching)
		start_search(server);
}

void server_search_done(struct server *server)
{
	search_end(&server->search);
	if (server->search.why[0] != '\0')
		log_warning(server->log, "cannot search the stream for events that may be published already: %s; retrying",
		            server->search.why);
	server->searching = false;
	if (server->lookups != NULL)
		start_search(server);
}

static void port_scan(void *closure, void *token)
{
	struct server *server = closure;
	if (!server_read_bucket(server, token))
		coordinator_scanned(server->coordinator, token, false, clock_now());
}

static void port_audit(void *closure, const struct audit_act *act)
{
	const struct server *server = closure;
	audit_note(server->audit, act);
}

struct ports server_ports(struct server *server)
{
	return (struct ports){
		.closure = server,
		.load = port_load,
		.read = port_read,
		.put = port_put,
		.remove = port_remove,
		.announce_gone = port_announce_gone,
		.publish = port_publish,
		.announce = port_announce,
		.message_id = port_message_id,
		.look = port_look,
		.acknowledge = port_acknowledge,
		.drop = port_drop,
		.postpone = port_postpone,
		.run = port_run,
		.cancel = port_cancel,
		.replace = port_replace,
		.lives = port_lives,
		.scan = port_scan,
		.audit = port_audit,
	};
}
