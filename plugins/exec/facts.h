/* SPDX-License-Identifier: Apache-2.0
 * The environment of a command, and the upload as a file for it. */
#ifndef PLUGINS_EXEC_FACTS_H
#define PLUGINS_EXEC_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "postprocessing/step.h"

struct facts {
	char *room; /* holds all of them */
	char *variable[24];
	size_t count, used, size;
	bool failed; /* out of memory */
};

/* PATH and the like, and the facts of the upload. `file`: there is one. False: out of memory. */
bool facts_make(struct facts *facts, const struct pp_host *host, struct pp_run *run, const char *step, bool file);
void facts_free(struct facts *facts);

/* A descriptor of the upload's bytes, which nobody can change. -1: why[size] has the reason. */
int facts_file(const struct pp_host *host, struct pp_run *run, char *why, size_t size);

#endif
