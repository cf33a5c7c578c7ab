/* SPDX-License-Identifier: Apache-2.0
 * Aborts each upload. The reason shows the signals and descriptors with which a program that it starts begins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/modules/fixture.h"

static int create(const struct pp_host *host, struct pp_setup *setup, void **instance)
{
	(void)setup;
	*instance = calloc(1, sizeof host);
	if (*instance == NULL)
		return -1;
	memcpy(*instance, &host, sizeof host);
	return 0;
}

/* Without the signals 32 and 33, which belong to the C library; and the number of inherited TCP connections. */
static const char program[] =
	"sed -n 's/^\\(SigBlk\\|SigIgn\\):\t/\\1 /p' /proc/self/status | sed 's/00180000000$/00000000000/' | tr '\\n' ' '\n"
	"connections=0\n"
	"for inode in $(ls -l /proc/$$/fd | sed -n 's/.*socket:.\\([0-9]*\\).*/\\1/p'); do\n"
	"	if grep -q \" $inode \" /proc/net/tcp /proc/net/tcp6; then connections=$((connections + 1)); fi\n"
	"done\n"
	"echo $connections connections\n";

static uint32_t run(void *instance, struct pp_run *run)
{
	const struct pp_host *host = *(const struct pp_host **)instance;
	char text[512];
	FILE *child = popen(program, "re");
	if (child == NULL)
		return PP_RETRY;
	size_t length = fread(text, 1, sizeof text - 1, child);
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (pclose(child) != 0)
		return PP_RETRY;
	host->set_reason(run, "%s", text);
	return PP_ABORT;
}

PP_STEP_EXPORT const struct pp_step_module pp_step_module = {PP_STEP_HEAD, .name = "spawns", .create = create,
                                                             .run = run, .destroy = free};
