/* SPDX-License-Identifier: Apache-2.0
 *
 * The step ABI: all that the author of a step module needs.
 *
 * A module is a shared object in the plugin folder, NAME.so, that exports one constant,
 *
 *     const struct pp_step_module pp_step_module = { PP_STEP_HEAD, .name = "NAME", … };
 *
 * It links against nothing of the host and includes nothing but this file. What it needs of the host
 * comes as a table of functions (struct pp_host) that is passed to create().
 *
 * Life of a module:
 *
 *   1. The host loads NAME.so, reads magic, version and size, and only then anything else.
 *   2. For each step of the configuration that uses the module, the host checks the step's keys against
 *      `keys`, then calls create(), which returns an instance or rejects the configuration. One module
 *      may so have several instances. All steps are created before the first upload is taken.
 *   3. run() is called once for each upload that reaches the step, on a worker thread of the host, for
 *      several uploads at a time (as many as the step has workers). It may block until the deadline.
 *   4. destroy() is called when no run of the instance is left and none will follow. The module itself
 *      stays loaded until the process ends.
 *
 * run() ends in one of these ways:
 *
 *   PP_CONTINUE, PP_ABORT, PP_DELETE   the verdict. continue: on to the next step; abort: stop, the
 *                                      bytes are kept; delete: stop, the bytes are deleted.
 *   PP_RETRY                           no verdict was possible. The host runs the step again after a
 *                                      backoff, as often as the configuration allows, and then aborts.
 *   PP_WAIT                            after wait_until(T): run() is called again at T, on any thread
 *                                      of any instance of the service; then woken_at() returns T. If an
 *                                      administrator resumes the upload earlier, run() is called at once,
 *                                      and woken_at() returns the time at which he did.
 *   PP_AWAIT                           after await_event(T): the host publishes StartPostprocessingStep
 *                                      for this step; the PostprocessingStepFinished that answers it
 *                                      is the step's verdict. No answer by T counts as PP_RETRY.
 *
 * A T nearer than 100 ms counts as 100 ms. These count as PP_RETRY: a T before run() was called; a T farther
 * ahead than the step's key max_wait (30 days by default; for PP_AWAIT also its deadline if that is longer); and
 * PP_WAIT more often than max_waits (1000) without a verdict or a PP_RETRY in between.
 *
 * Whatever else it returns counts as PP_RETRY: an error is never a verdict. The host keeps to the same
 * rule when a module crashes, hangs past its deadline or never answers.
 */
#ifndef POSTPROCESSING_STEP_H
#define POSTPROCESSING_STEP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "PPST"; a module of another major, or of a newer minor than the host's, is refused. A minor only ever
 * adds members at the end of struct pp_step_module and struct pp_host. */
#define PP_STEP_MAGIC 0x50505354u
#define PP_STEP_ABI_MAJOR 1u
#define PP_STEP_ABI_MINOR 0u

/* The name under which a module exports its struct pp_step_module. */
#define PP_STEP_SYMBOL "pp_step_module"

/* Return values of run(). 0 is the one that says nothing. */
enum {
	PP_RETRY = 0,
	PP_CONTINUE = 1,
	PP_ABORT = 2,
	PP_DELETE = 3,
	PP_WAIT = 4,
	PP_AWAIT = 5,
};

/* Levels for log(). */
enum {
	PP_LOG_ERROR = 0,
	PP_LOG_WARNING = 1,
	PP_LOG_INFO = 2,
	PP_LOG_DEBUG = 3,
};

/* Limits, in bytes: log() and set_reason() cut what is longer and end it with an ellipsis, set_result() refuses it. */
#define PP_LOG_LIMIT 1023u
#define PP_REASON_LIMIT 159u
#define PP_RESULT_LIMIT 65536u
/* Objects and arrays of a Result that are nested deeper are refused, too. */
#define PP_RESULT_DEPTH 32u

/* One key of a step's section, as the module declares it. The host parses, checks and reports (with file
 * and line) by it, so that create() sees valid values only. */
