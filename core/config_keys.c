/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config_keys.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct config_draft, member)
#define STEP_AT(member) offsetof(struct step_draft, member)
#define KEY(NAME, TYPE, ...) .key = {.name = (NAME), .type = PP_KEY_##TYPE, __VA_ARGS__}
#define VARIABLES .environment

/* The names that are not ours are those of oCIS and OpenCloud: first the service's own, then what the whole host shares. */
const struct config_key config_keys[] = {
	{"postprocessing", KEY("steps", STRING, .help = "The steps of an upload, in this order"), AT(steps), 0},
	{"postprocessing", KEY("plugin_dir", STRING, .fallback = PLUGIN_DIR,
	 .help = "Folders with modules, separated by colons; searched in order"), AT(plugin_dir), KEY_REQUIRED},
	{"postprocessing", KEY("state_dir", STRING, .help = "Where the service keeps what must survive a restart"),
	 AT(config.state_dir), 0},
	{"postprocessing", KEY("shutdown_grace", DURATION, .fallback = "30s", .max = HOUR,
	 .help = "How long running steps may finish when the service stops"), AT(config.shutdown_grace), 0},
	{"postprocessing", KEY("log_level", CHOICE, .fallback = "info",
	 .choices = "error warning info debug panic fatal warn trace", VARIABLES = "OC_LOG_LEVEL OCIS_LOG_LEVEL",
	 .help = "What the log tells"), AT(log_level), 0},
	{"postprocessing", KEY("max_in_flight", INTEGER, .fallback = "2000", .min = 1, .max = 1000000,
	 .help = "Uploads under way in this instance at a time"), AT(config.max_in_flight), 0},
	{"postprocessing", KEY("workers", INTEGER, .fallback = "4", .min = 1, .max = 1024,
	 .help = "Default of every step"), AT(step.workers), KEY_NO_VARIABLE},
	{"postprocessing", KEY("max_retries", INTEGER, .fallback = "14", .max = 1000,
	 .help = "Default of every step"), AT(step.max_retries), 0},
	{"postprocessing", KEY("retry_backoff", DURATION, .fallback = "5s", .min = MILLISECOND, .max = 24 * HOUR,
	 VARIABLES = "POSTPROCESSING_RETRY_BACKOFF_DURATION", .help = "Default of every step"), AT(step.retry_backoff), 0},

	{"events", KEY("endpoint", STRING, .fallback = "embedded", VARIABLES = "OC_EVENTS_ENDPOINT OCIS_EVENTS_ENDPOINT",
	 .help = "The broker, host:port or URL, several separated by commas; embedded: a private one"),
	 AT(config.events.endpoint), KEY_REQUIRED},
	{"events", KEY("username", STRING,
	 VARIABLES = "POSTPROCESSING_EVENTS_AUTH_USERNAME OC_EVENTS_AUTH_USERNAME OCIS_EVENTS_AUTH_USERNAME",
	 .help = "Who we are at the broker"), AT(config.events.username), 0},
	{"events", KEY("password", STRING,
	 VARIABLES = "POSTPROCESSING_EVENTS_AUTH_PASSWORD OC_EVENTS_AUTH_PASSWORD OCIS_EVENTS_AUTH_PASSWORD",
	 .help = "Better in a file of its own: password_file"), AT(config.events.password), 0},
	{"events", KEY("password_file", STRING, .help = "A file that holds the password and nothing else"), AT(events_password_file), 0},
	{"events", KEY("enable_tls", BOOL, .fallback = "false", VARIABLES = "OC_EVENTS_ENABLE_TLS OCIS_EVENTS_ENABLE_TLS",
	 .help = "Speak TLS with the broker"), AT(config.events.tls), 0},
	{"events", KEY("tls_insecure", BOOL, .fallback = "false",
	 VARIABLES = "OC_EVENTS_TLS_INSECURE OCIS_EVENTS_TLS_INSECURE OC_INSECURE OCIS_INSECURE",
	 .help = "Do not verify its certificate; without effect where tls_root_ca_certificate is set"), AT(config.events.tls_insecure), 0},
	{"events", KEY("tls_root_ca_certificate", STRING,
	 VARIABLES = "OC_EVENTS_TLS_ROOT_CA_CERTIFICATE OCIS_EVENTS_TLS_ROOT_CA_CERTIFICATE",
	 .help = "PEM file to verify it with"), AT(config.events.ca_file), 0},
	{"events", KEY("cluster", STRING, VARIABLES = "OC_EVENTS_CLUSTER OCIS_EVENTS_CLUSTER",
	 .help = "Accepted for the sake of old configurations, not used"), AT(cluster), 0},
	{"events", KEY("consumer", STRING, .fallback = "postprocessing-pull", .help = "Durable consumer that all instances share"),
	 AT(config.consumer), KEY_REQUIRED},

	{"store", KEY("store", CHOICE, .fallback = "nats-js-kv", .choices = "nats-js-kv",
	 VARIABLES = "POSTPROCESSING_STORE OC_PERSISTENT_STORE OCIS_PERSISTENT_STORE",
	 .help = "The kind of store: nats-js-kv only"), AT(store_kind), 0},
	{"store", KEY("nodes", STRING, VARIABLES = "OC_PERSISTENT_STORE_NODES OCIS_PERSISTENT_STORE_NODES",
	 .help = "Its broker; the one of [events] by default, with its credentials"), AT(config.store.endpoint), 0},
	{"store", KEY("database", STRING, .fallback = "postprocessing", .help = "The bucket of the uploads' records"),
	 AT(config.bucket), KEY_REQUIRED},
	{"store", KEY("table", STRING, .help = "Goes before the uploads' IDs in the bucket's keys"), AT(config.table), 0},
	{"store", KEY("username", STRING, VARIABLES =
	 "POSTPROCESSING_STORE_AUTH_USERNAME OC_PERSISTENT_STORE_AUTH_USERNAME OCIS_PERSISTENT_STORE_AUTH_USERNAME",
	 .help = "Who we are at the store's broker"), AT(config.store.username), 0},
	{"store", KEY("password", STRING, VARIABLES =
	 "POSTPROCESSING_STORE_AUTH_PASSWORD OC_PERSISTENT_STORE_AUTH_PASSWORD OCIS_PERSISTENT_STORE_AUTH_PASSWORD",
	 .help = "Better in a file of its own: password_file"), AT(config.store.password), 0},
	{"store", KEY("password_file", STRING, .help = "A file that holds the password and nothing else"), AT(store_password_file), 0},
	{"store", KEY("enable_tls", BOOL, .fallback = "false",
	 VARIABLES = "OC_PERSISTENT_STORE_ENABLE_TLS OCIS_PERSISTENT_STORE_ENABLE_TLS",
	 .help = "Speak TLS with the store's broker"), AT(config.store.tls), 0},
	{"store", KEY("tls_insecure", BOOL, .fallback = "false",
	 VARIABLES = "OC_PERSISTENT_STORE_TLS_INSECURE OCIS_PERSISTENT_STORE_TLS_INSECURE OC_INSECURE OCIS_INSECURE",
	 .help = "Do not verify its certificate; without effect where tls_root_ca_certificate is set"), AT(config.store.tls_insecure), 0},
	{"store", KEY("tls_root_ca_certificate", STRING,
	 VARIABLES = "OC_PERSISTENT_STORE_TLS_ROOT_CA_CERTIFICATE OCIS_PERSISTENT_STORE_TLS_ROOT_CA_CERTIFICATE",
	 .help = "PEM file to verify it with"), AT(config.store.ca_file), 0},

	{"content", KEY("tls_insecure", BOOL, .fallback = "false", VARIABLES = "OC_INSECURE OCIS_INSECURE",
	 .help = "Do not verify the certificate of the uploads' storage"), AT(config.content.tls_insecure), 0},
	{"content", KEY("ca_file", STRING, .help = "PEM file to verify it with"), AT(ca_file), 0},
	{"content", KEY("file_roots", STRING, .help = "Folders below which file:// is allowed, separated by colons"), AT(file_roots), 0},

	{"http", KEY("addr", STRING, .fallback = "127.0.0.1:9255", VARIABLES = "POSTPROCESSING_DEBUG_ADDR",
	 .help = "Where health and metrics are served; empty: nowhere"), AT(config.http_addr), 0},
	{"http", KEY("token", STRING, VARIABLES = "POSTPROCESSING_DEBUG_TOKEN", .help = "Bearer token for the metrics"),
	 AT(config.http_token), 0},
	{NULL, {0}, 0, 0}
};

