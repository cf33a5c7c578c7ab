/* SPDX-License-Identifier: Apache-2.0
 * Internal to the configuration: the table of the service's own keys. Reading, checking, the names of
 * variables, defaults and help all come from it, and so do conf/postprocessing.ini.in and the keys of
 * postprocessing.ini(5): after a change, `make reference` writes these two anew. A key's help is one or
 * more full sentences; its type, default, range, choices and variables are added by the program. */
#ifndef CORE_CONFIG_CONFIG_KEYS_H
#define CORE_CONFIG_CONFIG_KEYS_H

#include "core/config/config_source.h"

/* The configuration in the making: its members, and values that it is made of. Owns all strings. */
struct config_draft {
	struct config config;
	char *steps, *plugin_dir, *file_roots, *ca_file;
	char *events_password_file, *store_password_file;
	char *cluster;
	unsigned log_level, store_kind;
	struct step_defaults step;
};

/* The same for one step. */
struct step_draft {
	struct step_config step;
	unsigned on_exhausted;
};

enum {
	KEY_REQUIRED = 1,    /* may not be empty */
	KEY_NO_VARIABLE = 2, /* the name that its variable would have means something else */
	KEY_SECRET = 4,      /* its value is never shown */
	KEY_FILE = 8,        /* a path: $CREDENTIALS_DIRECTORY at its beginning stands for that variable */
};

/* PP_KEY_STRING sets a char *, BOOL a bool, INTEGER and CHOICE an unsigned, DURATION a nanos. */
struct config_key {
	const char *section;
	struct pp_key key;
	size_t offset; /* in struct config_draft; in struct step_draft for the steps' keys */
	unsigned flags;
	const char *example; /* shown where there is no default; NULL: nothing is */
};

/* The sections of the service's own keys, for people. Ends with one without name. */
struct config_section {
	const char *name;
	const char *help;
};
extern const struct config_section config_sections[];
/* The variables that are not of a key, likewise. */
extern const struct config_section config_variables[];

/* The keys of all sections but the steps', then those that each step has. Both end with a key without name. */
extern const struct config_key config_keys[];
extern const struct config_key step_keys[];

/* NULL: no such key. */
const struct config_key *config_keys_find(const char *section, const char *name);
const struct config_key *step_keys_find(const char *name);

/* Whether there are keys of that section. */
bool config_keys_section(const char *section);

/* Finds, checks and stores one key's value, or its default; a wrong one is a problem and leaves the default. `section`
 * is the full name ("step:NAME" for a step). Returns where the value came from: value NULL for the default. */
struct found config_key_read(const struct config_source *source, const char *section, const struct config_key *key, void *draft,
                             struct problems *problems);

#endif
