/* SPDX-License-Identifier: Apache-2.0
 * Which value of each key counts, and where it comes from. */
#ifndef CORE_CONFIG_CONFIG_EFFECTIVE_H
#define CORE_CONFIG_CONFIG_EFFECTIVE_H

#include "core/config/config.h"

/* Where a value comes from; a derived one follows from another key, or from the system. */
enum value_source { VALUE_DEFAULT, VALUE_FILE, VALUE_VARIABLE, VALUE_DERIVED };

struct config_value {
	const char *section; /* the full name */
	const char *key;
	const char *value;   /* NULL: unset, or a secret */
	bool secret;         /* set, and not to be shown */
	enum value_source source;
	const char *origin;  /* for people: "FILE:LINE", the variable's name, "default", or what it follows from */
};

typedef void config_value_each(void *closure, const struct config_value *value);

/* Calls `each` with every key of the service's own sections. Of a configuration with problems, a key whose value is wrong is
 * shown with what counts instead. All strings live during the call alone. */
void config_each_value(const struct config *config, config_value_each *each, void *closure);

/* The same for the keys that every step has; then for those of the step's module, whose setup may be NULL: the module is refused,
 * and the keys that are set are shown as they stand. */
void config_each_step_value(const struct config *config, const struct step_config *step, const struct pp_setup *setup,
                            config_value_each *each, void *closure);

#endif
