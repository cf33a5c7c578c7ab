/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/server/server_private.h"

const char *server_broker_name(const struct server_broker *broker)
{
	const struct broker *embedded = broker->server->broker;
	return embedded != NULL && broker->address == broker_address(embedded) ? "embedded" : broker->address->endpoint;
}

static struct fact *add_of_broker(const struct server_broker *broker, const char *thing)
{
	return readiness_add(broker->server->readiness, thing, server_broker_name(broker));
}

void server_add_facts(struct server *server)
{
	struct server_facts *facts = &server->facts;
	server->readiness = readiness_create(server->metrics);
	readiness_set_instance(server->readiness, server->owner);
	for (size_t i = 0; i < server->broker_count; i++)
		server->brokers[i].connected = add_of_broker(&server->brokers[i], "broker");
	for (size_t i = 0; i < server->broker_count; i++)
		server->brokers[i].permission = add_of_broker(&server->brokers[i], "permission");
	facts->stream = readiness_add(server->readiness, "stream", INTAKE_STREAM);
	facts->consumer = readiness_add(server->readiness, "consumer", server->config->consumer);
	facts->bucket = readiness_add(server->readiness, "bucket", server->config->bucket);
	facts->state_folder = readiness_add(server->readiness, "state folder", server->config->state_dir);
	/* Its lock and the instance's name were written there. */
	fact_set(facts->state_folder, true, "");
	facts->audit_log = readiness_add(server->readiness, "audit log", "");
	if (server->quarantine != NULL) {
		facts->quarantine = readiness_add(server->readiness, "quarantine", server->config->quarantine_folder);
		/* It could be opened. What is wrong with it later is only noted. */
		fact_set(facts->quarantine, true, "");
	}
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
