/* SPDX-License-Identifier: Apache-2.0
 * The resource usage of a process, from /proc. */
#ifndef CORE_BASE_PROCESS_USAGE_H
#define CORE_BASE_PROCESS_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_usage {
	double cpu;           /* seconds, user and system */
	uint64_t resident;    /* bytes */
	uint64_t peak;        /* the maximum of `resident` since the start, or since 5 was written to clear_refs */
	unsigned descriptors; /* open files; 0: not readable */
};

/* False: there is no such process. */
bool process_usage_read(pid_t pid, struct process_usage *usage);

/* The private memory of a process and of all that it has started, in bytes; 0: there is no such process. */
int64_t process_private_memory(pid_t pid);

#endif
