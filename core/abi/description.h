/* SPDX-License-Identifier: Apache-2.0
 * What a module's table says, without its functions. A worker process that has loaded the module sends it, so that the
 * service knows a module's keys and needs without having run its code. */
#ifndef CORE_ABI_DESCRIPTION_H
#define CORE_ABI_DESCRIPTION_H

#include "core/abi/packet.h"
#include "postprocessing/step.h"

struct module_description {
	struct pp_step_module table; /* in this host's layout; the functions are NULL */
	bool has_check;
	bool has_check_run; /* as the check that is called */
	char *strings;      /* what the table points to */
};

/* Appends the message DESCRIBED. */
void description_encode(struct text *packet, const struct pp_step_module *table);
/* Copies what the packet says. The caller frees it. NULL: the packet is broken. */
struct module_description *description_decode(struct packet *packet);
void description_free(struct module_description *description);

#endif
