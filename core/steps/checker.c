/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/checker.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/abi/host.h"
#include "core/base/alloc.h"
#include "core/base/container_of.h"
#include "core/base/text.h"
#include "core/base/thread.h"
#include "core/steps/reports.h"
#include "core/steps/step_health.h"
#include "core/steps/trial.h"

/* A step with a check, and its thread, which frees it. */
struct checker_post {
	struct checker *checker;
	struct step *step; /* held */
	size_t number;
	int cancel; /* of a check_run() in this process: a timer that is set to its deadline; -1: none */
	pthread_cond_t asked;
	bool called; /* it has a thread, because its check must be called */
	bool asking;
	bool over;           /* the thread is to end */
	struct trial *trial; /* the process that is asked, of an isolated step; NULL: none yet */
	bool passed;         /* the last answer, and so is: */
	char why[FACT_REASON_SIZE];
};

struct checker {
	pthread_mutex_t lock;
	pthread_cond_t left; /* a thread has ended */
	struct mailbox *mailbox;
	const struct log *log; /* NULL: nobody reads what the modules say */
	struct reports *_Atomic reports;
	bool once; /* what create() says was logged before */
	bool (*wanted)(const struct step *step);
	size_t alive; /* threads */
	size_t count;
	struct checker_post **post;
};

bool checker_wanted(const struct step *step)
{
	return (step->instance != NULL || step->isolated) && step->module->has_check && step->config->check_interval > 0;
}

/* False: the thread must end. */
static bool await_question(struct checker_post *post)
{
	struct checker *checker = post->checker;
	pthread_mutex_lock(&checker->lock);
	while (!post->asking && !post->over)
		pthread_cond_wait(&post->asked, &checker->lock);
	bool asked = !post->over;
	post->asking = false;
	pthread_mutex_unlock(&checker->lock);
	return asked;
}

/* What create() rejects when it is called for a check. */
static void note_rejection(void *closure, const char *key, const char *text)
{
	struct checker_post *post = closure;
	snprintf(post->why, sizeof post->why, "%s%s%s", key != NULL ? key : "", key != NULL ? ": " : "", text);
}

/* Asks a worker process, which is kept for the next time while it is well. */
static bool check_isolated(struct checker_post *post)
{
	const struct step *step = post->step;
	char *why = post->why;
	size_t size = sizeof post->why;
	enum trial_result result = TRIAL_GOOD;
	if (post->trial == NULL) {
		struct start_message start;
		struct pp_setup setup = *step_setup_host(step->setup);
		char reason[FACT_REASON_SIZE] = "";
		setup.reject = note_rejection;
		setup.closure = post;
		step_start_message(step, &start);
		result = trial_create(step->launch, step->module->file, &start, &setup, CHECK_TIME,
		                      post->checker->once ? NULL : post->checker->log, &post->trial, reason, sizeof reason);
		if (result == TRIAL_GOOD)
			trial_set_log(post->trial, post->checker->log);
		if (reason[0] != '\0')
			text_copy(why, size, reason);
	}
	if (result == TRIAL_GOOD && step->module->has_check)
		result = trial_check(post->trial, CHECK_TIME, why, size);
	if (post->trial != NULL) {
		reports_metrics(post->checker->reports, step->config->name, trial_report(post->trial));
		*trial_report(post->trial) = (struct report){0};
	}
	bool over = result == TRIAL_BROKEN || !step->module->has_check;
	if (over || (post->trial != NULL && trial_is_cancelled(post->trial))) {
		trial_end(post->trial, SECOND);
		post->trial = NULL;
	}
	return result == TRIAL_GOOD;
}

/* The timer fires after this time: the check is cancelled. */
static void set_cancel(const struct checker_post *post, nanos delay)
{
	const struct itimerspec at = {.it_value = {.tv_sec = delay / SECOND, .tv_nsec = delay % SECOND}};
	if (post->cancel >= 0)
		timerfd_settime(post->cancel, 0, &at, NULL);
}

static void write_log(void *closure, enum log_level level, const char *text)
{
	const struct checker_post *post = closure;
	if (post->checker->log != NULL)
		log_write(post->checker->log, level, "step %s: %s", post->step->config->name, text);
}

static bool cancelled(void *closure)
{
	const struct checker_post *post = closure;
	struct pollfd cancel = {.fd = post->cancel, .events = POLLIN};
	return poll(&cancel, 1, 0) > 0;
}

