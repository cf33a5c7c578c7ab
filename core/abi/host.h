/* SPDX-License-Identifier: Apache-2.0
 * The host's side of the step ABI: the functions that modules call, and the call of run().
 *
 * It is the same code in the service (isolation = thread) and in a worker process. What differs stands in struct
 * run_services. */
#ifndef CORE_ABI_HOST_H
#define CORE_ABI_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/abi/setup.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "postprocessing/step.h"

extern const struct pp_host host_services;

/* A step that has ended on the upload. */
struct earlier_step {
	const char *name;
	uint32_t outcome;             /* PP_CONTINUE; 0: the upload continued without its verdict */
	const char *verdict, *result; /* a word and JSON text; NULL: none */
};
/* The most steps that an upload can have. */
#define EARLIER_LIMIT 64

/* What a module can ask about the upload. The strings are valid until the run has ended. */
struct run_facts {
	const char *step; /* its name */
	const char *id, *filename, *resource_id_json;
	const char *user_id, *space_id; /* NULL: unknown */
	int64_t filesize;               /* -1: unknown */
	const char *digest;             /* SHA-256 of the upload's bytes; NULL: not known yet */
	uint32_t attempt;
	nanos woken_at, deadline; /* wall clock */
	const struct earlier_step *earlier;
	size_t earlier_count;
};

/* What a run needs of its surroundings. */
struct run_services {
	void *closure; /* the first argument of each function */
	/* As the members of struct pp_host with the same names. */
	ssize_t (*read)(void *closure, const void **bytes);
	const char *(*read_error)(void *closure);
	int (*rewind)(void *closure);
	int (*content_fd)(void *closure);
	const char *(*content_sha256)(void *closure);
	/* With what the run has said so far; NULL or "": nothing. */
	int (*quarantine)(void *closure, const char *verdict, const char *details, const char *reason);
	/* `number`: of the call, from 1. The text, which the caller frees, or NULL; and without waiting. NULL: there is no
	 * cache. */
	char *(*cache_get)(void *closure, unsigned number, const char *key);
	void (*cache_put)(void *closure, unsigned number, const char *key, const char *text);
	void (*log)(void *closure, enum log_level level, const char *text);
	void (*progress)(void *closure, int64_t done, int64_t total); /* NULL: in a check */
	/* False: the step has too many metrics. */
	bool (*count)(void *closure, const char *name, uint64_t by);
	bool (*gauge)(void *closure, const char *name, double value);
	bool (*cancelled)(void *closure);
	int cancel_fd;
};

/* Whether it is a word for set_verdict(), and JSON for its details. */
bool verdict_is_word(const char *word);
bool verdict_is_details(const char *json);

/* How often one run may use the cache. */
#define CACHE_TURNS_LIMIT 32
/* How long cache_get() waits. */
#define CACHE_TIMEOUT (2 * SECOND)

/* How a run ended. */
struct run_answer {
	uint32_t value;                     /* PP_RETRY … PP_HOLD, never anything else */
	nanos until;                        /* PP_WAIT, PP_AWAIT */
	char *result;                       /* compact JSON text, which the caller frees, or NULL */
	char *details;                      /* the same, of the verdict: */
	char verdict[PP_VERDICT_LIMIT + 1]; /* ""; none */
	char reason[PP_REASON_LIMIT + 1];
};

/* Frees the texts. */
void run_answer_clear(struct run_answer *answer);

/* Calls the module's run(). Only the documented return values are passed on; others are a retry with a reason. */
void host_run(const struct pp_step_module *module, void *instance, const struct run_facts *facts,
              const struct run_services *services, struct run_answer *answer);

/* Calls the module's check_run(), or check() if it has none. A module that has neither passes. Of the services, `read`
 * and `read_error` are not used. False: it failed; why[size] has the reason, which may be "". True: why[size] has what
 * check_run() notes, or "". */
bool host_check(const struct pp_step_module *module, void *instance, const char *step,
                const struct run_services *services, nanos deadline, char *why, size_t size);

#endif
