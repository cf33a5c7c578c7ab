/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/orphans.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/children.h"

/* How often to look again: the children of one that was killed become ours only then. */
#define ROUNDS 50
#define PAUSE 1000000 /* nanoseconds */

static struct {
	pthread_mutex_t lock;
	pid_t *pid;
	size_t count, room;
} workers = {.lock = PTHREAD_MUTEX_INITIALIZER};

void orphans_adopt(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void orphans_note_worker(pid_t pid)
{
	pthread_mutex_lock(&workers.lock);
	if (workers.count == workers.room) {
		size_t room = workers.room == 0 ? 64 : workers.room * 2;
		pid_t *grown = alloc_zeroed(room, sizeof *grown);
		if (workers.count > 0)
			memcpy(grown, workers.pid, workers.count * sizeof *grown);
		free(workers.pid);
		workers.pid = grown;
		workers.room = room;
	}
	workers.pid[workers.count++] = pid;
	pthread_mutex_unlock(&workers.lock);
}

void orphans_forget_worker(pid_t pid)
{
	pthread_mutex_lock(&workers.lock);
	for (size_t i = 0; i < workers.count; i++)
		if (workers.pid[i] == pid) {
			workers.pid[i] = workers.pid[--workers.count];
			break;
		}
	if (workers.count == 0) {
		free(workers.pid);
		workers.pid = NULL;
		workers.room = 0;
	}
	pthread_mutex_unlock(&workers.lock);
}

static bool is_worker(pid_t pid)
{
	bool found = false;
	pthread_mutex_lock(&workers.lock);
	for (size_t i = 0; i < workers.count; i++)
		found = found || workers.pid[i] == pid;
	pthread_mutex_unlock(&workers.lock);
	return found;
}

/* How many seccomp filters a process has; 0: not known. */
static unsigned filters_of(const char *process)
{
	char path[64], line[256];
	unsigned filters = 0;
	snprintf(path, sizeof path, "/proc/%s/status", process);
	FILE *file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "Seccomp_filters: %u", &filters) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return filters;
}

struct search {
	unsigned own; /* filters of this process */
	bool found;
};

static void end_orphan(void *closure, pid_t child)
{
	struct search *search = closure;
	char process[16];
	snprintf(process, sizeof process, "%d", (int)child);
	if (is_worker(child) || filters_of(process) <= search->own)
		return;
	search->found = true;
	kill(child, SIGKILL);
	waitpid(child, NULL, WNOHANG);
}

void orphans_end(void)
{
	const struct timespec pause = {0, PAUSE};
	struct search search = {.own = filters_of("self"), .found = true};
	for (int round = 0; search.found && round < ROUNDS; round++) {
		search.found = false;
		children_each(end_orphan, &search);
		if (search.found)
			nanosleep(&pause, NULL);
	}
}
