/* SPDX-License-Identifier: Apache-2.0
 * Control groups (version 2): where the service's own group is delegated to it, each worker process runs in a group of
 * its own. The group limits the memory of the process and of the programs that it has started, all together, and ends
 * them together.
 *
 * A group with processes in it can have no groups with limits below it, so the service moves itself into a group
 * `service` first. What is known of the groups is global, as they are those of the whole process: of workers of the
 * pools, of checks and of trials, started by several threads. */
#ifndef CORE_STEPS_CGROUP_H
#define CORE_STEPS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_MOUNT "/sys/fs/cgroup"
#define CGROUP_MEMBERSHIP "/proc/self/cgroup"

/* Takes the group of this process, if it may be changed and has no other process. To be called before any worker is
 * started. The files are CGROUP_MOUNT and CGROUP_MEMBERSHIP, but for tests. False: why[size] has the reason, and
 * workers get no groups. */
bool cgroups_take(const char *mount, const char *membership, char *why, size_t size);
/* For tests: workers get no groups any more. */
void cgroups_leave(void);

/* The group of one worker. */
struct cgroup {
	int folder; /* -1: it has none */
	unsigned number;
};
#define CGROUP_NONE ((struct cgroup){-1, 0})

/* Makes a group for this process and its memory, and moves it there. False: it has no group. */
bool cgroup_create(struct cgroup *group, pid_t process, int64_t memory);

/* Kills all processes of the group. */
void cgroup_kill(const struct cgroup *group);

/* Removes the group once its first process has been waited for. True: a process of it was killed as the group had used
 * up its memory. */
bool cgroup_end(struct cgroup *group);

#endif
