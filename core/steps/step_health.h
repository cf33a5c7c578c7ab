/* SPDX-License-Identifier: Apache-2.0
 * Decides from checks and runs whether a step can work, and when to check it again. No I/O, no clock, no threads; times
 * are monotonic.
 *
 * A check is made at startup and then once per interval, or sooner after a failed check or run. A check is skipped if a
 * run has reached a verdict since the last check and none has failed, unless checks can note what is wrong although the
 * step works; the failure of such a check is a note, too. Two failed checks in a row suspend the step. At
 * startup, one failed check is enough, because there has been no success yet. One passed check, or one verdict, resumes
 * the step. */
#ifndef CORE_STEPS_STEP_HEALTH_H
#define CORE_STEPS_STEP_HEALTH_H

#include "core/base/clock.h"
#include "core/base/readiness.h"

/* A check that takes longer counts as failed. The next check is not started before it has finished. */
#define CHECK_TIME (10 * SECOND)
/* That long before, it is cancelled, so that it can still say why it failed. */
#define CHECK_MARGIN SECOND
#define CHECK_TOO_LONG "the check did not finish within %s"
/* The time between a failed check and the next one. */
#define CHECK_AGAIN (10 * SECOND)
/* The same while runs fail, and between a check and the one that a failed run asks for: each run that fails spends a
 * retry of its upload, and those that come after it should wait instead. */
#define CHECK_SOON (2 * SECOND)

enum health_state { HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_SUSPENDED };

struct step_health {
	enum health_state state;
	nanos interval;      /* 0: the step is never checked, and always good */
	bool notes;          /* its checks can note something, so they are made although runs succeed */
	unsigned failures;   /* failed checks in a row */
	nanos last, next;    /* the time of the last check, or of an equivalent success, and of the next one */
	bool asking;         /* a check is in progress */
	nanos overdue;       /* if it is still in progress then, it counts as failed, and again after the same time */
	bool late;           /* it has counted as failed, so its answer is ignored */
	bool proven;         /* runs have succeeded before it was begun, so it cannot fail */
	bool worked, failed; /* whether runs since the last check succeeded or failed … */
	bool doubted;        /* … and whether runs failed before it was begun */
	char reason[FACT_REASON_SIZE]; /* of the last failure; "" after a passed check */
	char note[FACT_REASON_SIZE];   /* what the last check says although the step works; "" after a failure */
};

enum health_change {
	HEALTH_SAME,
	HEALTH_FAILS, /* a check has failed, without a change of the state */
	HEALTH_SUSPENDS,
	HEALTH_RESUMES /* or is good at startup */
};

/* `checked`: the step has a check; `notes`: which can note something. */
void step_health_init(struct step_health *health, bool checked, bool notes, nanos interval);

/* Called about once a second. *ask: make a check now, and pass its answer to step_health_answered(). */
enum health_change step_health_tick(struct step_health *health, bool *ask, nanos now);
/* The check has passed, with this note or "", or has failed for the reason `why`. */
enum health_change step_health_answered(struct step_health *health, bool passed, const char *why, nanos now);
/* The step's worker processes could not be started (why), or can be again. A step with a check is not released by that:
 * its next check does it. */
enum health_change step_health_started(struct step_health *health, bool works, const char *why);
/* A run of the step has ended, with a verdict or a failure. */
enum health_change step_health_ran(struct step_health *health, bool verdict, nanos now);

#endif
