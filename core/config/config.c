/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/nearest.h"
#include "core/base/text.h"
#include "core/base/text_file.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"

static void blame_key(const struct section *section, const struct setting *setting, struct problems *problems)
{
	struct nearest nearest = {0};
	char words[NEAREST_WORDS_SIZE];
	for (const struct config_key *key = config_keys; key->section != NULL; key++)
		if (strcmp(key->section, section->name) == 0)
			nearest_offer(&nearest, setting->name, key->key.name);
	problems_add(problems, "%s: %s: unknown key in [%s]%s", setting->place, setting->name, section->name,
	             nearest_words(&nearest, "", "", words));
}

static void check_unknown_keys(const struct config_source *source, struct problems *problems)
{
	for (size_t i = 0; i < source->count; i++) {
		const struct section *section = source->section[i];
		bool is_step = section_step(section->name) != NULL;
		for (size_t j = 0; !is_step && j < section->count; j++)
			if (config_keys_find(section->name, section->setting[j].name) == NULL)
				blame_key(section, &section->setting[j], problems);
	}
}

/* Reads the password of a section from its file, unless a variable contains it. */
static void read_password(struct config *config, const char *section, const char *path, char **password,
                          struct problems *problems)
{
	const struct config_source *source = config->source;
	struct found direct = config_find(source, section, "password"),
				 file = config_find(source, section, "password_file");
	if (path == NULL)
		return;
	if (*password != NULL && direct.rank == file.rank) {
		problems_add(problems, "%s: password_file: password is set too (%s)", file.place, direct.place);
		return;
	}
	if (*password != NULL && direct.rank > file.rank)
		return;
	char *text = secret_file_read(path, file.place, "password_file", &config->warnings, problems);
	if (text == NULL)
		return;
	free(*password);
	*password = text;
	source_derive(config->source, section, "password", text, "%s", file.place);
}

static void derive_credential(struct config_source *source, const char *section, const char *key, const char *value,
                              bool token, const char *origin)
{
	const struct derived *derived = source_derived(source, section, key);
	const char *before = derived != NULL ? derived->value : config_find(source, section, key).value;
	if (token || !text_same(before, value))
		source_derive(source, section, key, value, "%s", origin);
}

static void read_broker(struct config_source *source, const char *section, const char *key,
                        struct broker_address *address, struct problems *problems)
{
	char why[VALUE_WHY_SIZE], origin[512];
	if (address->endpoint == NULL || strcmp(address->endpoint, "embedded") == 0)
		return;
	const char *place = config_find(source, section, key).place;
	bool credentials = strchr(address->endpoint, '@') != NULL;
	if (!address_read_broker(address, why, sizeof why))
		problems_add(problems, "%s: %s: %s", place, key, why);
	snprintf(origin, sizeof origin, "from the URL in %s (%s)", key, place);
	if (credentials) {
		source_derive(source, section, key, address->endpoint, "%s, credentials omitted", place);
		derive_credential(source, section, "username", address->username, address->token != NULL, origin);
		derive_credential(source, section, "password", address->password, address->token != NULL, origin);
	}
	if (address->tls_by_url)
		source_derive(source, section, "enable_tls", "true", "%s", origin);
}

/* If there is a certificate to verify with, verification is on. */
static void complete_verification(struct config_source *source, const char *section, const char *authority,
                                  bool *insecure, const char *ca_file)
{
	const char *place = config_find(source, section, "tls_insecure").place;
	if (!*insecure || ca_file == NULL)
		return;
	*insecure = false;
	if (place != NULL)
		source_derive(source, section, "tls_insecure", "false", "%s, no effect because %s is set", place, authority);
}

static char *copy(const char *text)
{
	return text == NULL ? NULL : alloc_text(text);
}

