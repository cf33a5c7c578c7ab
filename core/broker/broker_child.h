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

/* Finds nats-server: POSTPROCESSING_NATS_SERVER if set, else PATH, else the usual folders. The caller frees the path.
 * NULL: `why` says what to install or to set. */
char *broker_child_find(char *why, size_t size);

/* Starts it in a process group of its own. It is sent SIGTERM when the calling thread ends, so that thread has to
 * outlive it. Of the descriptors it is given `log` as its output, and `lock` as it is. False: errno says why. */
bool broker_child_start(struct broker_child *child, const char *program, const char *conf, int log, int lock);

#define CHILD_STATUS_SIZE 64
/* Ends it, if it has not ended by itself: SIGTERM, and SIGKILL after `limit`. Puts how it ended into words. */
void broker_child_end(struct broker_child *child, nanos limit, char status[CHILD_STATUS_SIZE]);

#endif
