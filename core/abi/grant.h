/* SPDX-License-Identifier: Apache-2.0
 * What a module may do in its worker process beyond computing and reading its upload. A module declares needs (struct
 * pp_need); the administrator allows them with the key `allow`. */
#ifndef CORE_ABI_GRANT_H
#define CORE_ABI_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/abi/setup.h"
#include "postprocessing/step.h"

enum { GRANT_NETWORK = 1, GRANT_UNIX = 2, GRANT_EXEC = 4, GRANT_FILES = 8, GRANT_ALL = 15 };

/* "network", "unix", "exec", "files" or "none" (0). False: no such word. */
bool grant_parse(const char *word, uint32_t *grant);
/* The words, separated by spaces; "none". Returns text. */
#define GRANTS_TEXT_SIZE 32
const char *grants_format(uint32_t granted, char text[GRANTS_TEXT_SIZE]);

/* What a module declares for these values of its keys. */
uint32_t grants_declared(const struct pp_step_module *table, const struct pp_setup *setup);

/* The files and folders that it wants to read, by the values of its keys. *next is 0 at first. NULL: no more. */
const char *grants_next_path(const struct pp_step_module *table, const struct pp_setup *setup, size_t *next);

#endif
