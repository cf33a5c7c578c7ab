/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config_keys.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"

#define AT(member) offsetof(struct config_draft, member)
#define STEP_AT(member) offsetof(struct step_config, member)
#define KEY(NAME, TYPE, ...) .key = {.name = (NAME), .type = PP_KEY_##TYPE, __VA_ARGS__}
#define VARIABLES .environment

#define EVENTS(NAME) "OC_EVENTS_" NAME " OCIS_EVENTS_" NAME
#define OWN_EVENTS(NAME) "POSTPROCESSING_EVENTS_" NAME " " EVENTS(NAME)
#define PERSISTENT_STORE(NAME) "OC_PERSISTENT_STORE" NAME " OCIS_PERSISTENT_STORE" NAME
#define OWN_STORE(NAME) "POSTPROCESSING_STORE_" NAME " " PERSISTENT_STORE("_" NAME)

#define PASSWORD_FILE_HELP "The path of a file that contains the password and nothing else."

/* The broker's rules for names of consumers and buckets. */
static bool check_name(const char *text, char *why, size_t size)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	snprintf(why, size, "\"%.80s\" is not a valid name: use at most 64 letters, digits, _ and -", text);
	return length <= 64 && text[length] == '\0';
}

static bool check_folder(const char *text, char *why, size_t size)
{
	snprintf(why, size, "\"%.80s\" is not an absolute path", text);
	return text[0] == '/';
}

/* clang-format off */
const struct config_section config_sections[] = {
	{"postprocessing", "The service itself, and the defaults of all steps."},
	{"events", "The broker for events about uploads: NATS with JetStream."},
	{"store", "The JetStream key-value store that holds one record for each unfinished upload."},
	{"cache", "What modules keep for all instances, such as verdicts on equal bytes. It is a bucket of the store."},
	{"content", "How to fetch the bytes of an upload from storage."},
	{"quarantine", "Encrypted copies of uploads, which modules put there and only the holder of a private key can read. "
	               "See postprocessing-quarantine(5)."},
	{"audit", "A line for each act of people or of a time limit on uploads that are held or in the quarantine."},
	{"http", "Where health and metrics are served."},
	{NULL, NULL}
};

const struct config_section config_variables[] = {
	{"POSTPROCESSING_CONFIG", "The path of the main file."},
	{"POSTPROCESSING_NATS_SERVER", "The path of the nats-server program for an embedded broker. Default: the first one "
	                               "in $PATH."},
	{NULL, NULL}
};

/* The names that are not ours are those of oCIS and OpenCloud: first the service's own, then what the whole
 * host shares. */
