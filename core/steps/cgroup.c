/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SERVICE "service"
#define WORKER "worker-%u"
#define NAME_SIZE 32
/* How often to try to remove a group: its processes end a little after they were killed. */
#define ROUNDS 200
#define PAUSE 1000000 /* nanoseconds */

static atomic_int own = -1; /* the folder of the service's own group */
static atomic_uint last;    /* number of a group */

static bool write_file(int folder, const char *name, const char *text)
{
	int file = openat(folder, name, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	ssize_t written = write(file, text, strlen(text));
	int reason = errno;
	close(file);
	errno = reason;
	return written == (ssize_t)strlen(text);
}

/* False: the file cannot be read, or does not fit. */
static bool read_file(int folder, const char *name, char *text, size_t size)
{
	int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t length = file >= 0 ? read(file, text, size) : -1;
	if (file >= 0)
		close(file);
	if (length < 0 || (size_t)length == size)
		return false;
	text[length] = '\0';
	return true;
}

/* Opens the folder of this process' group. -1: there is none. */
static int open_own(const char *mount, const char *membership)
{
	char line[PATH_MAX], path[2 * PATH_MAX];
	int folder = -1;
	FILE *file = fopen(membership, "re");
	while (file != NULL && folder < 0 && fgets(line, sizeof line, file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		snprintf(path, sizeof path, "%s%s", mount, line + 3);
		folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (file != NULL)
		fclose(file);
	return folder;
}

static bool has_memory(int folder)
{
	char text[1024] = " ";
	if (!read_file(folder, "cgroup.controllers", text + 1, sizeof text - 1))
		return false;
	text[strcspn(text, "\n")] = ' ';
	return strstr(text, " memory ") != NULL;
}

static bool is_alone(int folder)
{
	char text[64];
	int pid, end = 0;
	return read_file(folder, "cgroup.procs", text, sizeof text) && sscanf(text, "%d %n", &pid, &end) == 1 &&
	       text[end] == '\0' && pid == getpid();
}

/* Into a group below it, and back if that is of no use. */
static bool move_down(int folder)
{
	char pid[16];
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	if (mkdirat(folder, SERVICE, 0755) != 0 && errno != EEXIST)
		return false;
	if (!write_file(folder, SERVICE "/cgroup.procs", pid))
		return false;
	if (write_file(folder, "cgroup.subtree_control", "+memory"))
		return true;
	int reason = errno;
	write_file(folder, "cgroup.procs", pid);
	unlinkat(folder, SERVICE, AT_REMOVEDIR);
	errno = reason;
	return false;
}

bool cgroups_take(const char *mount, const char *membership, char *why, size_t size)
{
	int folder = open_own(mount, membership);
	if (folder < 0) {
		snprintf(why, size, "there is no control group of version 2");
	} else if (!has_memory(folder)) {
		snprintf(why, size, "the service's control group has no memory controller");
	} else if (!is_alone(folder)) {
		snprintf(why, size, "the service's control group has other processes");
	} else if (!move_down(folder)) {
		snprintf(why, size, "the service's control group is not delegated to it: %s", strerror(errno));
	} else {
		atomic_store(&own, folder);
		return true;
	}
	if (folder >= 0)
		close(folder);
	return false;
}

void cgroups_leave(void)
{
	int folder = atomic_exchange(&own, -1);
	if (folder >= 0)
		close(folder);
}

static void remove_group(const struct cgroup *group)
{
	char name[NAME_SIZE];
	snprintf(name, sizeof name, WORKER, group->number);
	const struct timespec pause = {0, PAUSE};
	for (int round = 0; round < ROUNDS && unlinkat(own, name, AT_REMOVEDIR) != 0 && errno == EBUSY; round++)
		nanosleep(&pause, NULL);
}

/* A group that a process before this one has left counts as taken. */
static bool make_group(struct cgroup *group)
{
	char name[NAME_SIZE];
	do {
		group->number = atomic_fetch_add(&last, 1) + 1;
		snprintf(name, sizeof name, WORKER, group->number);
		if (mkdirat(own, name, 0755) == 0) {
			group->folder = openat(own, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			return group->folder >= 0;
		}
	} while (errno == EEXIST);
	return false;
}

bool cgroup_create(struct cgroup *group, pid_t process, int64_t memory)
{
	char limit[32] = "max", pid[16];
	*group = CGROUP_NONE;
	if (atomic_load(&own) < 0 || !make_group(group))
		return false;
	if (memory > 0)
		snprintf(limit, sizeof limit, "%" PRId64, memory);
	snprintf(pid, sizeof pid, "%d", (int)process);
	/* Where there is no swap, there is no such file. */
	write_file(group->folder, "memory.swap.max", "0");
	write_file(group->folder, "memory.oom.group", "1");
	if (write_file(group->folder, "memory.max", limit) && write_file(group->folder, "cgroup.procs", pid))
		return true;
	cgroup_end(group);
	return false;
}

void cgroup_kill(const struct cgroup *group)
{
	if (group->folder >= 0)
		write_file(group->folder, "cgroup.kill", "1");
}

bool cgroup_end(struct cgroup *group)
{
	char events[1024];
	unsigned long long killed = 0;
	if (group->folder < 0)
		return false;
	const char *count =
		read_file(group->folder, "memory.events", events, sizeof events) ? strstr(events, "oom_kill ") : NULL;
	if (count != NULL)
		sscanf(count, "oom_kill %llu", &killed);
	cgroup_kill(group);
	remove_group(group);
	close(group->folder);
	*group = CGROUP_NONE;
	return killed > 0;
}
