/* SPDX-License-Identifier: Apache-2.0
 * Which value of each key is used, and where it comes from. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config/config_effective.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"
#include "tests/config/config_fixture.h"
#include "tests/harness/suite.h"

#define VALUES_MAX 200

static struct config_fixture fixture;

/* Copies of what was reported. */
static struct told {
	char section[80], key[80], value[256], origin[512];
	bool unset, secret;
	enum value_source source;
} told[VALUES_MAX];
static size_t count;

static void note(void *closure, const struct config_value *value)
{
	(void)closure;
	ck_assert_uint_lt(count, VALUES_MAX);
	struct told *entry = &told[count++];
	*entry = (struct told){.unset = value->value == NULL, .secret = value->secret, .source = value->source};
	snprintf(entry->section, sizeof entry->section, "%s", value->section);
	snprintf(entry->key, sizeof entry->key, "%s", value->key);
	snprintf(entry->value, sizeof entry->value, "%s", value->value == NULL ? "" : value->value);
	snprintf(entry->origin, sizeof entry->origin, "%s", value->origin);
}

static const struct pp_key keys[] = {{.name = "socket", .fallback = "/run/x", .environment = "SCAN_SOCKET"},
                                     {.name = "limit", .type = PP_KEY_SIZE},
                                     {.name = "quick", .type = PP_KEY_BOOL, .fallback = "no"},
                                     {.name = "api_token"},
                                     {.name = "licence", .type = PP_KEY_SECRET},
                                     {.name = NULL}};

static void setup(void)
{
	fixture_open(&fixture);
}

static void teardown(void)
{
	fixture_close(&fixture);
}

/* Reads the configuration and collects all values: those of the first step with the keys above, the others as if
 * their modules had been refused. */
static void collect(const char *text, char *const *environment)
{
	fixture_read(&fixture, text, environment);
	count = 0;
	config_each_value(fixture.config, note, NULL);
	for (size_t i = 0; i < fixture.config->step_count; i++) {
		const struct step_config *step = &fixture.config->step[i];
		struct step_setup *made =
			i == 0 ? step_setup_create(fixture.config, step, keys, sizeof keys[0], &fixture.problems) : NULL;
		config_each_step_value(fixture.config, step, made, note, NULL);
		step_setup_free(made);
	}
}

static const struct told *find(const char *section, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(told[i].section, section) == 0 && strcmp(told[i].key, key) == 0)
			return &told[i];
	ck_abort_msg("[%s] %s was not reported", section, key);
}

/* `origin` may omit the part before the file name. */
static void assert_told(const char *section, const char *key, const char *value, enum value_source source,
                        const char *origin)
{
	const struct told *entry = find(section, key);
	const char *end =
		strlen(entry->origin) >= strlen(origin) ? entry->origin + strlen(entry->origin) - strlen(origin) : "";
	ck_assert_msg(entry->unset == (value == NULL) && strcmp(entry->value, value == NULL ? "" : value) == 0 &&
	                  !entry->secret,
	              "[%s] %s = %s", section, key, entry->value);
	ck_assert_msg(strcmp(end, origin) == 0, "[%s] %s: %s", section, key, entry->origin);
	ck_assert_int_eq(entry->source, source);
}

static void assert_hidden(const char *section, const char *key, const char *origin)
{
	const struct told *entry = find(section, key);
	ck_assert_msg(entry->secret && entry->unset, "[%s] %s = %s", section, key, entry->value);
	ck_assert_msg(strstr(entry->origin, origin) != NULL, "[%s] %s: %s", section, key, entry->origin);
}

