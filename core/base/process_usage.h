/* SPDX-License-Identifier: Apache-2.0
 * What a process uses, as /proc tells it. */
#ifndef CORE_BASE_PROCESS_USAGE_H
#define CORE_BASE_PROCESS_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_usage {
	double cpu;           /* seconds, user and system */
	uint64_t resident;    /* bytes */
	uint64_t peak;        /* of resident since the start, or since process_usage_forget_peak() */
	unsigned descriptors; /* open files; 0: they may not be seen */
};

/* False: there is no such process. */
bool process_usage_read(pid_t pid, struct process_usage *usage);

/* The peak is what is resident now. */
bool process_usage_forget_peak(pid_t pid);

#endif
