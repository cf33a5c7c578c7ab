/* SPDX-License-Identifier: Apache-2.0
 * The embedded broker's folder, STATE/broker (0700, files 0600):
 *
 *   owner       locked by the service that uses the folder; contains its process ID
 *   lock        locked by the service and by its nats-server, which inherits the descriptor: while either is alive, no
 *               other service opens the store
 *   nats.conf   written at each start of nats-server
 *   nats.log    the log of nats-server; nats.log.1 is that of the previous start
 *   endpoint    JSON: how the commands reach the broker
 *   jetstream/  nats-server's store */
#ifndef CORE_BROKER_BROKER_HOME_H
#define CORE_BROKER_BROKER_HOME_H

#include <stdbool.h>
#include <stddef.h>

#include "core/config/config.h"

struct broker_home {
	char *path; /* absolute */
	int folder;
	int owner;
	int lock;
};

#define BROKER_HOME_NONE \
	{ \
		.path = NULL, .folder = -1, .owner = -1, .lock = -1 \
	}

/* Creates the folder and takes its locks. Waits up to 15 s for the nats-server of a killed service to end. False:
 * failed; `why` has the reason, and no lock is held. */
bool broker_home_open(struct broker_home *home, const char *state_dir, char *why, size_t size);

/* Releases the locks. */
void broker_home_close(struct broker_home *home);

/* A free port on 127.0.0.1 other than `former`. 0: none available. */
unsigned broker_port_choose(unsigned former);
/* Whether this port of 127.0.0.1 is free and can be used. */
bool broker_port_free(unsigned port);

/* True: there is room left in the file system, or this is unknown. */
bool broker_home_has_room(const struct broker_home *home);

/* Writes nats.conf. False: failed; errno has the reason. */
bool broker_home_configure(const struct broker_home *home, unsigned port, const char *username, const char *password);

/* Moves the old nats.log aside and opens a new one for appending; the caller closes it. -1: failed; errno has the
 * reason. */
int broker_home_open_log(const struct broker_home *home);

/* The last fatal message of nats-server before it exited; "" if there is none. Returns text. */
char *broker_home_last_words(const struct broker_home *home, char *text, size_t size);

/* Publishes the address to the commands, or withdraws it. False: failed; errno has the reason. */
bool broker_home_publish(const struct broker_home *home, const struct broker_address *address);
void broker_home_withdraw(const struct broker_home *home);

#endif
