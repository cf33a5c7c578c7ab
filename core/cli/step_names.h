/* SPDX-License-Identifier: Apache-2.0
 * The valid names of steps: those in the configuration, those in records, and "finished". For commands that take the
 * name of a step. */
#ifndef CORE_CLI_STEP_NAMES_H
#define CORE_CLI_STEP_NAMES_H

#include <stdbool.h>

#include "core/config/config.h"
#include "core/upload/record.h"

/* The maximum number of names remembered. Beyond it, only the wanted name is recognised. */
#define STEP_NAMES_LIMIT 64

struct step_names {
	const struct config *config;
	const char *wanted;
	bool known;                   /* the wanted one exists */
	char *name[STEP_NAMES_LIMIT]; /* from records */
	size_t count;
};

/* Borrows both. `wanted` NULL: no name is wanted. */
void step_names_init(struct step_names *names, const struct config *config, const char *wanted);
void step_names_free(struct step_names *names);

void step_names_note(struct step_names *names, const struct record *record);

/* Whether the wanted step exists. False: a message on stderr lists the existing steps. Call this after noting all
 * records. */
bool step_names_check(const struct step_names *names);

#endif