START_TEST(every_key_is_reported)
{
	collect("", ENVIRONMENT("HOME=/h"));
	size_t total = 0;
	for (const struct config_key *key = config_keys; key->section != NULL; key++) {
		if ((key->flags & KEY_LEGACY) != 0) /* reported only if it is set */
			continue;
		total++;
		const struct told *entry = find(key->section, key->key.name);
		bool derived = strcmp(key->key.name, "state_dir") == 0 || strcmp(key->key.name, "nodes") == 0;
		ck_assert_msg(entry->source == (derived ? VALUE_DERIVED : VALUE_DEFAULT), "%s", entry->key);
		ck_assert_msg(derived || strcmp(entry->origin, "default") == 0, "%s", entry->origin);
		ck_assert_msg(derived || strcmp(entry->value, key->key.fallback == NULL ? "" : key->key.fallback) == 0, "%s",
		              entry->value);
	}
	ck_assert_uint_eq(count, total);
}
END_TEST

START_TEST(where_values_come_from)
{
	fixture_write(&fixture, "steps.d/10.ini", "[step:scan]\nworkers = 3\nlimit = 1K\nsocket = /low\n", (size_t)-1);
	fixture_write(&fixture, "steps.d/90.ini", "[step:scan]\nworkers = 5\n", (size_t)-1);
	collect("[postprocessing]\nsteps = scan, other\nlog_level = panic\nshutdown_grace = 60s\nmax_in_flight = +7\n"
	        "retry_backoff = 1m\n"
	        "[content]\ntls_insecure = YES\n[step:scan]\nquick = on\n[step:other]\nlanguage = de\n",
	        ENVIRONMENT("HOME=/h", "POSTPROCESSING_MAX_RETRIES=3", "OC_EVENTS_ENDPOINT=a:1", "SCAN_SOCKET=/s",
	                    "POSTPROCESSING_WORKERS=9", "POSTPROCESSING_STEP_OTHER_DEADLINE=90s"));
	assert_sound(&fixture);
	assert_told("postprocessing", "steps", "scan, other", VALUE_FILE, "main.ini:2");
	assert_told("postprocessing", "log_level", "panic", VALUE_FILE, "main.ini:3");
	assert_told("postprocessing", "shutdown_grace", "1m", VALUE_FILE, "main.ini:4");
	assert_told("postprocessing", "max_in_flight", "7", VALUE_FILE, "main.ini:5");
	assert_told("postprocessing", "max_retries", "3", VALUE_VARIABLE, "POSTPROCESSING_MAX_RETRIES");
	assert_told("postprocessing", "workers", "4", VALUE_DEFAULT, "default");
	assert_told("events", "endpoint", "a:1", VALUE_VARIABLE, "OC_EVENTS_ENDPOINT");
	assert_told("content", "tls_insecure", "true", VALUE_FILE, "main.ini:8");
	assert_told("step:scan", "module", "scan", VALUE_DEFAULT, "default");
	assert_told("step:scan", "workers", "5", VALUE_FILE, "steps.d/90.ini:2");
	assert_told("step:scan", "limit", "1K", VALUE_FILE, "steps.d/10.ini:3");
	assert_told("step:scan", "socket", "/s", VALUE_VARIABLE, "SCAN_SOCKET");
	assert_told("step:scan", "quick", "true", VALUE_FILE, "main.ini:10");
	assert_told("step:scan", "max_retries", "3", VALUE_DERIVED,
	            "as [postprocessing] max_retries (POSTPROCESSING_MAX_RETRIES)");
	assert_told("step:scan", "retry_backoff", "1m", VALUE_DERIVED, "main.ini:6)");
	assert_told("step:scan", "deadline", "10m", VALUE_DEFAULT, "default");
	assert_told("step:other", "workers", "4", VALUE_DERIVED, "as [postprocessing] workers (default)");
	assert_told("step:other", "deadline", "1m30s", VALUE_VARIABLE, "POSTPROCESSING_STEP_OTHER_DEADLINE");
	assert_told("step:other", "language", "de", VALUE_FILE, "main.ini:12");
}
END_TEST