const struct config_key config_keys[] = {
	{"postprocessing", KEY("steps", STRING,
	 .help = "The steps of an upload, in order: names separated by commas or spaces. By default there are no steps, and "
	         "every upload is accepted."),
	 AT(steps), 0, "virusscan, delay"},
	{"postprocessing", KEY("plugin_dir", STRING, .fallback = PLUGIN_DIR,
	 .help = "The folders with the steps' modules, in search order: absolute paths separated by colons."),
	 AT(plugin_dir), KEY_REQUIRED},
	{"postprocessing", KEY("worker_program", STRING,
	 .help = "The program that runs the modules of steps with isolation = process. Default: postprocessing-worker in "
	         "the folder of this program if it is there, else " WORKER_PROGRAM "."),
	 AT(config.worker_program), KEY_START, WORKER_PROGRAM},
	{"postprocessing", KEY("worker_user", STRING, .fallback = "nobody",
	 .help = "The user that these programs run as if the service runs as root. Otherwise they run as the service's "
	         "user."),
	 AT(config.worker_user), KEY_REQUIRED | KEY_START},
	{"postprocessing", KEY("state_dir", STRING,
	 .help = "The folder for data that must survive a restart. Default: $STATE_DIRECTORY, which systemd sets; else "
	         STATE_DIR " for root; else $XDG_STATE_HOME/postprocessing; else ~/.local/state/postprocessing."),
	 AT(config.state_dir), KEY_START, STATE_DIR, check_folder},
	{"postprocessing", KEY("shutdown_grace", DURATION, .fallback = "30s", .max = HOUR,
	 .help = "How long running steps may continue when the service stops. An interrupted step runs again after the "
	         "next start."),
	 AT(config.shutdown_grace), 0},
	{"postprocessing", KEY("log_level", CHOICE, .fallback = "info",
	 .choices = "error warning info debug panic fatal warn trace", VARIABLES = "OC_LOG_LEVEL OCIS_LOG_LEVEL",
	 .help = "The log level. panic, fatal, warn and trace are names that other services use; each stands for the "
	         "nearest of the first four."), AT(log_level), 0},
	{"postprocessing", KEY("max_in_flight", INTEGER, .fallback = "2000", .min = 1, .max = 1000000,
	 .help = "How many uploads this instance processes at a time, counted from the event to its acknowledgement."),
	 AT(config.max_in_flight), KEY_START},
	{"postprocessing", KEY("retention", DURATION, .fallback = "168h", .max = 10 * 365 * 24 * HOUR,
	 .help = "How long to keep the record of an upload that ended badly (abort or delete, confirmed by storage) for "
	         "people to see. 0: forever."),
	 AT(config.retention), KEY_START},
	{"postprocessing", KEY("workers", INTEGER, .fallback = "4", .min = 1, .max = 1024,
	 .help = "How many uploads each step processes at a time, unless the step's own section sets it. The variable "
	         "POSTPROCESSING_WORKERS is not read, because oCIS and OpenCloud use it for something else."),
	 AT(step.workers), KEY_NO_VARIABLE},
	{"postprocessing", KEY("max_retries", INTEGER, .fallback = "14", .max = 1000,
	 .help = "How often to retry a failed step, unless the step's own section sets it."), AT(step.max_retries), 0},
	{"postprocessing", KEY("retry_backoff", DURATION, .fallback = "5s", .min = MILLISECOND, .max = 24 * HOUR,
	 VARIABLES = "POSTPROCESSING_RETRY_BACKOFF_DURATION",
	 .help = "How long to wait before retrying a failed step, unless the step's own section sets it. The wait doubles "
	         "with each retry."), AT(step.retry_backoff), 0},
	{"postprocessing", KEY("virusscan", BOOL, .fallback = "false",
	 .help = "Whether to run the step virusscan first if it is not listed in steps."), 0, KEY_LEGACY},
	{"postprocessing", KEY("delay", DURATION, .fallback = "0",
	 .help = "Sets duration in [step:delay]. If it is not 0 and the step delay is not listed in steps, that step runs "
	         "last."), 0, KEY_LEGACY},

	{"events", KEY("endpoint", STRING, .fallback = "embedded", VARIABLES = EVENTS("ENDPOINT"),
	 .help = "The broker: host:port, or a URL that begins with nats://, tcp:// or tls://. Separate the servers of a "
	         "cluster with commas. tls:// always uses TLS, regardless of enable_tls. A URL may contain user:password@, "
	         "percent-encoded (%40 for @), which overrides username and password. embedded: a broker that the "
	         "service starts and stops itself. The broker of an oCIS or OpenCloud host is at 127.0.0.1:9233."),
	 AT(config.events.endpoint), KEY_REQUIRED | KEY_START},
	{"events", KEY("username", STRING, VARIABLES = OWN_EVENTS("AUTH_USERNAME"),
	 .help = "The user name for the broker."),
	 AT(config.events.username), KEY_START},
	{"events", KEY("password", STRING, VARIABLES = OWN_EVENTS("AUTH_PASSWORD"),
	 .help = "The password for the broker. It is safer in a file of its own: see password_file."),
	 AT(config.events.password), KEY_SECRET | KEY_START},
	{"events", KEY("password_file", STRING, .help = PASSWORD_FILE_HELP),
	 AT(events_password_file), KEY_FILE | KEY_START},
	{"events", KEY("enable_tls", BOOL, .fallback = "false", VARIABLES = EVENTS("ENABLE_TLS"),
	 .help = "Whether to use TLS with the broker. An endpoint that begins with tls:// always uses it."),
	 AT(config.events.tls), KEY_START},
	{"events", KEY("tls_insecure", BOOL, .fallback = "false",
	 VARIABLES = EVENTS("TLS_INSECURE") " OC_INSECURE OCIS_INSECURE",
	 .help = "Whether to accept any certificate from the broker. Anyone between the service and the broker can then "
	         "read and change all data. It has no effect if tls_root_ca_certificate is set."),
	 AT(config.events.tls_insecure), KEY_START},
	{"events", KEY("tls_root_ca_certificate", STRING, VARIABLES = EVENTS("TLS_ROOT_CA_CERTIFICATE"),
	 .help = "The path of a PEM file with the certificate authorities to trust for the broker's certificate. It must "
	         "exist if the connection uses TLS. Default: those that the system trusts."),
	 AT(config.events.ca_file), KEY_FILE | KEY_START},
	{"events", KEY("cluster", STRING, VARIABLES = EVENTS("CLUSTER"),
	 .help = "Ignored. It is accepted because the configurations of oCIS and OpenCloud contain it."), AT(cluster), 0},
	{"events", KEY("consumer", STRING, .fallback = "postprocessing-pull",
	 .help = "The durable consumer on the event stream. All instances share it."),
	 AT(config.consumer), KEY_REQUIRED | KEY_START,
	 NULL, check_name},
	{"events", KEY("announce_steps", BOOL, .fallback = "true",
	 .help = "Whether to publish StartPostprocessingStep also when an upload enters a step that this service performs "
	         "itself. Storage shows the step in its list of upload sessions. Switch this off if another service on the "
	         "bus takes the event for a request and cannot be excluded."), AT(config.announce_steps), 0},
	{"events", KEY("on_broker_loss", CHOICE, .fallback = "auto", .choices = "auto continue wait",
	 .help = "What to do when the broker has lost both the event stream and the bucket, because it was set up again or "
	         "replaced. continue: after a minute, start over with an empty broker; the data of the old one is lost. "
	         "wait: do nothing until the data is back. auto: wait if the broker ever kept more than one replica of the "
	         "data, otherwise continue."),
	 AT(config.on_broker_loss), KEY_START},

	{"store", KEY("store", CHOICE, .fallback = "nats-js-kv", .choices = "nats-js-kv",
	 VARIABLES = "POSTPROCESSING_STORE " PERSISTENT_STORE(""),
	 .help = "The kind of store. The only one is JetStream's."), AT(store_kind), 0},
	{"store", KEY("nodes", STRING, VARIABLES = PERSISTENT_STORE("_NODES"),
	 .help = "The broker that holds the store, in the form of [events] endpoint. Default: the broker of [events], "
	         "with its user name, password and TLS settings unless they are set "
	         "here."), AT(config.store.endpoint), KEY_START},
	{"store", KEY("database", STRING, .fallback = "postprocessing", .help = "The bucket that holds the records."),
	 AT(config.bucket), KEY_REQUIRED | KEY_START, NULL, check_name},
	{"store", KEY("table", STRING, .help = "A prefix for the keys in the bucket, which other implementations may use."),
	 AT(config.table), KEY_START},
	{"store", KEY("username", STRING, VARIABLES = OWN_STORE("AUTH_USERNAME"),
	 .help = "The user name for the store's broker."), AT(config.store.username), KEY_START},
	{"store", KEY("password", STRING, VARIABLES = OWN_STORE("AUTH_PASSWORD"),
	 .help = "The password for the store's broker. It is safer in a file of its own: see password_file."),
	 AT(config.store.password), KEY_SECRET | KEY_START},
	{"store", KEY("password_file", STRING, .help = PASSWORD_FILE_HELP),
	 AT(store_password_file), KEY_FILE | KEY_START},
	{"store", KEY("enable_tls", BOOL, .fallback = "false", VARIABLES = PERSISTENT_STORE("_ENABLE_TLS"),
	 .help = "Whether to use TLS with the store's broker."), AT(config.store.tls), KEY_START},
	{"store", KEY("tls_insecure", BOOL, .fallback = "false",
	 VARIABLES = PERSISTENT_STORE("_TLS_INSECURE") " OC_INSECURE OCIS_INSECURE",
	 .help = "Whether to accept any certificate from the store's broker. Anyone between the service and the broker can "
	         "then read and change all data. It has no effect if tls_root_ca_certificate is set."),
	 AT(config.store.tls_insecure), KEY_START},
	{"store", KEY("tls_root_ca_certificate", STRING, VARIABLES = PERSISTENT_STORE("_TLS_ROOT_CA_CERTIFICATE"),
	 .help = "The path of a PEM file with the certificate authorities to trust for the certificate of the store's "
	         "broker. It must exist if the connection uses TLS. Default: those that the system trusts."),
	 AT(config.store.ca_file), KEY_FILE | KEY_START},

	{"cache", KEY("enabled", BOOL, .fallback = "true",
	 .help = "Whether modules can use the cache. Its bucket has the name of the store's with -cache behind it, and is "
	         "created when a module needs it."),
	 AT(config.cache_enabled), KEY_START},
	{"cache", KEY("ttl", DURATION, .fallback = "168h", .min = MINUTE, .max = 8760 * HOUR,
	 .help = "How long an entry is kept."),
	 AT(config.cache_ttl), KEY_START},
	{"cache", KEY("max_size", SIZE, .fallback = "64MB", .min = 1 << 20, .max = INT64_C(1) << 40,
	 .help = "How large the bucket may become. After that, the oldest entries go."),
	 AT(config.cache_size), KEY_START},
	{"content", KEY("tls_insecure", BOOL, .fallback = "false", VARIABLES = "OC_INSECURE OCIS_INSECURE",
	 .help = "Whether to accept any certificate from the storage that uploads are fetched from. Anyone between the "
	         "service and storage can then read every upload and give the steps other bytes. It has no effect if "
	         "ca_file is set."),
	 AT(config.content.tls_insecure), 0},
	{"content", KEY("ca_file", STRING,
	 .help = "The path of a PEM file with the certificate authorities to trust for the storage's certificate. "
	         "Only URLs with https need it, so a missing file is a warning. Default: those that the system trusts."),
	 AT(ca_file), KEY_FILE},
	{"content", KEY("file_roots", STRING,
	 .help = "The folders from which file:// URLs of uploads may be read: absolute paths separated by colons. Default: "
	         "none."),
	 AT(file_roots), 0},
	{"content", KEY("copy_memory", SIZE, .fallback = "4MiB", .max = INT64_C(1) << 30,
	 .help = "Some modules need a file or a digest of an upload. The service then makes one copy for all steps: of an "
	         "upload of at most this size in memory, of a larger one in a file. All copies in memory together have at "
	         "most 16 times this size; beyond that, small uploads are copied to files, too. 0: always files."),
	 AT(config.content.copy_memory), KEY_START},
	{"content", KEY("copy_dir", STRING,
	 .help = "The folder for these files. The service makes a folder of its own in it. The files have no names, so "
	         "that nothing is left of them after a crash. Under systemd, the unit has to allow the folder "
	         "(ReadWritePaths=). Default: [postprocessing] state_dir."),
	 AT(copy_dir), KEY_START, "/var/tmp", check_folder},
	{"content", KEY("copy_space", SIZE, .fallback = "0", .max = INT64_C(1) << 60,
	 .help = "How much these files may hold together. An upload waits for room until the deadline of its step, and is "
	         "then "
	         "retried. One sixteenth of the disk, at most 1 GiB, always stays free. 0: no other limit."),
	 AT(config.content.copy_space), KEY_START},

	{"quarantine", KEY("folder", STRING,
	 .help = "The folder for the copies. Several instances may share it. Under systemd, it must be in the state "
	         "folder, or the unit has to allow it (ReadWritePaths=). Default: there is no quarantine."),
	 AT(config.quarantine_folder), KEY_START, STATE_DIR "/quarantine", check_folder},
	{"quarantine", KEY("public_key", STRING,
	 .help = "The path of a PEM file with the public key (X25519) that the copies are encrypted for. Keep the private "
	         "key elsewhere: the service does not need it. `openssl genpkey -algorithm X25519 -out private.pem` and "
	         "`openssl pkey -in private.pem -pubout -out public.pem` make both."),
	 AT(config.quarantine_key), KEY_FILE, CONFIG_DIR "/quarantine.pem"},
	{"quarantine", KEY("retention", DURATION, .fallback = "2160h", .max = 100 * 365 * 24 * HOUR,
	 .help = "How long a copy is kept: then the service removes it. 0: forever."),
	 AT(config.quarantine_retention), 0},
	{"quarantine", KEY("max_size", SIZE, .fallback = "0", .max = INT64_C(1) << 60,
	 .help = "How much all copies may hold together. Beyond that, no upload can be quarantined, so its step fails and "
	         "is retried; no older copy is removed for it. One sixteenth of the disk, at most 1 GiB, always stays "
	         "free. 0: no other limit."),
	 AT(config.quarantine_size), 0},
	{"audit", KEY("file", STRING,
	 .help = "The path of the file to append to. The service never changes or removes a line, and does not rotate the "
	         "file; a tool that does must rename it. Several instances on one host may share it. Default: no file is "
	         "written."),
	 AT(config.audit_file), 0, "/var/log/postprocessing/audit.log", check_folder},

	{"http", KEY("addr", STRING, .fallback = "127.0.0.1:9255", VARIABLES = "POSTPROCESSING_DEBUG_ADDR",
	 .help = "The address on which to serve /healthz, /readyz and /metrics, host:port. An empty value in the file: do "
	         "not serve them."),
	 AT(config.http_addr), KEY_START, NULL, address_check_listen},
	{"http", KEY("token", STRING, VARIABLES = "POSTPROCESSING_DEBUG_TOKEN",
	 .help = "The bearer token that a request for /metrics must have. Default: no token is required."),
	 AT(config.http_token), KEY_SECRET | KEY_START},
	{.section = NULL}
};