enum {
	PP_KEY_STRING = 0,
	PP_KEY_BOOL = 1,     /* true, false, yes, no, on, off, 1, 0 → number() 1 or 0 */
	PP_KEY_INTEGER = 2,  /* within min..max */
	PP_KEY_DURATION = 3, /* Go's form, 1h2m3.5s or 300ms → nanoseconds, within min..max */
	PP_KEY_SIZE = 4,     /* 10, 10K, 10KB, 10KiB, 2GB … → bytes, within min..max; K and KiB are 1024, KB 1000 */
	PP_KEY_CHOICE = 5    /* one of `choices` → number() is its place, from 0 */
};

struct pp_key {
	const char *name;
	const char *fallback;    /* the default, written as in the file; NULL: the key is unset by default */
	const char *choices;     /* PP_KEY_CHOICE: the words, separated by single spaces */
	const char *environment; /* more environment variables that set it, separated by single spaces; NULL: none.
	                            The host's own name for the key comes first. */
	const char *help;        /* one line */
	int64_t min, max;        /* both 0: any value that is not negative */
	uint32_t type;
	uint32_t required; /* 1: an unset key is an error */
};

/* Opaque to modules. */
struct pp_setup; /* one step's configuration, during create() */
struct pp_run;   /* one call of run() */

/* What the host does for modules. All strings passed in are copied; all strings returned belong to the
 * host and are valid until create() or run() returns. Times are nanoseconds since 1970-01-01 UTC.
 * Functions that take a pp_run may be called only by the thread that run() was called on, except
 * cancelled(). */
struct pp_host {
	uint32_t size; /* sizeof(struct pp_host) on the host's side: members beyond it do not exist */
	uint16_t abi_major;
	uint16_t abi_minor;

