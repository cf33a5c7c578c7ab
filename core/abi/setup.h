/* SPDX-License-Identifier: Apache-2.0
 * What create() of a module sees: the name of its step and the checked values of its keys. The configuration fills it
 * in (config/step_setup.c); a worker process gets a copy of it. */
#ifndef CORE_ABI_SETUP_H
#define CORE_ABI_SETUP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/log.h"

/* The maximum number of items of a list. */
#define SETUP_ITEMS_MAX 64

struct setup_value {
	const char *key;
	const char *text;        /* NULL: unset */
	int64_t number;          /* 0 for types that have none */
	const char *const *item; /* PP_KEY_LIST: `number` of them; else NULL */
};

struct pp_setup {
	const char *step;
	const struct setup_value *value;
	size_t count;
	/* What is wrong with a key (NULL: with the step as a whole). */
	void (*reject)(void *closure, const char *key, const char *text);
	void *closure;
	/* What create() logs; NULL: nobody reads it. */
	void (*log)(void *closure, enum log_level level, const char *text);
	void *log_closure;
};

/* NULL: the key is not declared. */
const struct setup_value *setup_find(const struct pp_setup *setup, const char *key);

#endif
