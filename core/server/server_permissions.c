/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "core/server/server_private.h"

/* A request that the broker rejects as invalid, an acknowledgement that it ignores, and a word that all instances
 * ignore. */
#define NO_REQUEST "{"
#define NO_ACKNOWLEDGEMENT "?"
#define NO_WORD "?"

struct list {
	struct bus_probe *probe;
	size_t count;
};

static struct bus_probe *add(struct list *list, const char *payload, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static struct bus_probe *add(struct list *list, const char *payload, const char *format, ...)
{
	struct bus_probe *probe = &list->probe[list->count++];
	va_list arguments;
	*probe = (struct bus_probe){.payload = payload, .needed = true};
	va_start(arguments, format);
	vsnprintf(probe->subject, sizeof probe->subject, format, arguments);
	va_end(arguments);
	return probe;
}

static void list_events(struct list *list, const struct server *server)
{
	const char *consumer = server->config->consumer;
	add(list, NO_REQUEST, "$JS.API.STREAM.INFO." INTAKE_STREAM);
	add(list, NO_REQUEST, "$JS.API.CONSUMER.INFO." INTAKE_STREAM ".%s", consumer);
	add(list, NO_REQUEST, "$JS.API.CONSUMER.MSG.NEXT." INTAKE_STREAM ".%s", consumer);
	add(list, NO_ACKNOWLEDGEMENT, "$JS.ACK." INTAKE_STREAM ".%s.1.1.1.1.0", consumer);
	add(list, NO_REQUEST, INTAKE_STREAM)->stored = true;
	/* Without this permission, the instances do not know of each other, and each works as if it were alone. */
	add(list, NO_WORD, "%s", server->peers_subject)->needed = false;
}

static void list_store(struct list *list, const struct server *server)
{
	const char *bucket = server->config->bucket;
	add(list, NO_REQUEST, "$JS.API.STREAM.INFO.KV_%s", bucket);
	add(list, NO_REQUEST, "$JS.API.STREAM.MSG.GET.KV_%s", bucket);
	add(list, NO_REQUEST, "$KV.%s.permission", bucket)->stored = true;
}

void server_list_permissions(struct server *server)
{
	for (size_t i = 0; i < server->broker_count; i++) {
		struct server_broker *broker = &server->brokers[i];
		struct list list = {.probe = broker->probe};
		broker->permissions = permissions_create(server->log, server_broker_name(broker), broker->permission);
		if (broker->stream)
			list_events(&list, server);
		if (broker->bucket)
			list_store(&list, server);
	}
}
