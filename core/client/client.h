/* SPDX-License-Identifier: Apache-2.0
 * What the commands beside the service have in common: the configuration and a connection to its broker. */
#ifndef CORE_CLIENT_CLIENT_H
#define CORE_CLIENT_CLIENT_H

#include <nats/nats.h>

#include "core/config/config.h"
#include "core/jetstream/store.h"

struct client {
	struct config *config;
	struct broker_address embedded;      /* of the service's own broker, when it has one */
	const struct broker_address *events; /* where the events are */
	const struct broker_address *records;
	struct log log;                      /* to stderr, warnings and errors */
	struct store store;
};

/* Reads the configuration (path NULL: the default place) and finds the brokers. What is wrong goes to stderr; false
 * then, and nothing is left to close. */
bool client_open(struct client *client, const char *path);
void client_close(struct client *client);

/* The service may have started its private broker again, which has another address since. True: it has, and `client` has that
 * address now; a connection to the last one is of no use any more. */
bool client_relocate(struct client *client);

/* A connection to one of the brokers, or NULL with a message on stderr. */
natsConnection *client_connect(const struct client *client, const struct broker_address *address);
/* The same without the message. */
natsConnection *client_connect_again(const struct client *client, const struct broker_address *address);

/* Calls `each` with every record of the bucket, in no order. False: with a message on stderr. */
bool client_each_record(struct client *client, void (*each)(void *closure, const struct record *record), void *closure);

enum client_found { CLIENT_FOUND, CLIENT_ABSENT, CLIENT_FAILED };
/* Reads the record of an upload; FOUND: the caller clears it. FAILED: with a message on stderr. */
enum client_found client_get_record(const struct client *client, natsConnection *connection, const char *id, struct record *record);

/* Publishes an event and waits until it is stored. False: with a message on stderr. */
bool client_publish(const struct client *client, natsConnection *connection, const struct text *message);

#endif
