/* SPDX-License-Identifier: Apache-2.0
 * Puts the upload of a run into the quarantine. */
#ifndef CORE_STEPS_SECLUSION_H
#define CORE_STEPS_SECLUSION_H

#include "core/abi/protocol.h"
#include "core/content/copies.h"
#include "core/quarantine/quarantine.h"
#include "core/steps/run.h"

/* What the quarantine needs of a run. */
struct seclusion {
	struct quarantine *quarantine; /* NULL: the service has none */
	const struct run *run;
	const char *step; /* the run's, by name */
	const struct run_words *words;
	const struct shared_copy *copy; /* with its digest */
	nanos deadline;
	int cancel_fd; /* -1: none */
};

/* True: it is durably there. False: it is not; `error` has the reason. Blocks. */
bool seclude(const struct seclusion *seclusion, char error[COPY_ERROR_SIZE]);

#endif
