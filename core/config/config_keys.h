/* SPDX-License-Identifier: Apache-2.0
 * Internal to the configuration: the table of the service's own keys. Reading, checking, names of variables, defaults
 * and help are all based on it, and so are conf/postprocessing.ini.in and the keys in postprocessing.ini(5). After a
 * change, `make reference` regenerates these two. A key's help consists of full sentences or phrases that end with a
 * period. The program adds the type, default, range, choices and variables. */
#ifndef CORE_CONFIG_CONFIG_KEYS_H
#define CORE_CONFIG_CONFIG_KEYS_H

#include "core/config/config_source.h"

/* The configuration while it is being built: its members, and the values they are built from. Owns all strings. */
struct config_draft {
	struct config config;
	char *steps, *plugin_dir, *file_roots, *ca_file, *copy_dir;
	char *events_password_file, *store_password_file;
	char *cluster;
	unsigned log_level, store_kind;
	struct step_config step; /* the defaults of all steps */
};

enum {
	KEY_REQUIRED = 1,    /* must not be empty */
	KEY_NO_VARIABLE = 2, /* the variable with the key's name has another meaning */
	KEY_SECRET = 4,      /* the value is never shown */
	KEY_FILE = 8,        /* a path; $CREDENTIALS_DIRECTORY at its beginning is replaced with the variable's value */
	KEY_START = 32,      /* a running service keeps the value when it reads the configuration again */
	KEY_LEGACY = 16,     /* kept for old configurations; config_legacy.c reads it, and other keys show its effect */
};

/* PP_KEY_STRING sets a char *, BOOL a bool, INTEGER and CHOICE an unsigned, DURATION a nanos, SIZE an int64_t. */
struct config_key {
	const char *section;
	struct pp_key key;
	size_t offset; /* in struct config_draft; in struct step_config for the steps' keys */
	unsigned flags;
	const char *example; /* shown if there is no default; NULL: none */
	/* Checks a value that is not empty. False: why[size] has the reason. NULL: any value of the type is valid. */
	bool (*check)(const char *text, char *why, size_t size);
};

/* The sections of the service's own keys, for people. Ends with an entry without a name. */
struct config_section {
	const char *name;
	const char *help;
};
extern const struct config_section config_sections[];
/* The variables that do not belong to a key, likewise. */
extern const struct config_section config_variables[];

/* The keys of all sections except those of steps, and the keys that each step has. Both end with an entry without a
 * name. */
extern const struct config_key config_keys[];
extern const struct config_key step_keys[];

/* NULL: no such key. */
const struct config_key *config_keys_find(const char *section, const char *name);
const struct config_key *step_keys_find(const char *name);

/* What is set for a key of the table. */
struct found config_key_find(const struct config_source *source, const struct config_key *key);
struct found config_find(const struct config_source *source, const char *section, const char *name);

/* Finds, checks and stores the value of a key, or its default. An invalid value is a problem, and the default is used.
 * `section` is the full name ("step:NAME" for a step). Returns the origin of the value; `value` is NULL for the
 * default. */
struct found config_key_read(const struct config_source *source, const char *section, const struct config_key *key,
                             void *draft, struct problems *problems);

#endif
