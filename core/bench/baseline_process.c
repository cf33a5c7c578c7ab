/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/bench/baseline.h"

bool bench_baseline_start(struct bench_baseline *baseline, const char *config_path, const struct config *config)
{
	char parent[16], local[16], remote[16];
	unsigned remotes = 0;
	for (size_t i = 0; i < config->step_count; i++)
		remotes += strcmp(config->step[i].module, "remote") == 0;
	snprintf(parent, sizeof parent, "%ld", (long)getpid());
	snprintf(local, sizeof local, "%zu", config->step_count - remotes);
	snprintf(remote, sizeof remote, "%u", remotes);
	const char *argv[] = {"postprocessing-bench",
	                      BENCH_BASELINE_ARGUMENT,
	                      parent,
	                      config_path != NULL ? config_path : "",
	                      local,
	                      remote,
	                      NULL};
	int error = posix_spawn(&baseline->pid, "/proc/self/exe", NULL, NULL, (char *const *)argv, environ);
	if (error == 0)
		return true;
	fprintf(stderr, "cannot start the process of the floor: %s\n", strerror(error));
	baseline->pid = 0;
	return false;
}

void bench_baseline_end(struct bench_baseline *baseline)
{
	if (baseline->pid == 0)
		return;
	kill(baseline->pid, SIGKILL);
	while (waitpid(baseline->pid, NULL, 0) < 0 && errno == EINTR)
		;
	baseline->pid = 0;
}
