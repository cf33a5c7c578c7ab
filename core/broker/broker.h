/* SPDX-License-Identifier: Apache-2.0
 * The embedded broker ([events] endpoint = embedded): a private nats-server as a child of the service.
 *
 * It uses the folder STATE/broker, listens on 127.0.0.1 only, and requires a random password. A child that dies, or
 * that runs but accepts no more data, is restarted on the same store. Each start uses a new port and password, so a
 * process that listens on the port of a dead child learns nothing useful. The child ends with the service, even if the
 * service is killed; the next service then waits until the store is free. */
#ifndef CORE_BROKER_BROKER_H
#define CORE_BROKER_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/log.h"
#include "core/broker/broker_health.h"
#include "core/config/config.h"

struct broker;

/* Returns when JetStream is ready. This takes a while if the store is large, or if an earlier service is still
 * stopping. The log is borrowed. NULL: failed; `why` has the reason. */
struct broker *broker_start(const char *state_dir, const struct log *log, char *why, size_t size);

/* The address of the broker. It changes with each start of the child, under the address' lock. */
const struct broker_address *broker_address(const struct broker *broker);

/* Reports the writes to the broker and whether they were answered. */
void broker_set_unanswered(struct broker *broker, const struct unanswered *writes);

/* How often the child was restarted. */
uint64_t broker_restarts(const struct broker *broker);

/* Stops the child with SIGTERM, and with SIGKILL after 10 s. NULL is allowed. */
void broker_stop(struct broker *broker);

/* For the commands: reads the address of the broker of the service that uses this state folder. True: the caller
 * releases the address with broker_endpoint_free(). False: failed; `why` has the reason. A killed service leaves its
 * address behind; then connections to it fail. */
bool broker_endpoint_read(const char *state_dir, struct broker_address *address, char *why, size_t size);
void broker_endpoint_free(struct broker_address *address);

#endif