START_TEST(steps_that_are_not_listed)
{
	collect("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_VIRUSSCAN=1", "POSTPROCESSING_DELAY=90s"));
	assert_told("postprocessing", "steps", "virusscan, delay", VALUE_DERIVED,
	            "default, POSTPROCESSING_VIRUSSCAN, POSTPROCESSING_DELAY");
	assert_told("postprocessing", "delay", "1m30s", VALUE_VARIABLE, "POSTPROCESSING_DELAY");
	assert_told("postprocessing", "virusscan", "true", VALUE_VARIABLE, "POSTPROCESSING_VIRUSSCAN");
}
END_TEST

START_TEST(values_that_are_wrong)
{
	collect("[postprocessing]\nsteps = a, a, b!\nworkers = many\n[http]\naddr = x\n",
	        ENVIRONMENT("HOME=/h", "POSTPROCESSING_LOG_LEVEL=loud"));
	ck_assert_uint_ge(fixture.problems.count, 5);
	assert_told("postprocessing", "steps", "a", VALUE_FILE, "main.ini:2");
	assert_told("postprocessing", "workers", "4", VALUE_DEFAULT, "main.ini:3 is invalid)");
	assert_told("postprocessing", "log_level", "info", VALUE_DEFAULT,
	            "default (the value of POSTPROCESSING_LOG_LEVEL is invalid)");
	assert_told("step:a", "workers", "4", VALUE_DERIVED, "as [postprocessing] workers (default)");
}
END_TEST

START_TEST(state_dirs)
{
	collect("", ENVIRONMENT("STATE_DIRECTORY=/s:/t", "HOME=/h"));
	assert_told("postprocessing", "state_dir", "/s", VALUE_DERIVED, "STATE_DIRECTORY");
	collect("", ENVIRONMENT("XDG_STATE_HOME=/x", "HOME=/h"));
	if (geteuid() == 0)
		assert_told("postprocessing", "state_dir", STATE_DIR, VALUE_DERIVED, "default of root");
	else
		assert_told("postprocessing", "state_dir", "/x/postprocessing", VALUE_DERIVED, "XDG_STATE_HOME");
	collect("[postprocessing]\nstate_dir = /f\n", ENVIRONMENT("STATE_DIRECTORY=/s"));
	assert_told("postprocessing", "state_dir", "/f", VALUE_FILE, "main.ini:2");
}
END_TEST

START_TEST(what_the_store_takes_from_the_events)
{
	collect(
		"[events]\nendpoint = e:1\nusername = u\npassword = hush\nenable_tls = true\ntls_root_ca_certificate = /ca\n",
		ENVIRONMENT("HOME=/h"));
	assert_told("store", "nodes", "e:1", VALUE_DERIVED, "as [events] endpoint");
	assert_told("store", "username", "u", VALUE_DERIVED, "as [events] username");
	assert_hidden("store", "password", "as [events] password");
	assert_told("store", "enable_tls", "true", VALUE_DERIVED, "as [events] enable_tls");
	assert_told("store", "tls_root_ca_certificate", "/ca", VALUE_DERIVED, "as [events] tls_root_ca_certificate");
	collect("[events]\nendpoint = e:1\ntls_insecure = 1\n", ENVIRONMENT("HOME=/h"));
	assert_told("store", "tls_insecure", "true", VALUE_DERIVED, "as [events] tls_insecure");
	collect("[events]\nendpoint = e:1\nusername = u\nenable_tls = true\n[store]\nnodes = s:1\nusername = su\n",
	        ENVIRONMENT("HOME=/h"));
	assert_told("store", "nodes", "s:1", VALUE_FILE, "main.ini:6");
	assert_told("store", "username", "su", VALUE_FILE, "main.ini:7");
	assert_told("store", "enable_tls", "false", VALUE_DEFAULT, "default");
}
END_TEST

