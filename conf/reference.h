/* SPDX-License-Identifier: Apache-2.0
 * The documentation of all keys, made of the tables that the program itself reads by. */
#ifndef CONF_REFERENCE_H
#define CONF_REFERENCE_H

#include "core/base/text.h"
#include "postprocessing/step.h"

/* A step of the documentation: `name` is the step's and its module's. */
struct reference_step {
	const char *name;
	const struct pp_key *keys; /* the module's; NULL: none */
	size_t key_size;
	const char *summary;
};

/* Adds the sections of the example configuration, each key with its help and, behind a ;, its default. The steps'
 * general keys are shown in the first step. `step` ends with one without name. */
void reference_add_ini(struct text *text, const struct reference_step *step);

/* Adds the same as man(7) source: a subsection for each section. */
void reference_add_man(struct text *text, const struct reference_step *step);

#endif
