/* SPDX-License-Identifier: Apache-2.0
 * What a process uses, as /proc tells it. */
#ifndef TESTS_HARNESS_USAGE_H
#define TESTS_HARNESS_USAGE_H

#include <stdbool.h>
#include <sys/types.h>

struct usage {
	double cpu;           /* seconds, user and system */
	double resident;      /* MB (10^6 bytes) */
	unsigned descriptors; /* open */
};

/* False: there is no such process. */
bool usage_read(pid_t pid, struct usage *usage);

#endif
