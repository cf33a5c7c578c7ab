/* SPDX-License-Identifier: Apache-2.0
 * A worker process that one thread starts, asks and ends, waiting for each answer: to describe a module, to see whether
 * it accepts its configuration, and to call its check. Whatever the module does, the caller gets an answer in time. */
#ifndef CORE_STEPS_TRIAL_H
#define CORE_STEPS_TRIAL_H

#include "core/abi/description.h"
#include "core/steps/worker_process.h"

enum trial_result {
	TRIAL_GOOD,
	TRIAL_REFUSED, /* the module cannot be used, or says no */
	TRIAL_BROKEN,  /* it crashed, hung or broke the protocol; the process has ended */
	TRIAL_FAILED   /* no process could be started */
};

/* Loads the module, without any grant, and reads its description, which the caller frees with description_free(). If
 * the result is not TRIAL_GOOD, why[size] has the reason. */
enum trial_result trial_describe(const struct worker_launch *launch, int module, const char *path, const char *name,
                                 nanos limit, struct module_description **description, char *why, size_t size);

struct trial;

/* Loads the module and creates the instance of a step. What it rejects is passed to setup->reject(). *trial: the
 * process, which trial_end() ends; NULL unless the result is TRIAL_GOOD. `log` gets what the module says; NULL: nobody
 * does. The calling thread must outlive the trial. */
enum trial_result trial_create(const struct worker_launch *launch, int module, const struct start_message *start,
                               const struct pp_setup *setup, nanos limit, const struct log *log, struct trial **trial,
                               char *why, size_t size);

/* From now on `log` gets what the module says; NULL: nobody does. */
void trial_set_log(struct trial *trial, const struct log *log);

/* Calls the module's check, which is cancelled CHECK_MARGIN before the limit. After TRIAL_BROKEN only trial_end() is
 * allowed. */
enum trial_result trial_check(struct trial *trial, nanos limit, char *why, size_t size);
/* Whether it was cancelled. That cannot be taken back, so the process is good for no other check. */
bool trial_is_cancelled(const struct trial *trial);

struct trial_run {
	const struct run_facts *facts;
	nanos limit; /* then the run is cancelled, and two seconds later the process is killed */
	int bytes;   /* a file, read from where it stands to its end */
	/* The result: */
	struct run_done done; /* only after TRIAL_GOOD; the caller frees done.answer.result */
	bool late;            /* it was cancelled */
	nanos took;
};

/* Where the copies of files are that content_fd() returns, for start_message.copies. The caller frees it. */
char *trial_folder(void);

/* Has the module run on an upload. After TRIAL_BROKEN only trial_peak() and trial_end() are allowed. */
enum trial_result trial_run(struct trial *trial, struct trial_run *run, char *why, size_t size);

/* What the module has reported so far; the caller may clear it. */
struct report *trial_report(struct trial *trial);

/* The most memory that the process was seen to use, in bytes; 0: not known. */
int64_t trial_peak(const struct trial *trial);

/* What the sandbox lacks; "" if nothing. */
const char *trial_missing(const struct trial *trial);

/* Has the instance destroyed, and ends the process after at most `limit`. NULL is fine. */
void trial_end(struct trial *trial, nanos limit);

#endif
