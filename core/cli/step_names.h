/* SPDX-License-Identifier: Apache-2.0
 * The names of steps that there are: those of the configuration, those that records have, and "finished". For commands that
 * are given one. */
#ifndef CORE_CLI_STEP_NAMES_H
#define CORE_CLI_STEP_NAMES_H

#include <stdbool.h>

#include "core/config/config.h"
#include "core/upload/record.h"

/* More than these are not remembered, only whether the wanted one is among them. */
#define STEP_NAMES_LIMIT 64

struct step_names {
	const struct config *config;
	const char *wanted;
	bool known;                     /* the wanted one exists */
	char *name[STEP_NAMES_LIMIT];   /* of records */
	size_t count;
};

/* Borrows both; `wanted` NULL: nothing is wanted. */
void step_names_init(struct step_names *names, const struct config *config, const char *wanted);
void step_names_free(struct step_names *names);

void step_names_note(struct step_names *names, const struct record *record);

/* Is there a step of the wanted name? False: with a message on stderr that names those there are. To be asked after all records
 * were noted. */
bool step_names_check(const struct step_names *names);

#endif
