/* SPDX-License-Identifier: Apache-2.0
 * Internal to the configuration: everything as it was read, before it means anything. Sections with their
 * settings from the files, and a copy of the environment; each value knows where it came from. */
#ifndef CORE_CONFIG_CONFIG_SOURCE_H
#define CORE_CONFIG_CONFIG_SOURCE_H

#include <sys/stat.h>

#include "core/config/config.h"

#define STEP_NAME_MAX 64
#define STEP_PREFIX "step:"

/* Who wins where a key is set more than once. */
enum setting_rank { RANK_DROPIN, RANK_MAIN, RANK_ENVIRONMENT };

struct setting {
	char *name;
	char *value;
	char *place; /* "/etc/postprocessing/postprocessing.ini:12", or the variable's name */
	enum setting_rank rank;
	unsigned file; /* the number of its file; 0: none */
};

struct section {
	char *name;
	char *place; /* of its first header; NULL: only variables speak of it */
	struct setting *setting;
	size_t count;
};

struct variable {
	char *name;
	char *value;
};

/* A file or folder that the configuration came from. */
struct read_file {
	char *path;
	unsigned number; /* as in struct setting; 0: a folder */
	struct stat info;
};

struct config_source {
	struct section **section;
	size_t count;
	struct variable *variable;
	size_t variable_count;
	unsigned files; /* that were read */
	struct read_file *file;
	size_t file_count;
};

/* Copies the environment ("NAME=value", NULL-terminated, NULL: none); variables that are empty or blank count as unset.
 * NULL: out of memory. */
struct config_source *config_source_create(char *const *environment);
void config_source_free(struct config_source *source);

/* Notes what was read. */
void source_file_add(struct config_source *source, const char *path, unsigned number, const struct stat *info,
                     struct problems *problems);

/* NULL: there is none of that name. */
struct section *source_section(const struct config_source *source, const char *name);
/* Finds or makes it. `place` may be NULL. NULL: that was a problem. */
struct section *source_section_add(struct config_source *source, const char *name, const char *place, struct problems *problems);
/* The section of a step; NULL: there is none. */
struct section *source_step_section(const struct config_source *source, const char *step);

/* NULL: not set. `section` may be NULL. */
const struct setting *section_find(const struct section *section, const char *name);
/* Sets a key, unless a higher rank has. Within one rank the later file wins; setting it twice in one file is a problem. */
void section_set(struct section *section, const struct setting *setting, struct problems *problems);

/* NULL: unset, empty or blank. */
const struct variable *source_variable(const struct config_source *source, const char *name);

#define VARIABLE_NAME_SIZE 256
/* The name of a key's own variable: POSTPROCESSING_<SECTION>_<KEY>. False: longer than any that is looked for. */
bool variable_name(char name[VARIABLE_NAME_SIZE], const char *section, const char *key);

/* Whether the variable is one of those that Kubernetes and Docker make for a service of our name, or of one whose name begins
 * as ours does: POSTPROCESSING_PORT=tcp://…, POSTPROCESSING_SERVICE_HOST, POSTPROCESSING_PORT_9255_TCP_ADDR. */
bool variable_is_service_link(const struct variable *variable);

/* A value and where it came from, for people. */
struct found {
	const char *value; /* NULL: not set */
	const char *place;
	enum setting_rank rank;
};

/* The value of a key: its own variable, else the first of key->environment that is set, else the files'. `own` false:
 * the key has no variable of its own. */
struct found source_find(const struct config_source *source, const char *section, const struct pp_key *key, bool own);

/* config_file.c: adds what `path` holds, or the files of the folder. */
void config_file_read(struct config_source *source, const char *path, bool may_be_missing, struct problems *problems);
void config_folder_read(struct config_source *source, const char *folder, struct problems *problems);
/* The same for bytes that are in memory already; `name` stands for the file in messages. */
void config_file_parse(struct config_source *source, const char *name, const char *bytes, size_t length,
                       enum setting_rank rank, struct problems *problems);

/* config_value.c: checks a text against what the key may hold. False: why[size] says what is wrong, without the value if
 * that may be a secret. */
