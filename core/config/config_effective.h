/* SPDX-License-Identifier: Apache-2.0
 * The value of each key that is in effect, and its origin. */
#ifndef CORE_CONFIG_CONFIG_EFFECTIVE_H
#define CORE_CONFIG_CONFIG_EFFECTIVE_H

#include "core/config/config.h"

/* The source of a value; a derived value follows from another key, or from the system. */
enum value_source { VALUE_DEFAULT, VALUE_FILE, VALUE_VARIABLE, VALUE_DERIVED };

struct config_value {
	const char *section; /* the full name */
	const char *key;
	const char *value; /* NULL: unset, or a secret */
	bool secret;       /* set, but must not be shown */
	enum value_source source;
	const char *origin; /* for people: "FILE:LINE", the variable's name, "default", or the source of a derived value */
};

typedef void config_value_each(void *closure, const struct config_value *value);

/* Calls `each` with every key of the service's own sections. If the value of a key is invalid, its default is shown.
 * All strings are valid only during the call. */
void config_each_value(const struct config *config, config_value_each *each, void *closure);

/* The same for the keys that every step has, followed by those of the step's module. A NULL setup means that the module
 * is refused; its keys are then shown as they are set. */
void config_each_step_value(const struct config *config, const struct step_config *step, const struct step_setup *setup,
                            config_value_each *each, void *closure);

#endif
