/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/steps/worker_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOBODY 65534

const struct worker_launch *worker_fixture(void)
{
	static struct worker_launch launch = {.program = -1, .uid = NOBODY, .gid = NOBODY, .level = LOG_DEBUG};
	launch.own_user = geteuid() == 0;
	if (launch.program < 0)
		worker_launch_open(&launch, WORKER);
	if (launch.program < 0) {
		fprintf(stderr, "%s\n", launch.why);
		abort();
	}
	return &launch;
}
