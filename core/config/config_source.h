/* SPDX-License-Identifier: Apache-2.0
 * Internal to the configuration: the uninterpreted input, which is the sections with their settings from the files, and
 * a copy of the environment. Each value knows its origin. */
#ifndef CORE_CONFIG_CONFIG_SOURCE_H
#define CORE_CONFIG_CONFIG_SOURCE_H

#include <sys/stat.h>

#include "core/config/config.h"

#define STEP_NAME_MAX 64
#define STEP_PREFIX "step:"
/* Of "step:NAME". */
#define STEP_SECTION_SIZE (sizeof STEP_PREFIX + STEP_NAME_MAX)

/* The precedence of sources if a key is set more than once; the last one wins. */
enum setting_rank { RANK_DROPIN, RANK_MAIN, RANK_ENVIRONMENT };

struct setting {
	char *name;
	char *value;
	char *place; /* "/etc/postprocessing/postprocessing.ini:12", or the variable's name */
	enum setting_rank rank;
	unsigned file; /* the number of the file; 0: none */
};

struct section {
	char *name;
	char *place; /* of its first header; NULL: only variables refer to it */
	struct setting *setting;
	size_t count;
};

struct variable {
	char *name;
	char *value;
};

/* A file or folder that the configuration was read from. */
struct read_file {
	char *path;
	unsigned number; /* as in struct setting; 0: a folder */
	struct stat info;
};

/* A value that follows from another key, from a broker's URL or from the system. */
struct derived {
	const char *section, *key;
	char *value;  /* NULL: unset */
	char *origin; /* for people */
};

struct config_source {
	struct section **section;
	size_t count;
	struct variable *variable;
	size_t variable_count;
	unsigned files; /* that were read */
	struct read_file *file;
	size_t file_count;
	struct derived *derived;
	size_t derived_count;
};

/* Copies the environment ("NAME=value", NULL-terminated; NULL: none). Empty and blank variables count as unset. */
struct config_source *config_source_create(char *const *environment);
void config_source_free(struct config_source *source);

/* Records a file or folder that was read. */
void source_file_add(struct config_source *source, const char *path, unsigned number, const struct stat *info);

/* Notes that a value (NULL: none) is in effect instead of the one that was read for the key, and why. Section and key
 * are borrowed. */