/* Takes a value of the events for the store. */
static void inherit(struct config_source *source, const char *key, const char *own_key, char **own, const char *other)
{
	*own = copy(other);
	if (other != NULL && config_find(source, "store", own_key).value == NULL)
		source_derive(source, "store", own_key, other, "as [events] %s", key);
}

static void inherit_flag(struct config_source *source, const char *key, bool *own, bool other)
{
	*own = other;
	if (other && config_find(source, "store", key).value == NULL)
		source_derive(source, "store", key, "true", "as [events] %s", key);
}

/* If the store has no address, or the same one, it is on the events broker, whose credentials and certificate then
 * apply to the store too, unless it has its own. */
static void complete_store(struct config *config, struct problems *problems)
{
	struct config_source *source = config->source;
	struct broker_address *store = &config->store, *events = &config->events;
	if (store->endpoint != NULL) {
		if (strcmp(store->endpoint, "embedded") == 0 && !text_same(events->endpoint, "embedded"))
			problems_add(problems, "%s: nodes: embedded requires [events] endpoint = embedded",
			             config_find(source, "store", "nodes").place);
		if (!text_same(store->endpoint, events->endpoint))
			return;
	} else {
		inherit(source, "endpoint", "nodes", &store->endpoint, events->endpoint);
	}
	if (store->username == NULL && store->password == NULL && store->token == NULL) {
		inherit(source, "username", "username", &store->username, events->username);
		inherit(source, "password", "password", &store->password, events->password);
		store->token = copy(events->token);
	}
	if (config_find(source, "store", "enable_tls").value == NULL || events->tls_by_url)
		inherit_flag(source, "enable_tls", &store->tls, events->tls);
	if (store->ca_file == NULL && config_find(source, "store", "tls_insecure").value == NULL) {
		inherit(source, "tls_root_ca_certificate", "tls_root_ca_certificate", &store->ca_file, events->ca_file);
		inherit_flag(source, "tls_insecure", &store->tls_insecure, events->tls_insecure);
	}
}

/* A list of absolute folders; NULL if it is unset or empty. */
static char **read_folders(const struct config_source *source, const char *section, const char *key, const char *text,
                           struct problems *problems)
{
	if (text == NULL)
		return NULL;
	char **list = list_split(text, ":");
	if (list[0] == NULL)
		problems_add(problems, "%s: %s: the list is empty", config_find(source, section, key).place, key);
	/* The meaning of a relative path depends on where the service is started, so it is dropped, and nothing is loaded
	 * from it. */
	char **kept = list;
	for (char **folder = list; *folder != NULL; folder++) {
		if (**folder == '/')
			*kept++ = *folder;
		else
			problems_add(problems, "%s: %s: \"%.80s\" is not an absolute path", config_find(source, section, key).place,
			             key, *folder);
	}
	*kept = NULL;
	return list;
}

/* The first `length` bytes of `head`, and `tail`; the caller frees them. */
static char *join(const char *head, size_t length, const char *tail)
{
	char *text = alloc_bytes(length + strlen(tail) + 1);
	memcpy(text, head, length);
	strcpy(text + length, tail);
	return text;
}

char *state_dir_default(const struct config_source *source, bool root, const char **origin)
{
	static const struct {
		const char *variable, *tail;
	} places[] = {{"XDG_STATE_HOME", "/postprocessing"}, {"HOME", "/.local/state/postprocessing"}};
	const struct variable *variable = source_variable(source, "STATE_DIRECTORY");
	*origin = "default of root";
	if (variable != NULL && variable->value[0] == '/') {
		*origin = variable->name;
		return alloc_text_part(variable->value, strcspn(variable->value, ":"));
	}
	if (root)
		return alloc_text(STATE_DIR);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		variable = source_variable(source, places[i].variable);
		if (variable == NULL || variable->value[0] != '/')
			continue;
		*origin = variable->name;
		return join(variable->value, strlen(variable->value), places[i].tail);
	}
	return NULL;
}