const struct config_key step_keys[] = {
	{"step", KEY("module", STRING, .help = "The module that does it; the step's name by default"), STEP_AT(step.module), KEY_REQUIRED},
	{"step", KEY("workers", INTEGER, .min = 1, .max = 1024, .help = "Uploads that the step works on at a time"),
	 STEP_AT(step.workers), 0},
	{"step", KEY("deadline", DURATION, .fallback = "10m", .min = MILLISECOND, .max = 720 * HOUR,
	 .help = "How long one run may take; how long another service may take to answer"), STEP_AT(step.deadline), 0},
	{"step", KEY("max_retries", INTEGER, .max = 1000, .help = "How often the step is tried again"), STEP_AT(step.max_retries), 0},
	{"step", KEY("retry_backoff", DURATION, .min = MILLISECOND, .max = 24 * HOUR,
	 .help = "The wait before it is tried again; doubled each time"), STEP_AT(step.retry_backoff), 0},
	{"step", KEY("on_exhausted", CHOICE, .fallback = "abort", .choices = "abort continue",
	 .help = "What becomes of the upload then"), STEP_AT(on_exhausted), 0},
	{NULL, {0}, 0, 0}
};

const struct config_key *config_keys_find(const char *section, const char *name)
{
	for (const struct config_key *key = config_keys; key->section != NULL; key++)
		if (strcmp(key->section, section) == 0 && strcmp(key->key.name, name) == 0)
			return key;
	return NULL;
}