static bool count_metric(void *closure, const char *name, uint64_t by)
{
	const struct checker_post *post = closure;
	struct report report = {.metrics = 0};
	report_count(&report, name, by);
	reports_metrics(post->checker->reports, post->step->config->name, &report);
	return true;
}

static bool set_metric(void *closure, const char *name, double value)
{
	const struct checker_post *post = closure;
	struct report report = {.metrics = 0};
	report_gauge(&report, name, value);
	reports_metrics(post->checker->reports, post->step->config->name, &report);
	return true;
}

static bool check_here(struct checker_post *post)
{
	const struct step *step = post->step;
	struct checker *checker = post->checker;
	const struct run_services services = {.closure = post,
	                                      .log = write_log,
	                                      .count = count_metric,
	                                      .gauge = set_metric,
	                                      .cancelled = cancelled,
	                                      .cancel_fd = post->cancel};
	const nanos allowed = CHECK_TIME - CHECK_MARGIN;
	pthread_mutex_lock(&checker->lock);
	if (!post->over)
		set_cancel(post, allowed);
	pthread_mutex_unlock(&checker->lock);
	return host_check(&step->module->table, step->instance, step->config->name, &services, clock_now() + allowed,
	                  post->why, sizeof post->why);
}

static void call_check(struct checker_post *post)
{
	post->why[0] = '\0';
	post->passed = post->step->isolated ? check_isolated(post) : check_here(post);
}

/* Sends the answer, unless the step is over: the mailbox may be gone then. */
static void send_answer(struct checker_post *post)
{
	struct checker *checker = post->checker;
	struct check_answer *answer = alloc_zeroed(1, sizeof *answer);
	answer->mail.kind = MAIL_CHECK;
	answer->version = post->step->version;
	answer->passed = post->passed;
	text_copy(answer->why, sizeof answer->why, post->why);
	pthread_mutex_lock(&checker->lock);
	bool wanted = !post->over;
	answer->step = post->number;
	if (wanted)
		mailbox_send(checker->mailbox, &answer->mail);
	pthread_mutex_unlock(&checker->lock);
	if (!wanted)
		free(answer);
}

static void free_post(struct checker_post *post)
{
	step_release(post->step);
	if (post->cancel >= 0)
		close(post->cancel);
	pthread_cond_destroy(&post->asked);
	free(post);
}

static void *work(void *closure)
{
	struct checker_post *post = closure;
	struct checker *checker = post->checker;
	while (await_question(post)) {
		call_check(post);
		send_answer(post);
	}
	trial_end(post->trial, SECOND / 2);
	free_post(post);
	pthread_mutex_lock(&checker->lock);
	checker->alive--;
	pthread_cond_signal(&checker->left);
	pthread_mutex_unlock(&checker->lock);
	return NULL;
}

static bool start(struct checker_post *post)
{
	pthread_attr_t attributes;
	pthread_t thread;
	if (pthread_attr_init(&attributes) != 0)
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&post->checker->lock);
	bool started = pthread_create(&thread, &attributes, work, post) == 0;
	post->checker->alive += started;
	pthread_mutex_unlock(&post->checker->lock);
	pthread_attr_destroy(&attributes);
	return started;
}

struct checker_post *checker_prepare(struct checker *checker, struct step *step)
{
	struct checker_post *post = alloc_zeroed(1, sizeof *post);
	post->checker = checker;
	post->step = step_hold(step);
	post->called = checker->wanted(step);
	post->cancel = post->called && !step->isolated && step->module->table.check_run != NULL
	                   ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
	                   : -1;
	condition_init(&post->asked);
	if (!post->called || start(post))
		return post;
	free_post(post);
	return NULL;
}

void checker_discard(struct checker_post *post)
{
	if (post == NULL)
		return;
	if (!post->called) {
		free_post(post);
		return;
	}
	struct checker *checker = post->checker;
	pthread_mutex_lock(&checker->lock);
	post->over = true;
	set_cancel(post, 1);
	pthread_cond_signal(&post->asked);
	pthread_mutex_unlock(&checker->lock);
}

