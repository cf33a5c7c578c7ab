/* SPDX-License-Identifier: Apache-2.0
 * Control groups, in a folder that has the files of the kernel. tests/packages has a real one. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/steps/cgroup.h"
#include "tests/harness/folder.h"
#include "tests/harness/suite.h"

static char mount[FOLDER_PATH_SIZE], why[256];
static char membership[FOLDER_PATH_SIZE + 32];
static int mkdir_error;

static const char *const files[] = {"cgroup.procs",    "cgroup.kill",      "cgroup.subtree_control", "memory.max",
                                    "memory.swap.max", "memory.oom.group", "memory.events"};

static void fill(int folder, const char *name)
{
	char path[128];
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", name, files[i]);
		int file = openat(folder, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		ck_assert_int_ge(file, 0);
		close(file);
	}
}

/* In place of the C library's: as in the kernel, a new group has its files. */
int mkdirat(int folder, const char *path, mode_t mode)
{
	if (mkdir_error != 0) {
		errno = mkdir_error;
		return -1;
	}
	int result = (int)syscall(SYS_mkdirat, folder, path, mode);
	if (result == 0)
		fill(folder, path);
	return result;
}

/* And they go with it. */
int unlinkat(int folder, const char *path, int flags)
{
	char file[128];
	for (size_t i = 0; (flags & AT_REMOVEDIR) != 0 && i < sizeof files / sizeof files[0]; i++) {
		snprintf(file, sizeof file, "%s/%s", path, files[i]);
		syscall(SYS_unlinkat, folder, file, 0);
	}
	return (int)syscall(SYS_unlinkat, folder, path, flags);
}

static void put(const char *name, const char *text)
{
	ck_assert(folder_write(mount, name, text, strlen(text)));
}

static const char *get(const char *name)
{
	static char text[256];
	return folder_read(mount, name, text, sizeof text) ? text : "(none)";
}

static const char *own_pid(void)
{
	static char pid[16];
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	return pid;
}

static void setup(void)
{
	char unit[FOLDER_PATH_SIZE + 32];
	ck_assert(folder_create(mount));
	snprintf(unit, sizeof unit, "%s/unit", mount);
	ck_assert_int_eq(mkdir(unit, 0700), 0);
	put("membership", "4:memory:/other\n0::/unit\n");
	snprintf(membership, sizeof membership, "%s/membership", mount);
	put("unit/cgroup.controllers", "cpu memory pids\n");
	put("unit/cgroup.procs", own_pid());
	put("unit/cgroup.subtree_control", "");
	mkdir_error = 0;
}

static void teardown(void)
{
	cgroups_leave();
	folder_remove(mount);
}

static void refuse(const char *reason)
{
	struct cgroup group;
	ck_assert(!cgroups_take(mount, membership, why, sizeof why));
	ck_assert_msg(strstr(why, reason) != NULL, "%s", why);
	ck_assert(!cgroup_create(&group, 1234, 1000));
	ck_assert_int_eq(group.folder, -1);
	ck_assert(!cgroup_end(&group));
}

START_TEST(groups_of_workers)
{
	struct cgroup group, other;
	ck_assert_msg(cgroups_take(mount, membership, why, sizeof why), "%s", why);
	ck_assert_str_eq(get("unit/service/cgroup.procs"), own_pid());
	ck_assert_str_eq(get("unit/cgroup.subtree_control"), "+memory");
	ck_assert(cgroup_create(&group, 1234, 268435456));
	ck_assert(cgroup_create(&other, 1235, 0));
	ck_assert_str_eq(get("unit/worker-1/cgroup.procs"), "1234");
	ck_assert_str_eq(get("unit/worker-1/memory.max"), "268435456");
	ck_assert_str_eq(get("unit/worker-1/memory.swap.max"), "0");
	ck_assert_str_eq(get("unit/worker-1/memory.oom.group"), "1");
	ck_assert_str_eq(get("unit/worker-2/memory.max"), "max");
	ck_assert_str_eq(get("unit/worker-1/cgroup.kill"), "");
	cgroup_kill(&group);
	ck_assert_str_eq(get("unit/worker-1/cgroup.kill"), "1");
	put("unit/worker-1/memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 3\n");
	ck_assert(!cgroup_end(&group));
	ck_assert_str_eq(get("unit/worker-1/cgroup.procs"), "(none)");
	put("unit/worker-2/memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\noom_group_kill 1\n");
	ck_assert(cgroup_end(&other));
	ck_assert(!cgroup_end(&other));
}
END_TEST

/* A process before this one was killed and has left some. */
START_TEST(groups_that_are_there)
{
	struct cgroup group;
	char folder[FOLDER_PATH_SIZE + 32];
	snprintf(folder, sizeof folder, "%s/unit/service", mount);
	ck_assert_int_eq(mkdirat(AT_FDCWD, folder, 0700), 0);
	snprintf(folder, sizeof folder, "%s/unit/worker-1", mount);
	ck_assert_int_eq(mkdirat(AT_FDCWD, folder, 0700), 0);
	ck_assert_msg(cgroups_take(mount, membership, why, sizeof why), "%s", why);
	ck_assert(cgroup_create(&group, 1234, 1000));
	ck_assert_str_eq(get("unit/worker-1/cgroup.procs"), "");
	ck_assert_str_eq(get("unit/worker-2/cgroup.procs"), "1234");
	cgroup_end(&group);
}
END_TEST

START_TEST(groups_that_are_not_ours)
{
	put("unit/cgroup.procs", "1\n2\n");
	refuse("has other processes");
	put("unit/cgroup.procs", own_pid());
	put("unit/cgroup.controllers", "cpu pids\n");
	refuse("no memory controller");
	put("unit/cgroup.controllers", "memory.more\n");
	refuse("no memory controller");
	put("unit/cgroup.controllers", "memory\n");
	mkdir_error = EACCES;
	refuse("not delegated to it: Permission denied");
	mkdir_error = 0;
	put("membership", "4:memory:/unit\n");
	refuse("no control group of version 2");
	put("membership", "0::/elsewhere\n");
	refuse("no control group of version 2");
	snprintf(membership, sizeof membership, "%s/nothing", mount);
	refuse("no control group of version 2");
}
END_TEST

/* The service stays where it was if it gets no memory controller below. */
START_TEST(no_controller_below)
{
	char path[FOLDER_PATH_SIZE + 64];
	snprintf(path, sizeof path, "%s/unit/cgroup.subtree_control", mount);
	ck_assert_int_eq(unlink(path), 0);
	put("unit/cgroup.procs", own_pid());
	refuse("not delegated to it: No such file or directory");
	ck_assert_str_eq(get("unit/cgroup.procs"), own_pid());
	ck_assert_str_eq(get("unit/service/cgroup.procs"), "(none)");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {groups_of_workers, groups_that_are_there, groups_that_are_not_ours,
	                              no_controller_below};
	return suite_run_with("cgroup", setup, teardown, tests, sizeof tests / sizeof tests[0], 60);
}
