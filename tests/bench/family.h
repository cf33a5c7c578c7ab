/* SPDX-License-Identifier: Apache-2.0
 * What a process and its children use together, such as the service with its worker processes. From /proc. */
#ifndef TESTS_BENCH_FAMILY_H
#define TESTS_BENCH_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct family {
	size_t count;    /* of processes */
	double cpu;      /* seconds, user and system */
	double resident; /* bytes */
	double private;  /* those that no other process shares */
	double peak;     /* sum of the processes' maxima of resident memory, bytes */
};

/* False: they cannot be read, with the reason on stderr. Worker processes can be read by root only. */
bool family_read(pid_t parent, struct family *family);

/* From now on, `peak` counts from the present use. False: failed. */
bool family_forget_peak(pid_t parent);

#endif
