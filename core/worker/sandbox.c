/* SPDX-License-Identifier: Apache-2.0 */
#include "core/worker/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/worker/offspring.h"
#include "core/worker/sandbox_private.h"

#define DESCRIPTORS_LIMIT 256
/* Threads and processes of the worker's user, all together. */
#define TASKS_LIMIT 4096

static void limit(int which, rlim_t most)
{
	struct rlimit limits;
	/* A limit that is lower already stays. */
	if (getrlimit((__rlimit_resource_t)which, &limits) != 0 ||
	    (limits.rlim_max != RLIM_INFINITY && limits.rlim_max < most))
		return;
	limits.rlim_cur = limits.rlim_max = most;
	setrlimit((__rlimit_resource_t)which, &limits);
}

static void limit_resources(const struct start_message *start)
{
	rlim_t memory = (rlim_t)start->memory_limit;
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, DESCRIPTORS_LIMIT);
	limit(RLIMIT_MSGQUEUE, 0);
	limit(RLIMIT_NPROC, TASKS_LIMIT);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* Their own memory is many times that. */
	if (memory > 0 && !start->grouped)
		limit(RLIMIT_DATA, memory);
	if (memory > 0)
		limit(RLIMIT_FSIZE, memory);
#else
	(void)memory;
#endif
}

static bool take_user(const struct start_message *start, char *why, size_t size)
{
	if (!start->own_user)
		return true;
	if (setgroups(0, NULL) == 0 && setresgid(start->gid, start->gid, start->gid) == 0 &&
	    setresuid(start->uid, start->uid, start->uid) == 0)
		return true;
	snprintf(why, size, "worker_user: cannot become user %u: %s", (unsigned)start->uid, strerror(errno));
	return false;
}

bool sandbox_enter(const struct start_message *start, struct text *missing, char *why, size_t size)
{
	bool files = false;
	setsid();
	if ((start->grants & GRANT_EXEC) != 0)
		offspring_adopt();
	limit_resources(start);
	if (!take_user(start, why, size))
		return false;
	/* After the change of the user, which resets both. */
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		snprintf(why, size, "cannot give up new privileges: %s", strerror(errno));
		return false;
	}
	if (!files_restrict(start, &files, why, size))
		return false;
	if (!files && start->scratch != NULL) {
		snprintf(why, size, "temporary files (allow = files) need Landlock, which is not available");
		return false;
	}
	if (!files)
		text_add(missing, "Landlock");
	if (start->scratch != NULL)
		setenv("TMPDIR", start->scratch, 1);
	return calls_restrict(start, !files, why, size);
}
