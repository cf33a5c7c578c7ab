/* SPDX-License-Identifier: Apache-2.0
 * The embedded broker's folder, STATE/broker (0700, files 0600):
 *
 *   owner       locked by the service that uses the folder; holds its process ID
 *   lock        locked by the service and by its nats-server, which inherits the descriptor: as long as either lives,
 *               nobody else opens the store
 *   nats.conf   written at each start of nats-server
 *   nats.log    what nats-server says; nats.log.1 is the one of the start before
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

#define BROKER_HOME_NONE {.path = NULL, .folder = -1, .owner = -1, .lock = -1}

/* Makes the folder and takes its locks; waits up to 15 s for the nats-server of a killed service to end. False: `why`
 * says what stands against it, and nothing is held. */
bool broker_home_open(struct broker_home *home, const char *state_dir, char *why, size_t size);

/* Gives the locks back. */
void broker_home_close(struct broker_home *home);

/* A port of 127.0.0.1 that nobody listens on. 0: none to be had. */
unsigned broker_port_choose(void);
/* True: nobody listens on this port of 127.0.0.1, and somebody could. */
bool broker_port_free(unsigned port);

/* True: there is some room left in its file system, or nobody knows. */
bool broker_home_has_room(const struct broker_home *home);

/* Writes nats.conf. False: errno says why. */
bool broker_home_configure(const struct broker_home *home, unsigned port, const char *username, const char *password);

/* A new nats.log for appending, the old one moved aside; the caller closes it. -1: errno says why. */
int broker_home_open_log(const struct broker_home *home);

/* What nats-server said last on its way out, "" if nothing of the kind. Returns text. */
char *broker_home_last_words(const struct broker_home *home, char *text, size_t size);

/* Tells the commands the address, or that there is none any more. False: errno says why. */
bool broker_home_publish(const struct broker_home *home, const struct broker_address *address);
void broker_home_withdraw(const struct broker_home *home);

#endif
