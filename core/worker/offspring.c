/* SPDX-License-Identifier: Apache-2.0 */
#include "core/worker/offspring.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/children.h"

/* Programs that start others as fast as they are killed lose within a few rounds, or the service ends this process. */
#define ROUNDS 1000
#define PAUSE 1000000 /* nanoseconds */

void offspring_adopt(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void end_child(void *closure, pid_t child)
{
	(void)closure;
	kill(child, SIGKILL);
}

void offspring_end(void)
{
	const struct timespec pause = {0, PAUSE};
	for (int round = 0; round < ROUNDS; round++) {
		pid_t ended;
		while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (ended < 0 && errno == ECHILD)
			return;
		children_each(end_child, NULL);
		nanosleep(&pause, NULL);
	}
	/* What is left is the service's to end. */
	_Exit(EXIT_FAILURE);
}
