/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nats/bus_servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/text.h"

#define SEPARATORS ", "

/* The endpoint as URLs: "host:port,host:port" gets a scheme each. False: too many. */
static bool split_servers(char *text, bool tls, char *server[BROKER_SERVERS_LIMIT], int *count)
{
	*count = 0;
	char *rest = NULL;
	for (char *one = strtok_r(text, SEPARATORS, &rest); one != NULL; one = strtok_r(NULL, SEPARATORS, &rest)) {
		if (*count == BROKER_SERVERS_LIMIT)
			return false;
		size_t size = strlen(one) + sizeof "nats://";
		server[*count] = alloc_bytes(size);
		snprintf(server[*count], size, "%s%s", strstr(one, "://") != NULL ? "" : tls ? "tls://" : "nats://", one);
		++*count;
	}
	return *count > 0;
}

natsStatus bus_servers_set(natsOptions *options, const char *endpoint, bool tls)
{
	char *server[BROKER_SERVERS_LIMIT];
	int count;
	char *text = alloc_text(endpoint);
	natsStatus status = split_servers(text, tls, server, &count)
	                        ? natsOptions_SetServers(options, (const char **)server, count)
	                        : NATS_INVALID_ARG;
	for (int i = 0; i < count; i++)
		free(server[i]);
	free(text);
	return status;
}

static void add(struct text *text, const char *server, size_t length)
{
	if (text->length > 0)
		text_add(text, ",");
	text_add_bytes(text, server, length);
}

/* Returns the number of servers. */
static int add_named(struct text *text, natsConnection *connection)
{
	char **server = NULL;
	int count = 0, added = 0;
	if (natsConnection_GetDiscoveredServers(connection, &server, &count) != NATS_OK)
		return 0;
	for (int i = 0; i < count; i++) {
		const char *host = strstr(server[i], "://");
		if (host != NULL && added < BROKER_SERVERS_LIMIT) {
			host += strlen("://");
			add(text, host, strlen(host));
			added++;
		}
		free(server[i]);
	}
	free(server);
	return added;
}

char *bus_servers_named(natsConnection *connection, const char *former)
{
	struct text text = {0};
	int count = add_named(&text, connection);
	while (former != NULL && *former != '\0' && count++ < BROKER_SERVERS_LIMIT) {
		size_t length = strcspn(former, SEPARATORS);
		add(&text, former, length);
		former += length + strspn(former + length, SEPARATORS);
	}
	return text.length > 0 ? text_take(&text) : NULL;
}
