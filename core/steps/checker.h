/* SPDX-License-Identifier: Apache-2.0
 * Calls the checks of the steps, each on its own thread, so that a check that hangs does not block anything else. */
#ifndef CORE_STEPS_CHECKER_H
#define CORE_STEPS_CHECKER_H

#include "core/base/mailbox.h"
#include "core/base/readiness.h"
#include "core/steps/steps.h"

/* MAIL_CHECK. The receiver frees it. */
struct check_answer {
	struct mail mail;
	size_t step;
	unsigned version; /* of the step */
	bool passed;
	char why[FACT_REASON_SIZE]; /* why the check failed; what it notes if it passed, or "" */
};

struct checker;

/* Where metrics that checks count go; NULL: nowhere. Borrowed. */
struct reports;
void checker_report_to(struct checker *checker, struct reports *reports);

/* Whether the step has a check that must be called. */
bool checker_wanted(const struct step *step);

/* Starts a thread for each step whose check must be called. Borrows mailbox and log. NULL: no thread. */
struct checker *checker_create(const struct steps *steps, struct mailbox *mailbox, const struct log *log);

/* Adding a step, or putting another one in the place of one, takes two calls, of which only the first can fail. */

struct checker_post;
/* Holds the step, and starts a thread if its check must be called. NULL: no thread. */
struct checker_post *checker_prepare(struct checker *checker, struct step *step);
void checker_discard(struct checker_post *post);
/* Gives the number to the prepared step; `number` is at most one beyond the last. The thread of the one that had it
 * ends after the check that it is making, whose answer may still come. */
void checker_set(struct checker *checker, size_t number, struct checker_post *post);

/* Calls the check of a step; the answer is sent to the mailbox. The step must have a check, and its last answer must
 * have arrived. */
void checker_ask(struct checker *checker, size_t step);

/* Ends the threads; no more answers are sent. False: a check did not finish within `timeout`. The steps must then not
 * be destroyed, and the process should exit. NULL is allowed. */
bool checker_destroy(struct checker *checker, nanos timeout);

/* Calls all checks once and waits for the answers, at most `timeout`. `log` gets what they log; NULL: nobody does.
 * answer[i] belongs to step i, and is passed if the
 * step has no check (of an isolated step, if its module can be started). False: out of memory or threads. *stuck: a
 * check did not finish, see above. */
bool checker_run_once(const struct steps *steps, struct check_answer *answer, nanos timeout, const struct log *log,
                      bool *stuck);

#endif