START_TEST(values_from_a_url)
{
	collect("[events]\nendpoint = tls://me:hush@h:1\nusername = other\npassword = hush\n", ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	assert_told("events", "endpoint", "h:1", VALUE_DERIVED, "main.ini:2, credentials omitted");
	assert_told("events", "username", "me", VALUE_DERIVED, "main.ini:2)");
	assert_hidden("events", "password", "main.ini:4");
	assert_told("events", "enable_tls", "true", VALUE_DERIVED, "main.ini:2)");
	collect("[events]\nendpoint = me:hush@h:1\n[store]\nnodes = hush@k:2\n", ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	assert_told("events", "endpoint", "h:1", VALUE_DERIVED, "main.ini:2, credentials omitted");
	assert_hidden("events", "password", "from the URL in endpoint");
	assert_told("store", "nodes", "k:2", VALUE_DERIVED, "main.ini:4, credentials omitted");
	/* An invalid value may contain anything. */
	collect("[events]\nendpoint = ftp://me:hush@h:1\n", ENVIRONMENT("HOME=/h"));
	assert_problems(&fixture, 1);
	assert_hidden("events", "endpoint", "main.ini:2");
}
END_TEST

START_TEST(certificates)
{
	collect("[events]\nendpoint = a:1\ntls_insecure = true\ntls_root_ca_certificate = /ca\n"
	        "[content]\ntls_insecure = yes\nca_file = /c\n",
	        ENVIRONMENT("HOME=/h"));
	assert_told("events", "tls_insecure", "false", VALUE_DERIVED,
	            "main.ini:3, no effect because tls_root_ca_certificate is set");
	assert_told("content", "tls_insecure", "false", VALUE_DERIVED, "main.ini:6, no effect because ca_file is set");
	collect("[events]\nendpoint = a:1\ntls_root_ca_certificate = $CREDENTIALS_DIRECTORY/ca\n",
	        ENVIRONMENT("HOME=/h", "CREDENTIALS_DIRECTORY=/run/c"));
	assert_told("events", "tls_root_ca_certificate", "/run/c/ca", VALUE_FILE, "main.ini:3");
}
END_TEST

START_TEST(secrets_are_not_shown)
{
	char text[256];
	fixture_write(&fixture, "secret", "hush\n", (size_t)-1);
	snprintf(text, sizeof text, "POSTPROCESSING_STORE_PASSWORD_FILE=%s/secret", fixture.folder);
	collect(
		"[postprocessing]\nsteps = scan, other\n[events]\nendpoint = e:1\n[store]\nnodes = s:1\npassword = hush\n"
		"[http]\ntoken = hush\n[step:scan]\napi_token = hush\nlicence = hush\n[step:other]\nurl = https://me:hush@host\n"
		"other_password = hush\nserver = me:hush@host\nmail = me@host\n",
		ENVIRONMENT("HOME=/h", "OCIS_EVENTS_AUTH_PASSWORD=hush", text));
	assert_sound(&fixture);
	assert_hidden("events", "password", "OCIS_EVENTS_AUTH_PASSWORD");
	assert_hidden("store", "password", "POSTPROCESSING_STORE_PASSWORD_FILE");
	assert_hidden("http", "token", "main.ini:9");
	assert_hidden("step:scan", "api_token", "main.ini:11");
	assert_hidden("step:scan", "licence", "main.ini:12");
	assert_told("step:scan", "licence_file", NULL, VALUE_DEFAULT, "default");
	assert_hidden("step:other", "url", "main.ini:14");
	assert_hidden("step:other", "other_password", "main.ini:15");
	assert_hidden("step:other", "server", "main.ini:16");
	assert_told("step:other", "mail", "me@host", VALUE_FILE, "main.ini:17");
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(strstr(told[i].value, "hush") == NULL && strstr(told[i].origin, "hush") == NULL, "%s",
		              told[i].key);
	collect("", ENVIRONMENT("HOME=/h"));
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(!told[i].secret, "%s is unset, and no secret", told[i].key);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {every_key_is_reported,
	                              where_values_come_from,
	                              steps_that_are_not_listed,
	                              values_that_are_wrong,
	                              state_dirs,
	                              what_the_store_takes_from_the_events,
	                              values_from_a_url,
	                              certificates,
	                              secrets_are_not_shown};
	return suite_run_with("config_effective", setup, teardown, tests, sizeof tests / sizeof tests[0], 4);
}
