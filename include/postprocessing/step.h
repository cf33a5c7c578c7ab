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
 *   1. The host loads NAME.so in a process without any rights, which reads magic, version and size, and only
 *      then anything else, and describes the module.
 *   2. For each step of the configuration that uses the module, the host checks the step's keys against
 *      `keys`. It then starts as many processes as the step has workers, each in a sandbox (see struct
 *      pp_need). Each process loads the module and calls create(), which returns an instance or rejects the
 *      configuration. So what an instance keeps, such as connections, is of one process, and a process may
 *      be replaced at any time between two runs. A first process shows before the first upload is taken
 *      whether the module accepts the configuration.
 *   3. run() is called once for each upload that reaches the step, for one upload at a time in each process.
 *      It may block until the deadline.
 *   4. destroy() is called when no run of the instance will follow. It has two seconds.
 *
 * A process that crashes, exits, or does not return within two seconds after its run was cancelled is a failure of
 * the run that it had. With the step's key isolation = thread, all of this happens on threads of the host itself: there
 * is one instance, and run() is called for several uploads at a time. A module for that has to be safe for threads.
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
 *   PP_HOLD                            people have to decide (since 1.1): the upload stays out of reach, whatever
 *                                      dies, until an administrator releases it (continue), rejects it (abort
 *                                      or delete) or resumes it (run() is called again). After the step's key
 *                                      hold_limit (30 days) its key hold_outcome (abort) is the outcome.
 *   PP_AWAIT                           after await_event(T): the host publishes StartPostprocessingStep
 *                                      for this step; the PostprocessingStepFinished that answers it
 *                                      is the step's verdict. No answer by T counts as PP_RETRY.
 *
 * A T nearer than 100 ms counts as 100 ms. These count as PP_RETRY: a T before run() was called; a T farther
 * ahead than the step's key max_wait (30 days by default; for PP_AWAIT also its deadline if that is longer);
 * PP_WAIT more often than max_waits (1000) without a verdict or a PP_RETRY in between; PP_WAIT without wait_until();
 * and PP_AWAIT without await_event().
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
#define PP_STEP_ABI_MINOR 1u

/* The lowest minor of the host that the module can work with. A module that uses what minor 1 added defines it as 1
 * before it includes this file. Without it, the module is taken for one that needs nothing beyond 1.0, and runs on
 * every host of major 1, whatever header it was built with. */
#ifndef PP_STEP_NEEDS_MINOR
#define PP_STEP_NEEDS_MINOR 0u
#endif

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
	PP_HOLD = 6, /* since 1.1; a host of 1.0 takes it for PP_RETRY */
};

/* Levels for log(). */
enum {
	PP_LOG_ERROR = 0,
	PP_LOG_WARNING = 1,
	PP_LOG_INFO = 2,
	PP_LOG_DEBUG = 3,
};

/* Limits, in bytes: log(), log_setup() and set_reason() cut what is longer and end it with an ellipsis, set_result()
 * refuses it. */
#define PP_LOG_LIMIT 1023u
#define PP_REASON_LIMIT 159u
#define PP_RESULT_LIMIT 65536u
#define PP_NAME_LIMIT 255u   /* see user_id() */
#define PP_VERDICT_LIMIT 31u /* see set_verdict() */
#define PP_DETAILS_LIMIT 4096u
#define PP_KEPT_LIMIT 4096u      /* see step_result() */
#define PP_METRIC_NAME_LIMIT 40u /* see count() */
#define PP_METRICS_LIMIT 32u
/* Objects and arrays of a Result that are nested deeper are refused, too. */
#define PP_RESULT_DEPTH 32u

/* Of cache_get() and cache_put(), in bytes. */
#define PP_CACHE_KEY_LIMIT 255u
#define PP_CACHE_LIMIT 4096u

/* One key of a step's section, as the module declares it. The host parses, checks and reports (with file
 * and line) by it, so that create() sees valid values only. */
