/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/nats/bus_connect.h"
#include "core/server/server_private.h"

/* A private broker's address changes. */
const char *server_broker_name(const struct server *server, const struct broker_address *address)
{
	bool embedded = server->broker != NULL && address == broker_address(server->broker);
	return embedded ? "embedded" : address->endpoint;
}

void server_add_facts(struct server *server)
{
	struct server_facts *facts = &server->facts;
	server->readiness = readiness_create(server->metrics);
	readiness_set_instance(server->readiness, server->owner);
	bool one = server->store_address == server->events_address;
	const char *events = server_broker_name(server, server->events_address),
			   *store = server_broker_name(server, server->store_address);
	facts->events_broker = readiness_add(server->readiness, "broker", events);
	facts->store_broker = one ? facts->events_broker : readiness_add(server->readiness, "broker", store);
	facts->events_permission = readiness_add(server->readiness, "permission", events);
	facts->store_permission = one ? facts->events_permission : readiness_add(server->readiness, "permission", store);
	facts->stream = readiness_add(server->readiness, "stream", INTAKE_STREAM);
	facts->consumer = readiness_add(server->readiness, "consumer", server->config->consumer);
	facts->bucket = readiness_add(server->readiness, "bucket", server->config->bucket);
	facts->state_folder = readiness_add(server->readiness, "state folder", server->config->state_dir);
	/* Its lock and the instance's name were written there. */
	fact_set(facts->state_folder, true, "");
	server->intake.stream_fact = facts->stream;
	server->intake.consumer_fact = facts->consumer;
	server->bucket.fact = facts->bucket;
}

void server_note_readiness(struct server *server)
{
	char text[DURATION_TEXT_SIZE], fault[2 * FACT_REASON_SIZE];
	bool ready = readiness_good(server->readiness);
	if (ready == server->said_ready)
		return;
	nanos now = clock_monotonic();
	duration_format(now - server->unready_since, text);
	if (ready && !server->was_ready)
		log_info(server->log, "ready, %s after the start", text);
	else if (ready)
		log_info(server->log, "ready again, after %s", text);
	else
		log_warning(server->log, "not ready: %s", readiness_fault(server->readiness, fault, sizeof fault));
	server->unready_since = now;
	server->said_ready = ready;
	server->was_ready = server->was_ready || ready;
}
