/* SPDX-License-Identifier: Apache-2.0
 * Calls the steps' checks, each on a thread of its own: one that hangs holds up nothing else. */
#ifndef CORE_STEPS_CHECKER_H
#define CORE_STEPS_CHECKER_H

#include "core/base/mailbox.h"
#include "core/base/readiness.h"
#include "core/steps/steps.h"

/* MAIL_CHECK. It belongs to the checker, and is valid until the same step is asked again. */
struct check_answer {
	struct mail mail;
	size_t step;
	bool passed;
	char why[FACT_REASON_SIZE]; /* why not; "" */
};

struct checker;

/* Has the step a check that is to be called? */
bool checker_wanted(const struct step *step);

/* Starts a thread for each step whose check is wanted. Borrows both. NULL: out of memory or threads. */
struct checker *checker_create(const struct steps *steps, struct mailbox *mailbox);

/* Calls the check of a step that has one, whose last answer has come; the answer comes to the mailbox. */
void checker_ask(struct checker *checker, size_t step);

/* Ends the threads; no answer comes any more. False: a check did not end within `patience`. Then the steps have to stay as
 * they are, and the process should end. NULL is fine. */
bool checker_destroy(struct checker *checker, nanos timeout);

/* Calls all checks once and waits for what they say, at most `patience`: answer[i] is of step i, and passed where there is no
 * check. False: out of memory or threads. *stuck: a check did not end, see above. */
bool checker_run_once(const struct steps *steps, struct check_answer *answer, nanos timeout, bool *stuck);

#endif