static void complete_state_dir(struct config *config)
{
	const char *origin;
	if (config->state_dir != NULL)
		return;
	config->state_dir = state_dir_default(config->source, geteuid() == 0, &origin);
	if (config->state_dir != NULL && config_find(config->source, "postprocessing", "state_dir").value == NULL)
		source_derive(config->source, "postprocessing", "state_dir", config->state_dir, "%s", origin);
}

/* A folder of the service's own: nothing else may be in it. */
static void complete_copy_dir(struct config *config, const char *given)
{
	struct text path = {0};
	const char *above = given != NULL && given[0] != '\0' ? given : config->state_dir;
	if (above == NULL)
		return;
	text_format(&path, "%s/%s", above, above == config->state_dir ? "copies" : "postprocessing-copies");
	config->content.copy_dir = alloc_checked(text_take(&path));
}

/* A certificate that others can replace gives no security. A missing one is an error if each connection needs it. */
static void check_authority(struct config *config, const char *section, const char *key, const char *path, bool used,
                            struct problems *problems)
{
	struct found found = config_find(config->source, section, key);
	struct stat info;
	if (path == NULL || found.place == NULL)
		return;
	if (stat(path, &info) != 0)
		problems_add(used ? problems : &config->warnings, "%s: %s: %s: %s", found.place, key, path, strerror(errno));
	else
		access_warn_named(&config->warnings, found.place, key, path, &info, false);
}

static bool uses_tls(const struct broker_address *broker)
{
	return broker->tls && broker->endpoint != NULL && strcmp(broker->endpoint, "embedded") != 0;
}

static void warn_insecure(struct config *config, const char *section, const char *whose)
{
	struct found found = config_find(config->source, section, "tls_insecure");
	problems_add(&config->warnings,
	             "%s: [%s] tls_insecure: the certificate of %s is not verified; anyone in between "
	             "can read and change all data",
	             found.place == NULL ? section : found.place, section, whose);
}

/* Each setting that turns verification off is reported at each start. */
static void warn_unverified(struct config *config)
{
	const char *events = config->events.endpoint, *store = config->store.endpoint;
	bool one = events != NULL && store != NULL && strcmp(events, store) == 0;
	if (config->events.tls_insecure && events != NULL && strcmp(events, "embedded") != 0)
		warn_insecure(config, "events", "the events broker");
	if (config->store.tls_insecure && !one)
		warn_insecure(config, "store", "the store's broker");
	if (config->content.tls_insecure)
		warn_insecure(config, "content", "the storage that uploads are fetched from");
}

static bool is_set(const struct found *found)
{
	return found->value != NULL && found->value[0] != '\0';
}

/* A folder needs a key, and a key a folder. An invalid one is a problem of its own. */
static void complete_quarantine(struct config *config, struct problems *problems)
{
	const struct found folder = config_find(config->source, "quarantine", "folder");
	const struct found key = config_find(config->source, "quarantine", "public_key");
	/* Also if one of them is wrong or missing: that is an error of its own, and no error of the steps. */
	config->quarantined = is_set(&folder) || is_set(&key);
	if (is_set(&folder) && !is_set(&key))
		problems_add(problems, "%s: folder: needs public_key too: without it, nothing can be encrypted", folder.place);
	else if (is_set(&key) && !is_set(&folder))
		problems_add(problems, "%s: public_key: needs folder too", key.place);
}

