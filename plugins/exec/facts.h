/* SPDX-License-Identifier: Apache-2.0
 * The environment of a command. */
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

#endif