const struct config_key step_keys[] = {
	{"step", KEY("module", STRING,
	 .help = "The module that performs the step. Default: the module with the name of the step. remote: another "
	         "service on the bus performs it."),
	 STEP_AT(module), KEY_REQUIRED},
	{"step", KEY("enable", STRING,
	 .help = "Where the step runs although the list [postprocessing] steps does not name it: first, last, after STEP "
	         "or before STEP. no: only the list counts. Steps at the same place run in the order of their names."),
	 STEP_AT(enable), 0, "last"},
	{"step", KEY("workers", INTEGER, .min = 1, .max = 1024,
	 .help = "How many uploads the step processes at a time. Default: [postprocessing] workers."),
	 STEP_AT(workers), 0, "4"},
	{"step", KEY("deadline", DURATION, .fallback = "10m", .min = MILLISECOND, .max = 720 * HOUR,
	 .help = "How long one run of the step may take, or how long another service may take to answer. After that, the "
	         "run counts as failed."), STEP_AT(deadline), 0},
	{"step", KEY("check_interval", DURATION, .fallback = "30s", .max = HOUR,
	 .help = "How often to check whether the step's module can work, unless the step has just processed an upload. "
	         "After a failed check the next one comes after 10 seconds, and while runs fail after 2 seconds. After two "
	         "failed checks in a row, the step is suspended: its uploads wait until a check succeeds. 0: no checks."),
	 STEP_AT(check_interval), 0},
	{"step", KEY("check_limit", DURATION, .fallback = "24h", .min = SECOND, .max = 8760 * HOUR,
	 .help = "How long an upload waits for a suspended step. After that, on_exhausted applies."),
	 STEP_AT(check_limit), 0},
	{"step", KEY("hold_limit", DURATION, .fallback = "720h", .min = SECOND, .max = 87600 * HOUR,
	 .help = "How long an upload is held if the step wants people to decide. `postprocessing release` and `reject` "
	         "end it earlier."),
	 STEP_AT(hold_limit), 0},
	{"step", KEY("hold_outcome", CHOICE, .fallback = "abort", .choices = "abort delete continue",
	 .help = "What happens to an upload that was held until hold_limit. continue makes the file accessible although "
	         "nobody has looked at it."),
	 STEP_AT(hold_outcome), 0},
	{"step", KEY("max_wait", DURATION, .fallback = "720h", .min = SECOND, .max = 87600 * HOUR,
	 .help = "How far in the future the step may ask to be run again, as the module delay does. Asking for a longer "
	         "wait counts as a failure."),
	 STEP_AT(max_wait), 0},
	{"step", KEY("max_waits", INTEGER, .fallback = "1000", .min = 1, .max = 1000000,
	 .help = "How often the step may ask to be run again in one attempt. Asking more often counts as a failure."),
	 STEP_AT(max_waits), 0},
	{"step", KEY("max_retries", INTEGER, .max = 1000,
	 .help = "How often to retry the step when it fails. Default: [postprocessing] max_retries."),
	 STEP_AT(max_retries), 0, "14"},
	{"step", KEY("retry_backoff", DURATION, .min = MILLISECOND, .max = 24 * HOUR,
	 .help = "How long to wait before retrying the step. The wait doubles with each retry. Default: [postprocessing] "
	         "retry_backoff."), STEP_AT(retry_backoff), 0, "5s"},
	{"step", KEY("on_exhausted", CHOICE, .fallback = "abort", .choices = "abort continue",
	 .help = "What to do with an upload when no retry is left. abort: keep its bytes, but nobody can access them. "
	         "continue: go on to the next step although this one never succeeded."), STEP_AT(on_exhausted), 0},
	{"step", KEY("isolation", CHOICE, .fallback = "process", .choices = "process thread",
	 .help = "Where the step's module runs. process: in processes and a sandbox of its own, so that it can harm "
	         "neither the service nor another upload. thread: in the service itself; a module that crashes then ends "
	         "the service. The steps delay and remote are part of the service."), STEP_AT(isolation), 0},
	{"step", KEY("allow", STRING,
	 .help = "What the module may do in its process. By default, a module gets what it declares, except exec. The "
	         "words, separated by spaces or commas: network (connections by IPv4 and IPv6), unix (connections to Unix "
	         "sockets), exec (start programs), files (write files in a private folder), or none."),
	 STEP_AT(allow), 0, "unix network"},
	{"step", KEY("memory_limit", SIZE, .fallback = "256MiB", .min = 16 << 20, .max = INT64_C(1) << 40,
	 .help = "How much memory each process of the step may use, together with the programs that it has started. Beyond "
	         "it, the "
	         "process cannot allocate memory, or is killed."),
	 STEP_AT(memory_limit), 0},
	{"step", KEY("worker_max_runs", INTEGER, .fallback = "0", .max = 1000000000,
	 .help = "How many uploads a process of the step handles before it is replaced. 1: no process sees two uploads. "
	         "0: no limit."), STEP_AT(worker_max_runs), 0},
	{"step", KEY("max_crashes", INTEGER, .fallback = "3", .min = 1, .max = 1000,
	 .help = "How often the module may crash on an upload. Then the upload is aborted, even if retries are left."),
	 STEP_AT(max_crashes), 0},
	{.section = NULL}
};

