/* SPDX-License-Identifier: Apache-2.0
 * Reads a module's description in a child process. Loading a shared object runs code from it, which may crash, end the
 * process, or never return. */
#ifndef CORE_STEPS_MODULE_PROBE_H
#define CORE_STEPS_MODULE_PROBE_H

#include "core/base/clock.h"
#include "postprocessing/step.h"

struct module_description {
	struct pp_step_module table; /* the data of the module's table in this host's layout; the functions are NULL */
	bool has_check;
	char *strings; /* the strings that the table points to */
};

enum probe {
	PROBE_GOOD,
	PROBE_REFUSED, /* the module cannot be used */
	PROBE_FAILED,  /* unknown: out of memory or processes */
};

/* Loads the module in a child process, which may take up to `limit`, and describes it; the caller frees the
 * description. If the result is not PROBE_GOOD, why[size] has the reason, with the path. Call this before starting
 * threads: in the child, a lock held by another thread would never be released. */
enum probe module_probe(const char *path, const char *name, nanos limit, struct module_description **description,
                        char *why, size_t size);
void module_description_free(struct module_description *description);

#endif