bool value_parse(const struct pp_key *key, const char *text, int64_t *number, char *why, size_t size);
#define VALUE_WHY_SIZE 256

/* What is wrong with a text from outside: it is not UTF-8, or has characters in it that make it look like another text or
 * end a line. NULL: nothing. Never shows the text. */
const char *text_fault(const char *text, size_t length);

/* config_access.c: warns of all files and folders of the configuration that others can change, or read although they hold a
 * secret. */
void access_warn_files(struct config *config);
/* The same for a file that a key names, `place` being the key's. `secret`: what it holds is one. */
void access_warn_named(struct problems *warnings, const char *place, const char *key, const char *path,
                       const struct stat *info, bool secret);
/* Whether the value of a key is a secret, or may hold one. `section` is the full name. */
bool setting_is_secret(const char *section, const char *key, const char *value);

/* config_list.c: the parts of a list, NULL-terminated, in one allocation; without empty parts. NULL: out of memory. */
char **list_split(const char *text, const char *separators);

/* config_broker.c: takes the address->endpoint that is configured (host:port or a nats://, tcp:// or tls:// URL, several
 * separated by commas or blanks) apart: afterwards it is a list of host:port, credentials of URLs are in username, password or
 * token, and tls is also true if a URL asks for it. False: why[size] says what is wrong, never with a part of the text, which
 * may hold a password. */
bool address_read_broker(struct broker_address *address, char *why, size_t size);

/* config_address.c: whether the text can be an address to listen on. */
bool address_check_listen(const char *text, char *why, size_t size);
/* Whether it is a decimal port, not below `least`. */
bool address_is_port(const char *text, long least);

/* config.c: the configuration that `source` (taken over, also on failure) comes down to. NULL: out of memory. */
struct config *config_build(struct config_source *source, struct problems *problems);
/* What state_dir is by default: the first `length` bytes of `base`, and `tail`. False: nothing says. */
struct state_dir_default {
	const char *base, *tail;
	size_t length;
	const char *origin; /* the variable that says so, or "default of root" */
};
bool state_dir_find_default(const struct config_source *source, bool root, struct state_dir_default *folder);

/* step_setup.c: a key that the step's module declares, by number. False: there are no more. */
bool step_setup_key(const struct pp_setup *setup, size_t number, struct pp_key *key);

/* config_steps.c */
struct step_defaults {
	unsigned workers, max_retries;
	nanos retry_backoff;
};
bool step_name_check(const char *name, char *why, size_t size);
void config_steps_read(struct config *config, struct found list, const struct step_defaults *defaults, struct problems *problems);
void config_steps_free(struct config *config);

/* config_legacy.c: the settings of the services that this one replaces which are about certain steps. The only file
 * that knows any step by name. */
/* Whether the key of [postprocessing] is one of them. */
bool legacy_is_key(const char *key);
/* These keys by number, as they are documented; NULL: no more. */
const struct pp_key *legacy_key(size_t number);
/* All of them by number, those that are variables only too. */
const struct pp_key *legacy_variable(size_t number);
/* What the names of the variables of the replaced service begin with that is a step now, and the step's module. */
#define LEGACY_PREFIX "ANTIVIRUS_"
#define LEGACY_MODULE "virusscan"
/* Passes their values on to the steps' sections. */
void legacy_apply(struct config_source *source, struct problems *problems);
/* The steps that may run without being listed, by number; NULL: no more. */
const char *legacy_step(size_t number);
enum legacy_wish { LEGACY_NOT_WANTED, LEGACY_FIRST, LEGACY_LAST };
/* Whether and where that step is to run though it is not listed, and the place that says so. */
enum legacy_wish legacy_step_wish(const struct config_source *source, size_t number, const char **place, struct problems *problems);

/* config_replaced.c: variables of the replaced services that are not read here. */
struct replaced {
	const char *names;  /* separated by spaces; a * at the end of one stands for any rest */
	bool matters;       /* something is not as the variable wants it */
	const char *advice; /* what to use instead, or why it is not needed */
};
/* NULL: it is none of them; the first that fits. */
const struct replaced *replaced_find(const char *variable);
/* NULL: no more. */
const struct replaced *replaced_by_number(size_t number);

#endif