void checker_set(struct checker *checker, size_t number, struct checker_post *post)
{
	struct checker_post *before = NULL;
	pthread_mutex_lock(&checker->lock);
	if (number < checker->count) {
		before = checker->post[number];
	} else {
		checker->count = number + 1;
		checker->post = alloc_resized(checker->post, checker->count * sizeof(struct checker_post *));
	}
	checker->post[number] = post;
	post->number = number;
	pthread_mutex_unlock(&checker->lock);
	checker_discard(before);
}

static struct checker *create(const struct steps *steps, struct mailbox *mailbox, const struct log *log, bool once,
                              bool (*wanted)(const struct step *step))
{
	struct checker *checker = alloc_zeroed(1, sizeof *checker);
	*checker = (struct checker){.mailbox = mailbox, .log = log, .once = once, .wanted = wanted};
	lock_init(&checker->lock);
	condition_init(&checker->left);
	for (size_t i = 0; i < steps->count; i++) {
		struct checker_post *post = checker_prepare(checker, &steps->step[i]);
		if (post == NULL) {
			checker_destroy(checker, SECOND);
			return NULL;
		}
		checker_set(checker, i, post);
	}
	return checker;
}

struct checker *checker_create(const struct steps *steps, struct mailbox *mailbox, const struct log *log)
{
	return create(steps, mailbox, log, false, checker_wanted);
}

void checker_report_to(struct checker *checker, struct reports *reports)
{
	atomic_store(&checker->reports, reports);
}

void checker_ask(struct checker *checker, size_t step)
{
	pthread_mutex_lock(&checker->lock);
	struct checker_post *post = checker->post[step];
	post->asking = true;
	pthread_cond_signal(&post->asked);
	pthread_mutex_unlock(&checker->lock);
}

bool checker_destroy(struct checker *checker, nanos timeout)
{
	if (checker == NULL)
		return true;
	nanos until = clock_monotonic() + timeout;
	for (size_t i = 0; i < checker->count; i++)
		checker_discard(checker->post[i]);
	checker->count = 0;
	pthread_mutex_lock(&checker->lock);
	while (checker->alive > 0 && condition_wait_until(&checker->left, &checker->lock, until))
		;
	bool ended = checker->alive == 0;
	pthread_mutex_unlock(&checker->lock);
	if (!ended)
		return false;
	free(checker->post);
	pthread_cond_destroy(&checker->left);
	pthread_mutex_destroy(&checker->lock);
	free(checker);
	return true;
}

/* Collects this number of answers, or those that arrive in time. */
static void await_answers(struct mailbox *mailbox, size_t count, nanos timeout, struct check_answer *answer)
{
	nanos until = clock_monotonic() + timeout, left = timeout;
	for (; count > 0 && left > 0; left = until - clock_monotonic()) {
		struct mail *mail = mailbox_receive(mailbox, left), *next;
		for (; mail != NULL; mail = next, count--) {
			struct check_answer *got = CONTAINER_OF(mail, struct check_answer, mail);
			next = mail->next;
			answer[got->step] = *got;
			free(got);
		}
	}
}

/* Without a check, it is seen whether an isolated step's module can be started. A module may crash, or give a wrong
 * cause, if it is created with settings that are known to be wrong. */
static bool can_be_tried(const struct step *step)
{
	return !step->faulty && (checker_wanted(step) || step->isolated);
}

bool checker_run_once(const struct steps *steps, struct check_answer *answer, nanos timeout, const struct log *log,
                      bool *stuck)
{
	struct mailbox mailbox;
	size_t asked = 0;
	char limit[DURATION_TEXT_SIZE];
	*stuck = false;
	mailbox_init(&mailbox);
	struct checker *checker = create(steps, &mailbox, log, true, can_be_tried);
	for (size_t i = 0; checker != NULL && i < steps->count; i++) {
		bool wanted = can_be_tried(&steps->step[i]);
		answer[i] = (struct check_answer){.step = i, .passed = !wanted};
		if (!wanted)
			continue;
		snprintf(answer[i].why, sizeof answer[i].why, CHECK_TOO_LONG, duration_format(timeout, limit));
		checker_ask(checker, i);
		asked++;
	}
	await_answers(&mailbox, asked, timeout, answer);
	*stuck = !checker_destroy(checker, SECOND);
	for (struct mail *late = mailbox_receive(&mailbox, 0), *next; late != NULL; late = next) {
		next = late->next;
		free(late);
	}
	mailbox_destroy(&mailbox);
	return checker != NULL;
}
