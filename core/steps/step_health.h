/* SPDX-License-Identifier: Apache-2.0
 * Whether a step can do its work, as its checks and its runs tell, and when it is to be checked again. No I/O, no clock,
 * no threads; times are of a clock that never steps.
 *
 * A check is made at the start and then once in every interval, sooner after a check or a run that failed. None is made when
 * a run has reached a verdict since the last one and none has failed. Two checks in a row that fail suspend the step; at the start the
 * first one is enough, because nothing is known yet in its favour. What it takes to go on is one check that passes, or one
 * verdict. */
#ifndef CORE_STEPS_STEP_HEALTH_H
#define CORE_STEPS_STEP_HEALTH_H

#include "core/base/clock.h"
#include "core/base/readiness.h"

/* A check that takes longer has failed. It is not made a second time beside itself. */
#define CHECK_TIME (10 * SECOND)
#define CHECK_TOO_LONG "the check did not finish within %s"
/* After a failure the next check is so long behind the last one. */
#define CHECK_AGAIN (10 * SECOND)

enum health_state { HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_SUSPENDED };

struct step_health {
	enum health_state state;
	nanos interval;      /* 0: the step is not checked, and always good */
	unsigned failures;   /* checks in a row */
	nanos last, next;    /* when the last check was, or what counts as one, and when the next one is due */
	bool asking;         /* a check is under way … */
	nanos overdue;       /* … and counts as failed if it is so then (and again after as long) … */
	bool late;           /* … and has counted so: its answer says nothing any more */
	bool worked, failed; /* runs since the last check did */
	char reason[FACT_REASON_SIZE]; /* of the last failure; "" after a check that passed */
};

enum health_change {
	HEALTH_SAME,
	HEALTH_FAILS,    /* a check has failed, which alone changes nothing, or nothing more */
	HEALTH_SUSPENDS,
	HEALTH_RESUMES   /* or is good from the start */
};

/* `checked`: the step has a check. */
void step_health_init(struct step_health *health, bool checked, nanos interval);

/* To be called about once a second. *ask: the check is to be made now, and step_health_answered() told what it says. */
enum health_change step_health_tick(struct step_health *health, bool *ask, nanos now);
/* The check passed, or did not, for the reason `why`. */
enum health_change step_health_answered(struct step_health *health, bool passed, const char *why, nanos now);
/* A run of the step has ended: with a verdict or in failure. */
enum health_change step_health_ran(struct step_health *health, bool verdict, nanos now);

#endif