const struct config_key *step_keys_find(const char *name)
{
	for (const struct config_key *key = step_keys; key->section != NULL; key++)
		if (strcmp(key->key.name, name) == 0)
			return key;
	return NULL;
}

bool config_keys_section(const char *section)
{
	for (const struct config_key *key = config_keys; key->section != NULL; key++)
		if (strcmp(key->section, section) == 0)
			return true;
	return false;
}

/* An empty text is no text. */
static void store_string(char **at, const char *text, struct problems *problems)
{
	free(*at);
	*at = *text == '\0' ? NULL : strdup(text);
	if (*at == NULL && *text != '\0')
		problems_add(problems, "out of memory");
}

static void store(const struct config_key *key, void *draft, const char *text, int64_t number, struct problems *problems)
{
	void *at = (char *)draft + key->offset;
	switch (key->key.type) {
	case PP_KEY_BOOL:
		*(bool *)at = number != 0;
		break;
	case PP_KEY_DURATION:
		*(nanos *)at = number;
		break;
	case PP_KEY_INTEGER:
	case PP_KEY_CHOICE:
		*(unsigned *)at = (unsigned)number;
		break;
	default:
		store_string(at, text, problems);
	}
}

struct found config_key_read(const struct config_source *source, const char *section, const struct config_key *key, void *draft,
                             struct problems *problems)
{
	char why[VALUE_WHY_SIZE];
	int64_t number;
	struct found found = source_find(source, section, &key->key, (key->flags & KEY_NO_VARIABLE) == 0);
	bool missing = found.value != NULL && *found.value == '\0' && (key->flags & KEY_REQUIRED) != 0;
	if (missing)
		problems_add(problems, "%s: %s: needs a value", found.place, key->key.name);
	bool valid = found.value != NULL && !missing && value_parse(&key->key, found.value, &number, why, sizeof why);
	if (found.value != NULL && !missing && !valid)
		problems_add(problems, "%s: %s: %s", found.place, key->key.name, why);
	const char *text = valid ? found.value : key->key.fallback;
	if (text != NULL && (valid || value_parse(&key->key, text, &number, why, sizeof why)))
		store(key, draft, text, number, problems);
	return found;
}