enum {
	PP_KEY_STRING = 0,
	PP_KEY_BOOL = 1,     /* true, false, yes, no, on, off, 1, 0 → number() 1 or 0 */
	PP_KEY_INTEGER = 2,  /* within min..max */
	PP_KEY_DURATION = 3, /* Go's form, 1h2m3.5s or 300ms → nanoseconds, within min..max */
	PP_KEY_SIZE = 4,     /* 10, 10K, 10KB, 10KiB, 2GB … → bytes, within min..max; K and KiB are 1024, KB 1000 */
	PP_KEY_CHOICE = 5,   /* one of `choices` → number() is its place, from 0 */
	/* Since 1.1, for modules that state it (PP_STEP_NEEDS_MINOR): */
	/* Text that nobody is shown: neither in the log nor by a command. The administrator may set NAME_file instead, the
	 * path of a file with the secret as its only line. The host reads that file, so the module gets the text in
	 * either case, and needs no right to read it. */
	PP_KEY_SECRET = 6,
	/* Texts separated by commas, with blanks around them or not: min..max of them (both 0: any number up to 64) →
	 * number() is how many, and item() returns each. */
	PP_KEY_LIST = 7,
	PP_KEY_PATH = 8 /* an absolute path of a file or folder, which need not exist; see also PP_NEED_PATH */
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

/* Since 1.1. What a module does beyond computing and reading its upload. The host runs a module in a process of its
 * own, in a sandbox; what is not declared here, or what the administrator does not allow, fails in it with an error. */
enum {
	PP_NEED_NETWORK = 1, /* connections by IPv4 and IPv6, and looking up names */
	PP_NEED_UNIX = 2,    /* connections to Unix sockets */
	/* Starting programs. It is never allowed without a word of the administrator. What is left of them after a run or
	 * check() is killed. */
	PP_NEED_EXEC = 3,
	/* Reading the file or folder whose absolute path is the value of `key`, or the first word of it if there is no such
	 * file: a command with arguments. */
	PP_NEED_PATH = 4,
	/* Writing files in a folder that is private to the process, and that the environment variable TMPDIR names. It is
	 * empty before each run: the host replaces a process whose run has left anything there, and removes the folder with
	 * the process. A file may be as large as the step's memory_limit, and so may all of them together, which the host
	 * looks at every two seconds. With isolation = thread, TMPDIR is the host's own. */
	PP_NEED_FILES = 5,
};

/* The host regards the first 32 needs, and 16 paths among them. */
struct pp_need {
	uint32_t kind;
	const char *key; /* NULL: always */
	/* The need exists only if the key's value, as string() returns it, begins with one of these, separated by single
	 * spaces … */
	const char *when;
	/* … and with none of these. NULL: no such condition. Each item of a list (PP_KEY_LIST) is a value of its own: the
	 * need exists if one of them fits both, and a PP_NEED_PATH is for those that do. */
	const char *unless;
};

/* Opaque to modules. */
struct pp_setup; /* one step's configuration, during create() */
struct pp_run;   /* one call of run() */

/* Whether this host has a member of struct pp_host. A module that runs on hosts of minor 0, too, asks before it calls
 * what minor 1 added: if (PP_HOST_HAS(host, log_setup)) … A module that defines PP_STEP_NEEDS_MINOR as 1 need not ask
 * for what this file says is "since 1.1". */
#define PP_HOST_HAS(host, member) ((host)->size >= offsetof(struct pp_host, member) + sizeof((host)->member))

/* What the host does for modules. All strings passed in are copied; all strings returned belong to the
 * host. Those of create() are valid as long as the instance, those of run() until it returns. Times are
 * nanoseconds since 1970-01-01 UTC.
 * Functions that take a pp_run may be called only by the thread that run() or check_run() was called on, except
 * cancelled(). */
struct pp_host {
	uint32_t size; /* sizeof(struct pp_host) on the host's side: members beyond it do not exist */
	uint16_t abi_major;
	uint16_t abi_minor;

