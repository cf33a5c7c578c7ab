/* SPDX-License-Identifier: Apache-2.0
 * What a module says of itself, found out in a child process: loading a shared object runs code of it, which may crash, end
 * the process, or never return. */
#ifndef CORE_STEPS_MODULE_PROBE_H
#define CORE_STEPS_MODULE_PROBE_H

#include "core/base/clock.h"
#include "postprocessing/step.h"

struct module_description {
	struct pp_step_module table; /* the data of the module's own table, in this host's layout; the functions are NULL */
	bool has_check;
	char *strings;               /* what the table points to */
};

enum probe {
	PROBE_GOOD,
	PROBE_REFUSED, /* the module cannot be used */
	PROBE_FAILED,  /* nothing was found out: no memory, no process */
};

/* Loads the module in a child and describes it; the caller frees the description. The child gets `limit` for it. Otherwise
 * why[size] says why, with the path. To be called before there are threads that could hold a lock: the child has none to give
 * it back. */
enum probe module_probe(const char *path, const char *name, nanos limit, struct module_description **description, char *why,
                        size_t size);
void module_description_free(struct module_description *description);

#endif