/* Derives further values once all are known. */
static void complete(struct config_draft *draft, struct problems *problems)
{
	/* The names after the fourth are those of the replaced services: panic fatal warn trace. */
	static const enum log_level level[] = {LOG_ERROR, LOG_WARNING, LOG_INFO,    LOG_DEBUG,
	                                       LOG_ERROR, LOG_ERROR,   LOG_WARNING, LOG_DEBUG};
	struct config *config = &draft->config;
	struct config_source *source = config->source;
	config->log_level = level[draft->log_level];
	config->plugin_dir = read_folders(source, "postprocessing", "plugin_dir", draft->plugin_dir, problems);
	complete_state_dir(config);
	config->content.file_roots = read_folders(source, "content", "file_roots", draft->file_roots, problems);
	config->content.ca_file = draft->ca_file;
	draft->ca_file = NULL;
	complete_copy_dir(config, draft->copy_dir);
	read_password(config, "events", draft->events_password_file, &config->events.password, problems);
	read_password(config, "store", draft->store_password_file, &config->store.password, problems);
	read_broker(source, "events", "endpoint", &config->events, problems);
	read_broker(source, "store", "nodes", &config->store, problems);
	complete_verification(source, "events", "tls_root_ca_certificate", &config->events.tls_insecure,
	                      config->events.ca_file);
	complete_store(config, problems);
	complete_verification(source, "store", "tls_root_ca_certificate", &config->store.tls_insecure,
	                      config->store.ca_file);
	complete_verification(source, "content", "ca_file", &config->content.tls_insecure, config->content.ca_file);
	complete_quarantine(config, problems);
	warn_unverified(config);
	check_authority(config, "events", "tls_root_ca_certificate", config->events.ca_file, uses_tls(&config->events),
	                problems);
	check_authority(config, "store", "tls_root_ca_certificate", config->store.ca_file, uses_tls(&config->store),
	                problems);
	/* Only URLs with https need it. */
	check_authority(config, "content", "ca_file", config->content.ca_file, false, problems);
	access_warn_files(config);
}

static void draft_clear(struct config_draft *draft)
{
	free(draft->steps);
	free(draft->plugin_dir);
	free(draft->file_roots);
	free(draft->ca_file);
	free(draft->copy_dir);
	free(draft->events_password_file);
	free(draft->store_password_file);
	free(draft->cluster);
}

struct config *config_build(struct config_source *source, struct problems *problems)
{
	struct config *config = alloc_zeroed(1, sizeof *config);
	struct config_draft draft = {.config.source = source};
	legacy_apply(source, problems);
	check_unknown_keys(source, problems);
	for (const struct config_key *key = config_keys; key->section != NULL; key++)
		if ((key->flags & KEY_LEGACY) == 0)
			config_key_read(source, key->section, key, &draft, problems);
	complete(&draft, problems);
	config_steps_read(&draft.config, config_find(source, "postprocessing", "steps"), &draft.step, problems);
	*config = draft.config;
	draft_clear(&draft);
	return config;
}

/* The main file: the one that is named, else the copy that systemd hands to the service, else the installed one.
 * `folder` is where steps.d is: beside it, or beside the installed one that it is a copy of. */
static char *find_main_file(const struct config_source *source, const char *path, bool *may_be_missing,
                            const char **folder)
{
	const struct variable *named = source_variable(source, "POSTPROCESSING_CONFIG");
	const struct variable *credentials = source_variable(source, "CREDENTIALS_DIRECTORY");
	*may_be_missing = false;
	*folder = NULL;
	if (path != NULL || named != NULL)
		return alloc_text(path != NULL ? path : named->value);
	*folder = CONFIG_DIR "/";
	char *copy =
		credentials == NULL ? NULL : join(credentials->value, strlen(credentials->value), "/postprocessing.ini");
	if (copy != NULL && access(copy, F_OK) == 0)
		return copy;
	free(copy);
	*may_be_missing = true;
	return alloc_text(CONFIG_DIR "/postprocessing.ini");
}

static void read_files(struct config_source *source, const char *path, struct problems *problems)
{
	bool may_be_missing;
	const char *folder;
	char *file = find_main_file(source, path, &may_be_missing, &folder);
	const char *slash = strrchr(file, '/');
	size_t length = folder != NULL ? strlen(folder) : slash == NULL ? 0 : (size_t)(slash - file + 1);
	char *steps = join(folder != NULL ? folder : file, length, "steps.d");
	config_file_read(source, file, RANK_MAIN, may_be_missing, problems);
	config_folder_read(source, steps, problems);
	free(steps);
	free(file);
}

