/* SPDX-License-Identifier: Apache-2.0
 * Steps that cannot do their work, such as a virus scan without a scanner.
 *
 * While a step is suspended its uploads stay in the queue with the records that they have, and no retry is spent. How
 * long one may wait (check_limit) follows from its record, so that it is the same after a restart, and nothing is
 * written until the upload has its turn or has waited for too long. Then it ends as an upload does whose retries are
 * used up.
 *
 * The queue is looked through for those about 16 times within check_limit, at least once a minute and at most once a
 * second. One look ends at most 64 uploads; the next follows after 10 ms if there are more. */
#ifndef CORE_COORDINATOR_SUSPENSION_H
#define CORE_COORDINATOR_SUSPENSION_H

#include "core/coordinator/coordinator.h"

struct active_upload;

struct step_suspension {
	nanos since; /* 0: the step is not suspended */
	char reason[REASON_SIZE];
	nanos next_look; /* no upload has waited for too long before that time */
};

bool step_is_suspended(const struct coordinator *coordinator, size_t step);
/* Whether the upload is queued for a step that is suspended. */
bool active_is_suspended(const struct coordinator *coordinator, const struct active_upload *active);
/* An upload was queued that has wanted the step since `came`. */
void suspension_joined(struct coordinator *coordinator, size_t step, nanos came, nanos now);
/* Gives a job (INPUT_EXPIRED) to uploads that have waited for too long. To be called with each tick. */
void suspensions_expire(struct coordinator *coordinator, nanos now);
/* Such a job is over: an upload that has ended, or that another instance has taken over, leaves the queue. */
void suspension_decided(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* The clock was set back: no time is later than now. */
void suspensions_set_back(struct coordinator *coordinator, nanos now);

#endif
