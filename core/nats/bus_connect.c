/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nats/bus_connect.h"

#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/nats/bus_servers.h"

/* Newer versions of the library print errors if there is no handler. */
static void ignore_error(natsConnection *connection, natsSubscription *subscription, natsStatus status, void *closure)
{
	(void)connection;
	(void)subscription;
	(void)status;
	(void)closure;
}

static natsStatus set_security(natsOptions *options, const struct broker_address *address)
{
	natsStatus status = NATS_OK;
	if (address->token != NULL)
		status = natsOptions_SetToken(options, address->token);
	else if (address->username != NULL)
		status =
			natsOptions_SetUserInfo(options, address->username, address->password != NULL ? address->password : "");
	if (status == NATS_OK && address->tls)
		status = natsOptions_SetSecure(options, true);
	if (status == NATS_OK && address->ca_file != NULL)
		status = natsOptions_LoadCATrustedCertificates(options, address->ca_file);
	if (status == NATS_OK && address->tls_insecure && address->ca_file == NULL)
		status = natsOptions_SkipServerVerification(options, true);
	return status;
}

/* The reasons for some of the settings: Publishes while the broker is unreachable are rejected and not buffered,
 * because they would be reported as lost and delivered later. The flusher would delay each message by a millisecond. A
 * bus sends messages in batches nevertheless, see bus_loop.h. */
static natsStatus set_behaviour(natsOptions *options, const char *name)
{
	natsStatus status = natsOptions_SetName(options, name);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectBufSize(options, 0);
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(options, true);
	if (status == NATS_OK)
		status = natsOptions_SetMaxReconnect(options, -1);
	if (status == NATS_OK)
		status = natsOptions_SetReconnectWait(options, 250);
	if (status == NATS_OK)
		status = natsOptions_SetPingInterval(options, 5000);
	if (status == NATS_OK)
		status = natsOptions_SetMaxPingsOut(options, 2);
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, 5000);
	if (status == NATS_OK)
		status = natsOptions_SetErrorHandler(options, ignore_error, NULL);
	return status;
}

natsStatus bus_options_for(natsOptions **options, const struct broker_address *address, const char *endpoint,
                           const char *name)
{
	*options = NULL;
	natsStatus status = natsOptions_Create(options);
	if (address->changing != NULL)
		pthread_mutex_lock(address->changing);
	if (status == NATS_OK)
		status = bus_servers_set(*options, endpoint != NULL ? endpoint : address->endpoint, address->tls);
	if (status == NATS_OK)
		status = set_security(*options, address);
	if (address->changing != NULL)
		pthread_mutex_unlock(address->changing);
	/* A broker that gets a new address at each start is not looked for at the old one. */
	if (status == NATS_OK && address->changing != NULL)
		status = natsOptions_SetAllowReconnect(*options, false);
	if (status == NATS_OK)
		status = set_behaviour(*options, name);
	return status;
}

natsStatus bus_options(natsOptions **options, const struct broker_address *address, const char *name)
{
	return bus_options_for(options, address, NULL, name);
}

natsStatus bus_connect(natsConnection **connection, const struct broker_address *address, const char *name)
{
	natsOptions *options;
	natsStatus status = bus_options(&options, address, name);
	if (status == NATS_OK)
		status = natsConnection_Connect(connection, options);
	natsOptions_Destroy(options);
	return status;
}

const char *bus_advice(natsStatus status)
{
	switch (status) {
	case NATS_CONNECTION_AUTH_FAILED:
		return "the broker rejects the user name or password: check username and password";
	case NATS_NO_SERVER:
	case NATS_IO_ERROR:
	case NATS_CONNECTION_CLOSED:
	case NATS_INSUFFICIENT_BUFFER: /* for messages sent while the library reconnects */
		return "no answer: is the broker running, and is the endpoint correct?";
	case NATS_SSL_ERROR:
		return "TLS failed: check enable_tls or tls://, tls_root_ca_certificate (is it a readable PEM file?) and the "
			   "broker's certificate";
	case NATS_SECURE_CONNECTION_WANTED:
		return "the broker does not offer TLS, which tls:// or enable_tls requires: nothing was sent to it";
	case NATS_TIMEOUT:
		return "timed out";
	case NATS_NO_RESPONDERS:
		return "the broker runs without JetStream: start it with -js, or with jetstream {} in its configuration";
	case NATS_INVALID_ARG:
		return "the endpoint must have the form host:port";
	default:
		return natsStatus_GetText(status);
	}
}

const char *bus_reason(natsStatus status, jsErrCode code, char text[BUS_REASON_SIZE])
{
	if (code != 0)
		snprintf(text, BUS_REASON_SIZE, "%s (JetStream error %d)", bus_advice(status), (int)code);
	else
		text_copy(text, BUS_REASON_SIZE, bus_advice(status));
	return text;
}

/* The broker's error for the last denied permission on this connection; NULL: none. */
static const char *refusal(natsConnection *connection)
{
	const char *error = NULL;
	bool refused = connection != NULL && natsConnection_GetLastError(connection, &error) == NATS_NOT_PERMITTED;
	return refused ? error : NULL;
}

const char *bus_fault(natsConnection *connection, natsStatus status, char text[BUS_FAULT_SIZE])
{
	char permission[PERMISSION_SIZE];
	const char *error = refusal(connection);
	if (error != NULL)
		snprintf(text, BUS_FAULT_SIZE, "the broker's user may not %s", permission_name(error, permission));
	else
		text_copy(text, BUS_FAULT_SIZE, bus_advice(status));
	return text;
}

bool bus_refused(natsConnection *connection)
{
	return refusal(connection) != NULL;
}

void bus_report(natsConnection *connection, natsStatus status, const struct permission_scope *scope)
{
	const char *error = refusal(connection);
	if (error != NULL)
		permissions_refused(scope, error);
	else if (status == NATS_OK)
		permissions_worked(scope);
}

/* With TLS, the library's own threads read and write. A TLS write that would block must be repeated with the same bytes
 * at the same address. The library does not ensure this if our loop lets it buffer more messages meanwhile. */
bool bus_uses_tls(const struct broker_address *address)
{
	return address->tls;
}

bool bus_same_broker(const struct broker_address *one, const struct broker_address *other)
{
	const char *const texts[][2] = {{one->endpoint, other->endpoint},
	                                {one->username, other->username},
	                                {one->password, other->password},
	                                {one->token, other->token},
	                                {one->ca_file, other->ca_file}};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (texts[i][0] != texts[i][1] &&
		    (texts[i][0] == NULL || texts[i][1] == NULL || strcmp(texts[i][0], texts[i][1]) != 0))
			return false;
	return one->tls == other->tls && one->tls_insecure == other->tls_insecure;
}