struct config *config_read(const char *path, char *const *environment, struct problems *problems)
{
	struct config_source *source = config_source_create(environment);
	read_files(source, path, problems);
	return config_build(source, problems);
}

/* Sets a key as a file would. */
static void set_here(struct section *section, const char *name, size_t length, const char *value,
                     struct problems *problems)
{
	char *key = alloc_text_part(name, length), *text = alloc_text(value);
	char place[] = "command line";
	section_set(section, &(struct setting){key, text, place, RANK_MAIN, 1}, problems);
	free(key);
	free(text);
}

static void set_from_variable(struct section *section, const char *key, const char *variable, struct problems *problems)
{
	const char *value = getenv(variable);
	if (value != NULL && value[0] != '\0')
		set_here(section, key, strlen(key), value, problems);
}

static void set_keys(struct section *section, char *const *keys, struct problems *problems)
{
	for (; *keys != NULL; keys++) {
		size_t length = strcspn(*keys, "=");
		const char *fault = text_fault(*keys, strlen(*keys));
		if (fault != NULL || length == 0 || (*keys)[length] == '\0')
			problems_add(problems, "command line: %s", fault != NULL ? fault : "expected key=value");
		else
			set_here(section, *keys, length, *keys + length + 1, problems);
	}
}

/* A list of folders may be written with separators, which this one may contain. */
static char **list_of_one(const char *folder)
{
	size_t length = strlen(folder) + 1;
	char **list = alloc_bytes(2 * sizeof *list + length);
	list[0] = memcpy(list + 2, folder, length);
	list[1] = NULL;
	return list;
}

struct config *config_of_step(const char *name, const char *folder, char *const *keys, struct problems *problems)
{
	char own[STEP_SECTION_SIZE], why[VALUE_WHY_SIZE];
	struct config_source *source = config_source_create(NULL);
	struct section *service = source_section_add(source, "postprocessing", NULL, problems);
	if (!step_name_check(name, why, sizeof why) || !module_name_check(name, why, sizeof why)) {
		problems_add(problems, "%.80s: %s", name, why);
	} else {
		struct section *step = source_section_add(source, step_section(name, own), "command line", problems);
		set_here(service, "steps", strlen("steps"), name, problems);
		set_here(step, "module", strlen("module"), name, problems);
		set_keys(step, keys, problems);
	}
	set_from_variable(service, "worker_program", "POSTPROCESSING_WORKER_PROGRAM", problems);
	set_from_variable(service, "worker_user", "POSTPROCESSING_WORKER_USER", problems);
	set_here(service, "state_dir", strlen("state_dir"), "/", problems);
	set_here(service, "log_level", strlen("log_level"), "debug", problems);
	struct config *config = config_build(source, problems);
	free(config->plugin_dir);
	config->plugin_dir = list_of_one(folder);
	config->quarantined = true; /* a module that needs one can be tried */
	return config;
}

static void broker_address_clear(struct broker_address *address)
{
	free(address->endpoint);
	free(address->username);
	free(address->password);
	free(address->token);
	free(address->ca_file);
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	config_steps_free(config);
	free(config->plugin_dir);
	free(config->worker_program);
	free(config->worker_user);
	free(config->state_dir);
	broker_address_clear(&config->events);
	broker_address_clear(&config->store);
	free(config->consumer);
	free(config->bucket);
	free(config->table);
	free((void *)config->content.ca_file);
	free((void *)config->content.copy_dir);
	free((void *)config->content.file_roots);
	free(config->quarantine_folder);
	free(config->quarantine_key);
	free(config->audit_file);
	free(config->http_addr);
	free(config->http_token);
	problems_free(&config->warnings);
	problems_free(&config->notes);
	config_source_free(config->source);
	free(config);
}
