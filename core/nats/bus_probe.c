/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nats/bus_probe.h"

#include <stdio.h>
#include <string.h>

#include "core/nats/bus_connect.h"

#define FLUSH_LIMIT_MS 5000

struct attempt {
	natsConnection *connection;
	natsSubscription *subscription[BUS_PROBES_LIMIT]; /* destroyed after the connection */
	size_t subscriptions;
	struct tested tested[BUS_PROBES_LIMIT];
	size_t count;
};

static natsStatus publish(struct attempt *attempt, const struct bus_probe *probe)
{
	natsMsg *message = NULL;
	natsStatus status = natsMsg_Create(&message, probe->subject, NULL, probe->payload, (int)strlen(probe->payload));
	if (status == NATS_OK && probe->stored)
		status = natsMsgHeader_Set(message, "Nats-Expected-Stream", "postprocessing-probe");
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(attempt->connection, message);
	natsMsg_Destroy(message);
	return status;
}

static natsStatus subscribe(struct attempt *attempt, const struct bus_probe *probe)
{
	if (attempt->subscriptions == BUS_PROBES_LIMIT)
		return NATS_ERR;
	natsSubscription **subscription = &attempt->subscription[attempt->subscriptions];
	natsStatus status = natsConnection_SubscribeSync(subscription, attempt->connection, probe->subject);
	attempt->subscriptions += status == NATS_OK;
	return status;
}

static natsStatus try(struct attempt *attempt, const struct bus_probe *probe)
{
	char expected[256];
	const char *error = NULL;
	struct tested *tested = &attempt->tested[attempt->count];
	natsStatus status = probe->payload != NULL ? publish(attempt, probe) : subscribe(attempt, probe);
	if (status == NATS_OK)
		status = natsConnection_FlushTimeout(attempt->connection, FLUSH_LIMIT_MS);
	if (status != NATS_OK)
		return status;
	/* The broker reports denied permissions before it answers the flush. */
	snprintf(expected, sizeof expected, "Permissions Violation for %s to \"%s\"",
	         probe->payload != NULL ? "Publish" : "Subscription", probe->subject);
	permission_name(expected, tested->permission);
	tested->refused = natsConnection_GetLastError(attempt->connection, &error) == NATS_NOT_PERMITTED && error != NULL &&
	                  strstr(error, expected) != NULL;
	attempt->count++;
	return NATS_OK;
}

static natsStatus connect_once(struct attempt *attempt, const struct broker_address *address)
{
	natsOptions *options;
	natsStatus status = bus_options(&options, address, "postprocessing permissions");
	if (status == NATS_OK)
		status = natsOptions_SetAllowReconnect(options, false);
	if (status == NATS_OK)
		status = natsConnection_Connect(&attempt->connection, options);
	natsOptions_Destroy(options);
	return status;
}

static void end(struct attempt *attempt)
{
	natsConnection_Destroy(attempt->connection);
	for (size_t i = 0; i < attempt->subscriptions; i++)
		natsSubscription_Destroy(attempt->subscription[i]);
}

enum probed bus_probe(const struct bus_probe *probe, const struct broker_address *address,
                      const struct permission_scope *scope, const struct bus_probe_wait *wait, char *why, size_t size)
{
	struct attempt attempt = {0};
	enum probed probed = PROBED_GOOD;
	natsStatus status = connect_once(&attempt, address);
	if (!wait->function(wait->closure, attempt.connection) && status == NATS_OK)
		status = NATS_CONNECTION_CLOSED;
	for (; status == NATS_OK && probe->subject[0] != '\0' && attempt.count < BUS_PROBES_LIMIT; probe++) {
		status = try(&attempt, probe);
		if (status != NATS_OK || !attempt.tested[attempt.count - 1].refused)
			continue;
		if (probe->needed && probed != PROBED_NOTHING)
			snprintf(why, size, "the user may not %s", attempt.tested[attempt.count - 1].permission);
		probed = probe->needed || probed == PROBED_NOTHING ? PROBED_NOTHING : PROBED_LESS;
	}
	bool stopped = !wait->function(wait->closure, NULL);
	end(&attempt);
	if (stopped)
		return PROBED_UNKNOWN;
	if (status != NATS_OK) {
		permissions_not_tested(scope, bus_advice(status));
		return PROBED_UNKNOWN;
	}
	permissions_tested(scope, attempt.tested, attempt.count);
	return probed;
}
