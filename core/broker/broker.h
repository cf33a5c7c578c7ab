/* SPDX-License-Identifier: Apache-2.0
 * The embedded broker ([events] endpoint = embedded): a private nats-server as a child of the service.
 *
 * It lives in STATE/broker, listens on 127.0.0.1 only, and asks for a random password. A child that dies is started again, on
 * the same store, for as long as the service runs, and so is one that runs and takes nothing more. Each start has a port and a
 * password of its own: whoever listens on the port of a child that has ended is told nothing that is of use. It ends with
 * the service, even with one that was killed; the next service then waits until the store is really free. */
#ifndef CORE_BROKER_BROKER_H
#define CORE_BROKER_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/broker/broker_health.h"
#include "core/config/config.h"
#include "core/base/log.h"

struct broker;

/* Returns once JetStream is ready; that takes a while if an earlier service has left much or is only just ending. The
 * log is borrowed. NULL: `why` says what stands against it. */
struct broker *broker_start(const char *state_dir, const struct log *log, char *why, size_t size);

/* How to reach it. What it says changes with each start of the child, under its lock. */
const struct broker_address *broker_address(const struct broker *broker);

/* What was written to it, and whether it took it. */
void broker_set_unanswered(struct broker *broker, const struct unanswered *writes);

/* How often the child was started again. */
uint64_t broker_restarts(const struct broker *broker);

/* The child's process ID; 0: none runs at this moment. */
pid_t broker_pid(const struct broker *broker);

/* Ends the child: SIGTERM, after 10 s SIGKILL. NULL is allowed. */
void broker_stop(struct broker *broker);

/* For the commands beside the service: how to reach the broker of the service that runs on this state folder. False:
 * `why` says why not. After true, broker_endpoint_free() is the caller's. A service that was killed leaves its
 * address behind: then nobody answers there. */
bool broker_endpoint_read(const char *state_dir, struct broker_address *address, char *why, size_t size);
void broker_endpoint_free(struct broker_address *address);

#endif