	/* create() only: the value of a declared key. string() is NULL for a key that is unset; for PP_KEY_BOOL it is true
	 * or false, and for PP_KEY_CHOICE the word as it is declared, however the file writes them. number() is defined for
	 * the types that have one, 0 when unset. number() also knows "deadline" and "max_wait", which every step has,
	 * "quarantine" (1: there is one), "on_exhausted" (1: an upload goes on to the next step after the last retry of
	 * this one), and "workers" (how many runs there are at a time at most); the last three are 0 if the host is older
	 * than they are. */
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
	 * place of the last ones. The bytes stay valid until the next call of this function or of one that 1.1 added for
	 * bytes. Opens the source at the first call; blocks, but not past the deadline or cancellation. */
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

	/* Since 1.1, from here on. */

	/* create() only: one text of a key of type PP_KEY_LIST, from 0. NULL: there are no more. */
	const char *(*item)(const struct pp_setup *setup, const char *key, size_t number);

	/* create() only: a line in the service's log, with the step. Each process of the step has its own instance, so each
	 * of them says it. Never log what grants access. */
	void (*log_setup)(struct pp_setup *setup, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

	/* The name of this step, never NULL; also in check_run(). */
	const char *(*step)(const struct pp_run *run);
	/* The user who uploads ("opaque_id" of its ID), and the space that the upload is for ("space_id" of resource_id()).
	 * Such an ID is any text of the server's in UTF-8. NULL: unknown, empty, or longer than PP_NAME_LIMIT. */
	const char *(*user_id)(const struct pp_run *run);
	const char *(*space_id)(const struct pp_run *run);

	/* read() begins at the first byte again. Returns 0, or -1 if there is no upload. An error of read() is
	 * forgotten, so the next call tries again. What it costs: nothing, if all bytes were read in one piece, or if a
	 * copy of the upload exists (see content_fd()). Otherwise the next read() has them fetched from storage a second
	 * time, and after a second rewind() a copy is made. */
	int (*rewind)(struct pp_run *run);
	/* A descriptor of the whole upload, which has exactly filesize() bytes: for lseek(), pread(), mmap() and
	 * fstat(), and to be passed to a program. It can only be read, and nobody can change the bytes. At first it stands
	 * at the first byte; read() does not move it, and goes on where it was. Each call in the same run returns the same
	 * descriptor. It belongs to the host, which closes it when run() has returned: dup() it to close it earlier, but do
	 * not keep it, or a mapping, beyond run(), as that keeps the bytes of this upload in memory or on disk.
	 *
	 * At the first call the host makes a copy of the upload: in memory (sealed, see F_GET_SEALS in fcntl(2)) up to
	 * [content] copy_memory, otherwise in a file without a name in copy_dir. Later steps of the same upload use the
	 * same copy, each with a descriptor and a position of its own. The copy does not count for memory_limit, but what
	 * the module copies from it does. -1: the bytes cannot be had, or there is no room for the copy; read_error() says
	 * why. Then return PP_RETRY, or use read(), which needs no copy, after rewind(). Blocks, but not past the deadline
	 * or cancellation. */
	int (*content_fd)(struct pp_run *run);
	/* The SHA-256 of the upload's bytes, 64 lower-case hex digits. The host computes it when a step asks for
	 * it first, and makes the copy of content_fd() for that. NULL: as -1 of content_fd(). */
	const char *(*content_sha256)(struct pp_run *run);

	/* The step's verdict for people and for later steps: one word, such as "clean" or "infected", of 1 to
	 * PP_VERDICT_LIMIT characters a-z, 0-9 and -, and details, the text of a JSON object within PP_DETAILS_LIMIT and
	 * PP_RESULT_DEPTH (NULL: none). It does not replace what run() returns, and is kept only if that is PP_CONTINUE,
	 * PP_ABORT, PP_DELETE or PP_HOLD. A later call in the same run replaces it. Returns 0, or -1 if word or details are
	 * invalid: that is logged, and what was set before stays. */
	int (*set_verdict)(struct pp_run *run, const char *word, const char *details_json);

	/* What the steps before this one said on the upload, by their names. They have all ended with PP_CONTINUE, or there
	 * would be no run of this one.
	 * step_outcome(): PP_CONTINUE; 0: no such step has ended on this upload, or it reached no verdict and the upload
	 * continued without one (on_exhausted = continue).
	 * step_result(): its Result, JSON text, also of a step that another service performs. step_verdict(): the word of
	 * set_verdict(). NULL: none.
	 * Results are kept up to PP_KEPT_LIMIT bytes each, and results and details together up to 16 KiB; the rest is left
	 * out. All of it is lost if an instance of an older version of the service has written the upload's record since.
	 * So do not take it for a proof if nothing is there. */
	uint32_t (*step_outcome)(const struct pp_run *run, const char *step);
	const char *(*step_result)(const struct pp_run *run, const char *step);
	const char *(*step_verdict)(const struct pp_run *run, const char *step);

	/* A cache that all instances of the service share, for what takes long to find out: a verdict on equal bytes, say.
	 * It may forget anything at any time. `key` (1 to PP_CACHE_KEY_LIMIT bytes) says all that the text depends on; each
	 * module has keys of its own.
	 * cache_get() returns the text, which is valid until the next call of cache_get() or the end of the run. NULL:
	 * there is none, or the cache gave no answer within two seconds. If another run in this instance of the service, of
	 * any step of the module, was told just now that there is none under the key, cache_get() waits until that run has
	 * kept a text under it, and returns that; if it ends without one, the next run that waits is told that there is
	 * none. So only one of equal uploads that come at once is worked on. The two seconds hold for this, too. So ask
	 * only for what this run is about to find out, and keep it as soon as it is known.
	 * cache_put() keeps a text of up to PP_CACHE_LIMIT bytes in place of an older one, without waiting; other instances
	 * may return the older one for a minute, and may not find a new one for a second. Returns 0, or -1 if key or text
	 * is too long, or after 32 calls of both in one run; cache_get() returns NULL then. */
	const char *(*cache_get)(struct pp_run *run, const char *key);
	int (*cache_put)(struct pp_run *run, const char *key, const char *text);

	/* How far the run has got, in any unit, such as bytes: `done` of `total` (-1: unknown). `show` prints it while the
	 * run is under way, if it can reach the service; it is written nowhere. Call it as often as you like: a report
	 * leaves the process once a second at most, and what comes sooner goes along with a later call of the host.
	 * Negative numbers count as 0, or as unknown. */
	void (*set_progress)(struct pp_run *run, int64_t done, int64_t total);

	/* Metrics of the module's own; also in check_run(). They are in /metrics as
	 * postprocessing_step_NAME_total{step="…"} for count(), which adds, and postprocessing_step_NAME{step="…"} for
	 * gauge(), which sets. The name has 1 to PP_METRIC_NAME_LIMIT characters a-z, 0-9 and _; no other label is
	 * possible. The service adds up what all processes of the step count, and shows what the last of them set. A step
	 * can have PP_METRICS_LIMIT metrics. One beyond that, one with a name that is invalid, that the service has itself,
	 * or that another module uses for the other kind, and a value that is not finite are dropped, which is logged once.
	 * As set_progress(), both can be called often. What was not reported yet is lost if the process dies. */
	void (*count)(struct pp_run *run, const char *name, uint64_t by);
	void (*gauge)(struct pp_run *run, const char *name, double value);

	/* As content_sha256(), but only if the host has the digest already, as this run or an earlier step has asked for
	 * it: nothing is computed, copied or fetched for it. NULL: the host does not have it, which is no error. */
	const char *(*known_sha256)(struct pp_run *run);

	/* Keeps an encrypted copy of the upload's bytes in the service's quarantine, with what the run has said so far
	 * (set_verdict(), set_reason()): call it before a verdict that ends the upload. Only the holder of the private key
	 * can read it. Returns 0 if the copy is durably there, -1 if it is not: read_error() says why; then return
	 * PP_RETRY. A later call for the same upload and step, also in a later run, replaces the copy. number(setup,
	 * "quarantine") in create() is 1 if the service has a quarantine, so that a module can reject a setting that needs
	 * one. It makes the copy of content_fd(), with its digest. Blocks, but not past the deadline or cancellation;
	 * read() goes on where it was. */
	int (*quarantine)(struct pp_run *run);
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
	 * The host calls it in a process of its own, beside runs (with isolation = thread on a thread of its own):
	 * before the first run, then every check_interval (a key of each step, 30 s), sooner after a failure, and not
	 * at all while runs reach verdicts and none fails. A call that takes longer than 10 s has failed; there is
	 * never a second one beside it. Until the first check has passed, and after two that failed in a row, the step
	 * is suspended: run() is not called, so no retry is spent. Its uploads wait until a check passes, or a run
	 * that an administrator asked for reaches a verdict, for check_limit (24 h) at most. `postprocessing steps`
	 * calls it as well. */
	int (*check)(void *instance, char *why, size_t size);

	/* Since 1.1, optional: ends with a kind of 0. */
	const struct pp_need *needs;

	/* Since 1.1, optional: the same as check(), and called in its place. Returns 0, or non-zero after set_reason(). If
	 * it returns 0 after set_reason(), the step can work, and the reason is a note on what is wrong all the same, such
	 * as one of two servers that does not answer. `steps` and /readyz show it, and the log has it when it changes; so
	 * its text should change only when the situation does. For that it is called every check_interval also while runs
	 * reach verdicts; if it fails then, and no run does, that is a note, too. Of the functions that take a pp_run these
	 * work in it: log(), set_reason(), step(), count(), gauge(), now(), deadline(), cancelled(), cancel_fd(). There is
	 * no upload, so the strings that describe one are NULL, filesize() is -1, attempt() and woken_at() are 0, read(),
	 * rewind(), content_fd() and set_result() return -1, and content_sha256() returns NULL. The run is cancelled at its
	 * deadline, one second before the call has failed. A host of 1.0 does not know this member and calls check(), if
	 * there is one. */
	int (*check_run)(void *instance, struct pp_run *run);
};

/* The first members of every module's pp_step_module. */
#define PP_STEP_HEAD \
	.magic = PP_STEP_MAGIC, .abi_major = PP_STEP_ABI_MAJOR, .abi_minor = PP_STEP_NEEDS_MINOR, \
	.size = sizeof(struct pp_step_module), .key_size = sizeof(struct pp_key)
/* The same for C++17, which has no designated initializers: the other members follow in their order. */
#define PP_STEP_HEAD_VALUES \
	PP_STEP_MAGIC, PP_STEP_ABI_MAJOR, PP_STEP_NEEDS_MINOR, sizeof(struct pp_step_module), sizeof(struct pp_key)

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
_Static_assert(offsetof(struct pp_step_module, needs) == 80, "ABI 1.0 ends here");
_Static_assert(offsetof(struct pp_step_module, check_run) == 88, "ABI 1.1");
_Static_assert(sizeof(struct pp_step_module) == 96, "ABI 1.1");
_Static_assert(sizeof(struct pp_need) == 32, "ABI 1.1");
_Static_assert(sizeof(struct pp_key) == 64, "ABI 1.0");
_Static_assert(offsetof(struct pp_host, string) == 8, "ABI");
_Static_assert(offsetof(struct pp_host, read) == 88, "ABI");
_Static_assert(offsetof(struct pp_host, item) == 176, "ABI 1.0 ends here");
_Static_assert(offsetof(struct pp_host, log_setup) == 184, "ABI 1.1");
_Static_assert(offsetof(struct pp_host, rewind) == 216, "ABI 1.1");
_Static_assert(offsetof(struct pp_host, set_verdict) == 240, "ABI 1.1");
_Static_assert(offsetof(struct pp_host, cache_get) == 272, "ABI 1.1");
_Static_assert(offsetof(struct pp_host, set_progress) == 288, "ABI 1.1");
_Static_assert(sizeof(struct pp_host) == 328, "ABI 1.1");
#endif

#ifdef __cplusplus
}
#endif
#endif