/* clang-format on */

static const struct config_key *find(const struct config_key *key, const char *section, const char *name)
{
	for (; key->section != NULL; key++)
		if (strcmp(key->section, section) == 0 && strcmp(key->key.name, name) == 0)
			return key;
	return NULL;
}

const struct config_key *config_keys_find(const char *section, const char *name)
{
	return find(config_keys, section, name);
}

const struct config_key *step_keys_find(const char *name)
{
	return find(step_keys, "step", name);
}

struct found config_key_find(const struct config_source *source, const struct config_key *key)
{
	return source_find(source, key->section, &key->key, (key->flags & KEY_NO_VARIABLE) == 0);
}

struct found config_find(const struct config_source *source, const char *section, const char *name)
{
	return config_key_find(source, config_keys_find(section, name));
}

bool config_is_set(const struct config *config, const char *section, const char *key)
{
	const struct found found = config_find(config->source, section, key);
	return found.value != NULL && found.value[0] != '\0';
}

/* An empty text is no text. */
static void store_string(char **at, const char *text)
{
	free(*at);
	*at = *text == '\0' ? NULL : alloc_text(text);
}

static void store(const struct config_key *key, void *draft, const char *text, int64_t number)
{
	void *at = (char *)draft + key->offset;
	switch (key->key.type) {
	case PP_KEY_BOOL:
		*(bool *)at = number != 0;
		break;
	case PP_KEY_DURATION:
		*(nanos *)at = number;
		break;
	case PP_KEY_SIZE:
		*(int64_t *)at = number;
		break;
	case PP_KEY_INTEGER:
	case PP_KEY_CHOICE:
		*(unsigned *)at = (unsigned)number;
		break;
	default:
		store_string(at, text);
	}
}