void source_derive(struct config_source *source, const char *section, const char *key, const char *value,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
/* What was noted last for the key; NULL: nothing. */
const struct derived *source_derived(const struct config_source *source, const char *section, const char *key);

/* NULL: no section has this name. */
struct section *source_section(const struct config_source *source, const char *name);
/* Finds or creates the section. `place` may be NULL. NULL: there are too many, which is added to `problems`. */
struct section *source_section_add(struct config_source *source, const char *name, const char *place,
                                   struct problems *problems);
/* The name of a step's section, written to `section`, which is returned. */
const char *step_section(const char *step, char section[STEP_SECTION_SIZE]);
/* The step that the section with this name is about; NULL: the section is one of the service's own. */
const char *section_step(const char *section);

/* NULL: not set. `section` may be NULL. */
const struct setting *section_find(const struct section *section, const char *name);
/* Sets a key, unless a higher rank has set it. Within a rank, the later file wins. Setting a key twice in one file is a
 * problem. */
void section_set(struct section *section, const struct setting *setting, struct problems *problems);

/* NULL: unset, empty or blank. */
const struct variable *source_variable(const struct config_source *source, const char *name);

#define VARIABLE_NAME_SIZE 256
/* The name of a key's own variable: POSTPROCESSING_<SECTION>_<KEY>. False: the name is too long. */
bool variable_name(char name[VARIABLE_NAME_SIZE], const char *section, const char *key);

/* Whether Kubernetes or Docker created the variable for a service with our name, or with a name that begins like ours:
 * POSTPROCESSING_PORT=tcp://…, POSTPROCESSING_SERVICE_HOST, POSTPROCESSING_PORT_9255_TCP_ADDR. */
bool variable_is_service_link(const struct variable *variable);

/* A value and its origin, for people. */
struct found {
	const char *value; /* NULL: not set */
	const char *place;
	enum setting_rank rank;
};

/* The value of a key: from its own variable, or the first variable of key->environment that is set, or the files. `own`
 * false: the key has no variable of its own. */
struct found source_find(const struct config_source *source, const char *section, const struct pp_key *key, bool own);

/* config_file.c: adds the contents of a file, or of the files in a folder. */
void config_file_read(struct config_source *source, const char *path, enum setting_rank rank, bool may_be_missing,
                      struct problems *problems);
void config_folder_read(struct config_source *source, const char *folder, struct problems *problems);
/* The same for bytes in memory; `name` is used as the file name in messages. */
void config_file_parse(struct config_source *source, const char *name, const char *bytes, size_t length,
                       enum setting_rank rank, struct problems *problems);

/* config_value.c: checks a text against the type and limits of the key. False: why[size] has the reason, without the
 * value if it may be a secret. */
bool value_parse(const struct pp_key *key, const char *text, int64_t *number, char *why, size_t size);
/* The one spelling of a value that may be written in several: true or false, or the choice as it is declared. NULL: the
 * type has none. */
const char *value_word(const struct pp_key *key, int64_t number, size_t *length);
#define VALUE_WHY_SIZE 256
/* A limit of the key in its unit ("16MiB", "24h"); returns text. */
#define LIMIT_TEXT_SIZE 32
const char *limit_format(const struct pp_key *key, int64_t limit, char text[LIMIT_TEXT_SIZE]);
/* Whether the least value has no form for people: any above 0. */
bool limit_is_above_zero(const struct pp_key *key);

/* Returns what is wrong with an external text: it is not UTF-8, or contains characters that end a line or make the text
 * look different. NULL: nothing. The result never contains the text. */
const char *text_fault(const char *text, size_t length);

/* config_access.c: warns of all files and folders of the configuration that other users can change, and of secrets that
 * they can read. */
void access_warn_files(struct config *config);
/* The same for a file named by a key at `place`. `secret`: the file contains a secret. */
void access_warn_named(struct problems *warnings, const char *place, const char *key, const char *path,
                       const struct stat *info, bool secret);
/* The same for a secret setting of a configuration file that everybody can read. */
void access_warn_readable(struct problems *warnings, const struct setting *setting, const struct read_file *file);
/* Whether the value of a key is a secret or may contain one. `section` is the full name. */
bool setting_is_secret(const char *section, const char *key, const char *value);

/* config_list.c: the non-empty parts of a list, NULL-terminated, in one allocation. */
char **list_split(const char *text, const char *separators);
/* The parts between commas without the blanks around them, empty ones too; likewise. An empty text has none. */
char **list_items(const char *text);

/* config_path.c: whether a text is an absolute path, and the path that it stands for. It may begin with
 * $CREDENTIALS_DIRECTORY: a file that systemd hands to the service (LoadCredential=), in a folder that only the service
 * knows. The caller frees it. NULL: *why. */
bool path_is_absolute(const char *text);
char *path_resolve(const struct config_source *source, const char *text, const char **why);
/* The only line of a file with a secret, which the caller frees. NULL: there is a problem. `place` and `key`: where the
 * path was set. */
char *secret_file_read(const char *path, const char *place, const char *key, struct problems *warnings,
                       struct problems *problems);

/* config_broker.c: parses the configured address->endpoint (host:port or a nats://, tcp:// or tls:// URL, several
 * separated by commas or blanks). Afterwards the endpoint is a list of host:port, the URLs' credentials are in
 * username, password or token, and tls is true if a URL requires it. False: why[size] has the reason, without any part
 * of the text, which may contain a password. */
bool address_read_broker(struct broker_address *address, char *why, size_t size);

/* config_address.c: whether the text is a valid address to listen on. */
bool address_check_listen(const char *text, char *why, size_t size);
/* Whether the text is a decimal port number, at least `least`. */
bool address_is_port(const char *text, long least);

/* config.c: builds the configuration from `source`, which is taken over. */
struct config *config_build(struct config_source *source, struct problems *problems);
/* The default of state_dir, which the caller frees. *origin: the variable that it comes from, or "default of root".
 * NULL: there is no default. */
char *state_dir_default(const struct config_source *source, bool root, const char **origin);

/* step_setup.c: the key with this number that the step's module declares, and of a secret the key that names its file,
 * else NULL. False: there are no more. */
bool step_setup_key(const struct step_setup *setup, size_t number, struct pp_key *key, const char **file_key);

/* config_steps.c */
bool step_name_check(const char *name, char *why, size_t size);
/* defaults: of the keys that [postprocessing] sets for all steps. */
void config_steps_read(struct config *config, struct found list, const struct step_config *defaults,
                       struct problems *problems);
void config_steps_free(struct config *config);

/* config_legacy.c: settings of the replaced services that concern specific steps: KEY_LEGACY in the table of keys, and
 * LEGACY_WORKERS, which is a variable only. No other file knows a step by its name. */
/* The prefix of the variables of the replaced service that is now a step, and the step's module. */
#define LEGACY_PREFIX "ANTIVIRUS_"
#define LEGACY_MODULE "virusscan"
#define LEGACY_WORKERS LEGACY_PREFIX "WORKERS"
/* Copies their values to the sections of the steps. */
void legacy_apply(struct config_source *source, struct problems *problems);
/* The steps that may run without being listed, by number; NULL: no more. */
const char *legacy_step(size_t number);
enum legacy_wish { LEGACY_NOT_WANTED, LEGACY_FIRST, LEGACY_LAST };
/* Whether and where that step runs although it is not listed, and the place of the setting that causes this. */
enum legacy_wish legacy_step_wish(const struct config_source *source, size_t number, const char **place,
                                  struct problems *problems);

/* config_replaced.c: variables of the replaced services that this service does not read. */
struct replaced {
	const char *names;  /* separated by spaces; a * at the end of a name matches any suffix */
	bool matters;       /* the variable asks for something that does not happen */
	const char *advice; /* what to use instead, or why the variable is not needed */
};
/* Ends with an entry without names. */
extern const struct replaced replaced_variables[];
/* The first entry that matches; NULL: none. */
const struct replaced *replaced_find(const char *variable);

#endif
