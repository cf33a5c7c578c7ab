/* SPDX-License-Identifier: Apache-2.0
 * The configuration: one ini file, the files of steps.d/ beside it, and the environment, which takes precedence.
 *
 * Reading never stops at the first error. All problems are collected with their places ("virusscan.ini:12: scanner:
 * unknown value "clam" (clamav)", or the variable's name) and shown together. The keys of modules are checked in a
 * second pass, when the modules that declare them are known. */
#ifndef CORE_CONFIG_CONFIG_H
#define CORE_CONFIG_CONFIG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/content/content.h"
#include "postprocessing/step.h"

/* The problems, one line each. */
struct problems {
	char **line;
	size_t count;
};
void problems_add(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
void problems_free(struct problems *problems);

/* The maximum number of servers in an endpoint. */
#define BROKER_SERVERS_LIMIT 16
/* How to reach a broker. */
struct broker_address {
	char *endpoint;  /* host:port, several separated by commas; "embedded" (events only). Never with credentials. */
	char *username;  /* NULL: none */
	char *password;  /* NULL: none. A secret. */
	char *token;     /* used instead of both. A secret. */
	bool tls_by_url; /* the endpoint's URL requires TLS */
	pthread_mutex_t *changing; /* hold it to read or change the address; NULL: the address never changes */
	bool overridden;           /* credentials in the endpoint's URL override username and password */
	char *ca_file;             /* NULL: the system's */
	bool tls;
	bool tls_insecure;
};

/* What to do when the broker has lost its data: AUTO waits if the broker kept several replicas, and continues
 * otherwise. */
enum on_broker_loss { BROKER_LOSS_AUTO, BROKER_LOSS_CONTINUE, BROKER_LOSS_WAIT };

enum on_exhausted { EXHAUSTED_ABORT, EXHAUSTED_CONTINUE };

enum hold_outcome { HELD_ABORT, HELD_DELETE, HELD_CONTINUE };
enum isolation { ISOLATION_PROCESS, ISOLATION_THREAD };

/* One step, as the host sees it. */
struct step_config {
	char *name;
	char *module;      /* default: the name */
	const char *place; /* "FILE:LINE" or variable that chose the module; owned by the configuration */
	unsigned workers;
	nanos deadline;        /* for one run, or for the answer of a remote step */
	nanos check_interval;  /* 0: no checks */
	nanos check_limit;     /* how long an upload waits while the step is suspended */
	nanos hold_limit;      /* how long the step may hold an upload … */
	unsigned hold_outcome; /* … and what follows: enum hold_outcome */
	nanos max_wait;        /* the longest wait that the step may ask for … */
	unsigned max_waits;    /* … and how often */
	unsigned max_retries;
	nanos retry_backoff;      /* before the n-th retry: retry_backoff · 2^(n-1) */
	unsigned on_exhausted;    /* enum on_exhausted */
	char *enable;             /* as it is written; NULL: unset */
	unsigned isolation;       /* enum isolation */
	char *allow;              /* as it is written; NULL: unset */
	uint32_t grants;          /* what it allows (GRANT_…) */
	int64_t memory_limit;     /* bytes, of each process */
	unsigned worker_max_runs; /* 0: no limit */
	unsigned max_crashes;
	struct section *section; /* the keys as read, for step_setup_create(); owned by the configuration */
	bool faulty;             /* a value of these is wrong, and has its default here */
};

#define NO_STATE_DIR "state_dir: not set, and neither are STATE_DIRECTORY, XDG_STATE_HOME and HOME"

struct config {
	struct step_config *step; /* in the order in which they run */
	size_t step_count;
	bool delay_appended;  /* POSTPROCESSING_DELAY is set but `delay` is not listed in steps: it runs last */
	char **plugin_dir;    /* NULL-terminated; searched in order */
	char *worker_program; /* NULL: the default place */
	char *worker_user;
	char *state_dir; /* NULL: not configured; code that needs it reports NO_STATE_DIR */
	nanos shutdown_grace;
	enum log_level log_level;
	nanos retention;        /* how long to keep the records of uploads that ended badly; 0: forever */
	unsigned max_in_flight; /* the maximum number of uploads in this instance between event and acknowledgement */

	struct broker_address events;
	unsigned on_broker_loss;     /* enum on_broker_loss */
	char *consumer;              /* durable consumer on the event stream */
	bool announce_steps;         /* publish StartPostprocessingStep also for steps that are performed here */
	struct broker_address store; /* default: as events */
	char *bucket;                /* [store] database */
	bool cache_enabled;
	nanos cache_ttl;
	int64_t cache_size; /* bytes */
	char *table;        /* if set, keys are base32 of <table>_<id>; NULL: none */

	struct content_options content;

	bool quarantined;           /* there is a quarantine, or its keys are wrong: */
	char *quarantine_folder;    /* NULL: none */
	char *quarantine_key;       /* the path of the public key */
	nanos quarantine_retention; /* 0: for ever */
	int64_t quarantine_size;    /* bytes; 0: no limit */
	char *audit_file;           /* NULL: none */

	char *http_addr;  /* host:port; NULL or "": no HTTP */
	char *http_token; /* for /metrics; NULL: none. A secret. */

	/* Settings that may not have the intended effect, and settings that are not needed; in the form of problems. */
	struct problems warnings, notes;

	struct config_source *source; /* everything as it was read, for step_setup_create() */
};

/* Reads `path` (NULL: POSTPROCESSING_CONFIG, else CONFIG_DIR/postprocessing.ini, which may be missing), its steps.d/
 * and `environment` ("NAME=value", NULL-terminated). Never NULL; usable only if `problems` stayed empty. */
struct config *config_read(const char *path, char *const *environment, struct problems *problems);
/* Whether a file or a variable sets the key. */
bool config_is_set(const struct config *config, const char *section, const char *key);
/* Adds "PLACE: KEY: " and the text; if the key has its default, "[SECTION] KEY: " and the text. */
void config_blame(const struct config *config, struct problems *problems, const char *section, const char *key,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The configuration of one step that has the name of its module, NAME.so in `folder`. keys: those of the step,
 * "key=value", NULL-terminated. Reads no files, and of the variables only POSTPROCESSING_WORKER_PROGRAM and _USER. */
struct config *config_of_step(const char *name, const char *folder, char *const *keys, struct problems *problems);
void config_free(struct config *config);

/* Adds unused settings to warnings and notes: sections and variables with our prefix, with the most similar valid name,
 * and variables of the replaced services that have no effect. `known`: the description of each step's module, in the
 * order of the steps (NULL: the module is refused). `module`: the names of all available modules, NULL-terminated. */
void config_find_unused(struct config *config, const struct pp_step_module *const *known, char *const *module);

/* When the youngest of the files and folders that were read was changed. */
nanos config_changed_at(const struct config *config);
/* Adds a problem for each file that has changed since it was read. */
void config_check_settled(const struct config *config, struct problems *problems);
/* The main file if it is a copy that systemd made when the service started, which never changes; NULL: it is not. */
const char *config_copy(const struct config *config);
/* Logs the steps, and all warnings and notes. */
void config_announce(const struct config *config, const struct log *log);
/* Calls `each` with the names of the keys ("[events] endpoint") whose values differ, and that a running service reads
 * only when it starts. */
void config_each_fixed_change(const struct config *before, const struct config *after,
                              void (*each)(void *closure, const char *key), void *closure);
/* Whether all settings that each step has are equal, but for the step's place in the order. */
bool config_step_same(const struct step_config *one, const struct step_config *other);

/* Whether the name is a valid module name: at most 64 letters, digits, _ . and -, not beginning with a period. False:
 * why[size] has the reason. */
bool module_name_check(const char *name, char *why, size_t size);

/* The keys of one step as its module sees them. Each declared key has a checked value or its default. Undeclared keys
 * are problems. `keys` is traversed in strides of key_size, the module's own sizeof(struct pp_key). The caller frees
 * the result. */
struct step_setup *step_setup_create(struct config *config, const struct step_config *step, const struct pp_key *keys,
                                     size_t key_size, struct problems *problems);
void step_setup_free(struct step_setup *setup);

/* What create() gets of it; valid as long as the setup. What the module rejects becomes a problem. */
struct pp_setup *step_setup_host(struct step_setup *setup);
/* Returns the module's own key with the longest duration, and sets *duration to its value; NULL: there is no such
 * key. */
const char *step_setup_longest(const struct step_setup *setup, nanos *duration);

#endif
