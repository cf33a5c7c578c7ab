/* SPDX-License-Identifier: Apache-2.0
 * The process of the embedded broker. */
#ifndef CORE_BROKER_BROKER_CHILD_H
#define CORE_BROKER_BROKER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/clock.h"

struct broker_child {
	pid_t pid;
	int pidfd; /* readable once it has ended */
};

/* Finds nats-server: POSTPROCESSING_NATS_SERVER if set, else in PATH, else in the usual folders. The caller frees the
 * path. NULL: not found; `why` says what to install or to set. */
char *broker_child_find(char *why, size_t size);

/* Starts the child in its own process group. It gets SIGTERM when the calling thread ends, so that thread must outlive
 * it. The child inherits `log` as its output, and `lock` under the same number. False: failed; errno has the reason. */
bool broker_child_start(struct broker_child *child, const char *program, const char *conf, int log, int lock);

#define CHILD_STATUS_SIZE 64
/* Stops the child if it is still running, with SIGTERM, and with SIGKILL after `limit`. `status`: how it ended, for
 * people. */
void broker_child_end(struct broker_child *child, nanos limit, char status[CHILD_STATUS_SIZE]);

#endif
