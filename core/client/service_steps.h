/* SPDX-License-Identifier: Apache-2.0
 * Which uploads wait because their step is suspended. Only the service that looks after them knows: it is asked over its
 * HTTP when an upload comes that may be one of them, and again when its last answer is some time old. */
#ifndef CORE_CLIENT_SERVICE_STEPS_H
#define CORE_CLIENT_SERVICE_STEPS_H

#include <jansson.h>

#include "core/config/config.h"
#include "core/base/readiness.h"
#include "core/upload/record.h"

struct service_steps {
	const struct config *config;
	nanos asked;     /* monotonic; 0: never */
	json_t *answer;  /* NULL: none came … */
	char why[256];   /* … for this reason; "" */
};

struct suspension {
	char reason[FACT_REASON_SIZE]; /* what the step's check says */
	nanos since;
	nanos until; /* then the upload ends; 0: the configuration does not have the step */
};

/* Borrows the configuration. */
void service_steps_init(struct service_steps *steps, const struct config *config);
void service_steps_free(struct service_steps *steps);

/* Does the upload wait for a step that the service has suspended? */
bool service_steps_find(struct service_steps *steps, const struct record *record, nanos now, struct suspension *suspension);

#endif