	/* create() only: the value of a declared key. string() is NULL for a key that is unset; number() is
	 * defined for the types that have one, 0 when unset. number() also knows "deadline" and "max_wait", which
	 * every step has (0: the host is older than that). */
	const char *(*string)(const struct pp_setup *setup, const char *key);
	int64_t (*number)(const struct pp_setup *setup, const char *key);
	/* create() only: says what is wrong with a key (NULL: with the step as a whole). The host adds file
	 * and line. create() then returns non-zero. */
	void (*reject)(struct pp_setup *setup, const char *key, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
	/* create() only: the name of the step that is being created. */
	const char *(*step_name)(const struct pp_setup *setup);

	/* A line in the service's log; the host adds step and upload. Never log what grants access. */
	void (*log)(struct pp_run *run, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

	/* The upload. */
	const char *(*upload_id)(const struct pp_run *run);
	const char *(*filename)(const struct pp_run *run);
	int64_t (*filesize)(const struct pp_run *run);        /* as announced, in bytes; -1: unknown */
	const char *(*resource_id)(const struct pp_run *run); /* JSON text: an object or null */
	uint32_t (*attempt)(const struct pp_run *run);        /* 1 for the first run of this step on the upload */

	/* The upload's bytes, in order, one pass: points *bytes at the next ones and returns how many, 0 at the
	 * end, -1 when they cannot be had (read_error() says why; return PP_RETRY then). The end
	 * is there only after exactly filesize() of them: with fewer -1 comes in its place, with more -1 comes in
	 * place of the last ones. The bytes stay valid until the next call. Opens the source at the first call; blocks, but
	 * not past the deadline or cancellation. */
	ssize_t (*read)(struct pp_run *run, const void **bytes);
	const char *(*read_error)(const struct pp_run *run);

	/* The step's Result: JSON text, published as it is with PostprocessingStepFinished when the verdict is in; numbers
	 * may have any size. A step that sets none publishes no such event. Returns 0, or -1 if the text is not JSON or
	 * beyond PP_RESULT_LIMIT or PP_RESULT_DEPTH: that is logged, and what was set before stays. A verdict does
	 * not depend on it. */
	int (*set_result)(struct pp_run *run, const char *json);
	/* Why the step retries, aborts or waits, in one line for people. */
	void (*set_reason)(struct pp_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

	/* See PP_WAIT and PP_AWAIT. */
	void (*wait_until)(struct pp_run *run, int64_t time);
	void (*await_event)(struct pp_run *run, int64_t until);
	/* The T of the last PP_WAIT of this step on this upload, or when an administrator ended that wait; 0: run() is
	 * not called because of one. */
	int64_t (*woken_at)(const struct pp_run *run);

	int64_t (*now)(const struct pp_run *run);
	/* When run() has to be over. After it the host cancels the run and counts a retry. */
	int64_t (*deadline)(const struct pp_run *run);
	/* Non-zero once the run should end early: past its deadline, or the service stops. */
	int (*cancelled)(const struct pp_run *run);
	/* A descriptor that becomes readable on cancellation, for poll(); never read from it. */
	int (*cancel_fd)(const struct pp_run *run);
};

/* What a module exports. */
struct pp_step_module {
	uint32_t magic;
	uint16_t abi_major;
	uint16_t abi_minor;
	uint32_t size;     /* sizeof(struct pp_step_module) on the module's side */
	uint32_t key_size; /* sizeof(struct pp_key) on the module's side */

	const char *name;          /* as in NAME.so */
	const char *version;       /* of the module, for people */
	const char *summary;       /* one line */
	const struct pp_key *keys; /* ends with a name of NULL; NULL: the module has no keys */

	/* Makes *instance of one step's configuration. Returns 0, or non-zero after reject(). */
	int (*create)(const struct pp_host *host, struct pp_setup *setup, void **instance);
	/* One upload. */
	uint32_t (*run)(void *instance, struct pp_run *run);
	void (*destroy)(void *instance);

	/* Optional: can the step do its work now (is its server there)? Returns 0, or non-zero with the reason in
	 * why[size], one line for people, without secrets. Fails only for what stops every upload, not a certain one.
	 *
	 * The host calls it on a thread of its own, beside runs: before the first run, then every check_interval (a key
	 * of each step, 30 s), sooner after a failure, and not at all while runs reach verdicts and none fails. A call
	 * that takes longer than 10 s has failed; there is never a second one beside it. Until the first check has
	 * passed, and after two that failed in a row, the step is suspended: run() is not called, so no retry is spent.
	 * Its uploads wait until a check passes, or a run that an administrator asked for reaches a verdict, for
	 * check_limit (24 h) at most. `postprocessing steps` calls it as well. */
	int (*check)(void *instance, char *why, size_t size);
};

/* The first members of every module's pp_step_module. */
#define PP_STEP_HEAD \
	.magic = PP_STEP_MAGIC, .abi_major = PP_STEP_ABI_MAJOR, .abi_minor = PP_STEP_ABI_MINOR, \
	.size = sizeof(struct pp_step_module), .key_size = sizeof(struct pp_key)

/* Exported whatever -fvisibility says. */
#define PP_STEP_EXPORT __attribute__((visibility("default")))
extern PP_STEP_EXPORT const struct pp_step_module pp_step_module;

/* The layout is the contract; these stop a change that would break built modules. */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L && defined(__LP64__)
_Static_assert(offsetof(struct pp_step_module, magic) == 0, "ABI");
_Static_assert(offsetof(struct pp_step_module, abi_major) == 4, "ABI");
_Static_assert(offsetof(struct pp_step_module, abi_minor) == 6, "ABI");
_Static_assert(offsetof(struct pp_step_module, size) == 8, "ABI");
_Static_assert(offsetof(struct pp_step_module, key_size) == 12, "ABI");
_Static_assert(offsetof(struct pp_step_module, name) == 16, "ABI");
_Static_assert(offsetof(struct pp_step_module, keys) == 40, "ABI");
_Static_assert(offsetof(struct pp_step_module, create) == 48, "ABI");
_Static_assert(offsetof(struct pp_step_module, check) == 72, "ABI");
_Static_assert(sizeof(struct pp_step_module) == 80, "ABI 1.0 ends here; a member more is minor 1");
_Static_assert(sizeof(struct pp_key) == 64, "ABI 1.0");
_Static_assert(offsetof(struct pp_host, string) == 8, "ABI");
_Static_assert(offsetof(struct pp_host, read) == 88, "ABI");
_Static_assert(sizeof(struct pp_host) == 176, "ABI 1.0 ends here");
#endif

#ifdef __cplusplus
}
#endif
#endif
