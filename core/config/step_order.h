/* SPDX-License-Identifier: Apache-2.0
 * Internal to the configuration: the order of the steps. It begins with the list `steps`; a step can also be enabled by
 * the key `enable` of its own section, so that a package or an administrator needs to change no other file. */
#ifndef CORE_CONFIG_STEP_ORDER_H
#define CORE_CONFIG_STEP_ORDER_H

#include "core/config/config_source.h"

#define STEPS_MAX 64

/* The names in order, each with the place that says it, and room for those that run though they are not listed. */
struct step_order {
	struct {
		const char *name, *place;
	} step[STEPS_MAX + 8];
	size_t count;
};

/* Returns the place of a step in the order; count: it is not there. */
size_t step_order_find(const struct step_order *order, const char *name);
void step_order_insert(struct step_order *order, size_t at, const char *name, const char *place);

/* Adds the steps that their sections enable: first, last, after STEP or before STEP. Steps at the same place are in the
 * order of their names. What contradicts the order, or names a step that does not run, is a problem. The names are
 * borrowed from the source. */
void step_order_enable(struct step_order *order, const struct config_source *source, struct problems *problems);

#endif
