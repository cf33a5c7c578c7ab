/* SPDX-License-Identifier: Apache-2.0
 * The configuration: one ini file, the files of steps.d/ beside it, and the environment, which wins.
 *
 * Reading never stops at the first error: all problems are collected, each with its place
 * ("virusscan.ini:12: scanner: unknown value "clam" (clamav)", or the variable's name), so that they
 * are shown at once. Values of the steps' own keys are checked in a second pass, when the modules that
 * declare them are known. */
#ifndef CORE_CONFIG_CONFIG_H
#define CORE_CONFIG_CONFIG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/content/content.h"
#include "core/base/log.h"
#include "postprocessing/step.h"

/* What is wrong, one line each. */
struct problems {
	char **line;
	size_t count;
};
void problems_add(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
void problems_free(struct problems *problems);
/* Whether there was no memory for some: then they are one line that says so. */
bool problems_are_incomplete(const struct problems *problems);

/* As many servers may an endpoint name. */
#define BROKER_SERVERS_LIMIT 16
/* How to reach a broker. */
struct broker_address {
	char *endpoint;   /* host:port, several separated by commas; "embedded" (events only). Never with credentials. */
	char *username;   /* NULL: none */
	char *password;   /* NULL: none. A secret. */
	char *token;      /* instead of both. A secret. */
	bool tls_by_url;  /* the endpoint's URL asks for tls */
	pthread_mutex_t *changing; /* held while it is read or changed; NULL: it stays as it is */
	bool overridden;  /* credentials in the endpoint's URL counted, and not those of username and password */
	char *ca_file;    /* NULL: the system's */
	bool tls;
	bool tls_insecure;
};

/* What to do when the broker has lost all that it held: AUTO waits if it kept several copies, and continues otherwise. */
enum on_broker_loss { BROKER_LOSS_AUTO, BROKER_LOSS_CONTINUE, BROKER_LOSS_WAIT };

enum on_exhausted { EXHAUSTED_ABORT, EXHAUSTED_CONTINUE };

/* One step, as the host sees it. */
struct step_config {
	char *name;
	char *module;           /* default: the name */
	const char *place;      /* "FILE:LINE" or variable that chose the module; owned by the configuration */
	unsigned workers;
	nanos deadline;         /* of one run; of a remote step's answer */
	nanos check_interval;   /* 0: it is not checked */
	nanos check_limit;      /* so long its uploads wait while it is suspended */
	nanos max_wait;         /* farther ahead it may not ask to be run again … */
	unsigned max_waits;     /* … nor more often */
	unsigned max_retries;
	nanos retry_backoff;    /* before the n-th retry: retry_backoff · 2^(n-1) */
	enum on_exhausted on_exhausted;
	struct section *section;/* its keys as read, for step_setup_create(); owned by the configuration */
};

#define NO_STATE_DIR "state_dir: not set, and neither are STATE_DIRECTORY, XDG_STATE_HOME and HOME"

struct config {
	struct step_config *step; /* in the order that applies */
	size_t step_count;
	bool delay_appended; /* POSTPROCESSING_DELAY was set without `delay` among the steps: it runs last */
	char **plugin_dir;   /* NULL-terminated; searched in order */
	char *state_dir;     /* NULL: nothing says where, NO_STATE_DIR; who needs it has to say so */
	nanos shutdown_grace;
	enum log_level log_level;
	nanos retention;     /* the records of uploads that ended badly are removed after so long; 0: never */
	unsigned max_in_flight; /* uploads under way in this instance between event and acknowledgement */

	struct broker_address events;
	unsigned on_broker_loss; /* enum on_broker_loss */
	char *consumer;         /* durable consumer on the events stream */
	bool announce_steps;    /* StartPostprocessingStep is published for the steps that are done here, too */
	struct broker_address store; /* default: as events */
	char *bucket;           /* [store] database */
	char *table;            /* NULL: none; keys are base32 of <table>_<id> then */

	struct content_options content;
	char *http_addr;        /* host:port; NULL or "": no HTTP */
	char *http_token;       /* for /metrics; NULL: none. A secret. */

	/* What may not be as somebody believes, and what is set but not needed; one line each, in the form of problems. */
	struct problems warnings, notes;

	struct config_source *source; /* everything as it was read, for step_setup_create() */
};

/* Reads `path` (NULL: POSTPROCESSING_CONFIG, else CONFIG_DIR/postprocessing.ini, which may be missing), its steps.d/
 * and `environment` ("NAME=value", NULL-terminated). Never NULL, except out of memory; usable only if
 * `problems` stayed empty. */
struct config *config_read(const char *path, char *const *environment, struct problems *problems);
void config_free(struct config *config);

/* Adds to warnings and notes what is set and used by nothing: sections and variables with our names, with the nearest right
 * name, and variables of the replaced services that are not honoured. `known` is what each step's module says of itself, in the
 * steps' order (NULL: it is refused); `module` the names of all modules that there are, NULL-terminated. */
void config_find_unused(struct config *config, const struct pp_step_module *const *known, char *const *module);

/* Whether it can be a module's name: letters, digits, _ . and -, no point at the beginning, 64 at most. False: why[size]
 * says what is wrong. */
bool module_name_check(const char *name, char *why, size_t size);

/* The keys of one step as its module sees them: each declared key has a checked value or its default;
 * keys that nobody declared are problems. `keys` is walked in strides of key_size, the module's own
 * sizeof(struct pp_key). Never NULL, except out of memory; the caller frees it. */
struct pp_setup *step_setup_create(const struct config *config, const struct step_config *step,
                                   const struct pp_key *keys, size_t key_size, struct problems *problems);
void step_setup_free(struct pp_setup *setup);

/* struct pp_host's members of the same name. */
const char *step_setup_string(const struct pp_setup *setup, const char *key);
int64_t step_setup_number(const struct pp_setup *setup, const char *key);
const char *step_setup_name(const struct pp_setup *setup);
/* The module's own key with the longest duration, which is put into *duration; NULL: it has none. */
const char *step_setup_longest(const struct pp_setup *setup, nanos *duration);
void step_setup_reject(struct pp_setup *setup, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