static void store_path(const struct config_source *source, const struct config_key *key, struct found found,
                       void *draft, struct problems *problems)
{
	const char *why;
	char *path = path_resolve(source, found.value, &why);
	if (path != NULL)
		store_string((char **)(void *)((char *)draft + key->offset), path);
	else
		problems_add(problems, "%s: %s: %s", found.place, key->key.name, why);
	free(path);
}

struct found config_key_read(const struct config_source *source, const char *section, const struct config_key *key,
                             void *draft, struct problems *problems)
{
	char why[VALUE_WHY_SIZE];
	int64_t number;
	struct found found = source_find(source, section, &key->key, (key->flags & KEY_NO_VARIABLE) == 0);
	bool missing = found.value != NULL && *found.value == '\0' && (key->flags & KEY_REQUIRED) != 0;
	if (missing)
		problems_add(problems, "%s: %s: needs a value", found.place, key->key.name);
	bool valid = found.value != NULL && !missing && value_parse(&key->key, found.value, &number, why, sizeof why) &&
	             (key->check == NULL || *found.value == '\0' || key->check(found.value, why, sizeof why));
	if (found.value != NULL && !missing && !valid)
		problems_add(problems, "%s: %s: %s", found.place, key->key.name, why);
	const char *text = valid ? found.value : key->key.fallback;
	if (valid && (key->flags & KEY_FILE) != 0)
		store_path(source, key, found, draft, problems);
	else if (text != NULL && (valid || value_parse(&key->key, text, &number, why, sizeof why)))
		store(key, draft, text, number);
	return found;
}
