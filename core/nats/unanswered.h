/* SPDX-License-Identifier: Apache-2.0
 * How long a broker has left writes unanswered. */
#ifndef CORE_NATS_UNANSWERED_H
#define CORE_NATS_UNANSWERED_H

#include "core/base/clock.h"

/* Writes that were sent and not answered in time, since the last one that was. */
struct unanswered {
	nanos since; /* when the first was sent (monotonic); 0: there is none */
	nanos last;  /* when the last had waited long enough */
};

#endif
