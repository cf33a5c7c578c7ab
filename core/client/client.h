/* SPDX-License-Identifier: Apache-2.0
 * Shared by the commands that work with a running service: the configuration, and a connection to the service's
 * broker. */
#ifndef CORE_CLIENT_CLIENT_H
#define CORE_CLIENT_CLIENT_H

#include <nats/nats.h>

#include "core/config/config.h"
#include "core/jetstream/store.h"

struct client {
	struct config *config;
	struct broker_address embedded;      /* of the service's own broker, when it has one */
	const struct broker_address *events; /* the broker of the events */
	const struct broker_address *records;
	struct log log; /* to stderr, warnings and errors */
	struct store store;
};

/* Reads the configuration (path NULL: the default place) and finds the brokers. False: failed, with messages on stderr,
 * and nothing needs to be closed. */
bool client_open(struct client *client, const char *path);
void client_close(struct client *client);

/* Checks whether the service has restarted its embedded broker, which then has a new address. True: it has; `client`
 * has the new address, and connections to the old one are useless. */
bool client_relocate(struct client *client);

/* Connects to one of the brokers. NULL: failed, with a message on stderr unless it is to be quiet. */
natsConnection *client_connect(const struct client *client, const struct broker_address *address, bool quietly);

/* Calls `each` with every record of the bucket, in no particular order. False: failed, with a message on stderr. */
bool client_each_record(struct client *client, void (*each)(void *closure, const struct record *record), void *closure);

enum client_found { CLIENT_FOUND, CLIENT_ABSENT, CLIENT_FAILED };
/* Reads the record of an upload. FOUND: the caller clears it. FAILED: there is a message on stderr. */
enum client_found client_get_record(const struct client *client, natsConnection *connection, const char *id,
                                    struct record *record);

/* Publishes an event and waits until it is stored. False: failed, with a message on stderr. */
bool client_publish(const struct client *client, natsConnection *connection, const struct text *message);

#endif
