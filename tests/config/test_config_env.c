/* SPDX-License-Identifier: Apache-2.0
 * Variables: our own, and those that users of oCIS and OpenCloud have in their deployments. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/config/config_keys.h"
#include "core/config/config_source.h"
#include "core/steps/preflight.h"
#include "tests/config/config_fixture.h"

static struct config_fixture fixture;

static void setup(void)
{
	fixture_open(&fixture);
}

static void teardown(void)
{
	fixture_close(&fixture);
}

static void read_config(const char *text, char *const *environment)
{
	fixture_read(&fixture, text, environment);
}

static void assert_steps(const char *expected)
{
	char text[1024] = "";
	for (size_t i = 0; i < fixture.config->step_count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i == 0 ? "" : " ",
		         fixture.config->step[i].name);
	ck_assert_str_eq(text, expected);
}

/* Each key of the table can be set with its variable, which wins over the file. */
START_TEST(every_key_has_a_variable)
{
	for (const struct config_key *key = config_keys; key->section != NULL; key++) {
		char name[VARIABLE_NAME_SIZE], variable[VARIABLE_NAME_SIZE + 8], text[256];
		ck_assert(variable_name(name, key->section, key->key.name));
		snprintf(variable, sizeof variable, "%s=\x7f", name);
		snprintf(text, sizeof text, "[%s]\n%s = x\n", key->section, key->key.name);
		fixture_write(&fixture, "main.ini", text, (size_t)-1);
		struct config_source *source = config_source_create(ENVIRONMENT(variable));
		struct problems problems = {0};
		ck_assert_ptr_nonnull(source);
		config_file_read(source, fixture.path, RANK_MAIN, false, &problems);
		struct found found = source_find(source, key->section, &key->key, (key->flags & KEY_NO_VARIABLE) == 0);
		if (strcmp(name, "POSTPROCESSING_WORKERS") == 0)
			ck_assert_str_eq(found.value, "x");
		else
			ck_assert_msg(strcmp(found.value, "\x7f") == 0 && strcmp(found.place, name) == 0, "%s", name);
		ck_assert_uint_eq(problems.count, 0);
		ck_assert_ptr_nonnull(key->key.help);
		config_source_free(source);
	}
}
END_TEST

START_TEST(variables_win)
{
	read_config("[events]\nendpoint = file:1\n[postprocessing]\nsteps = virus-scan\nlog_level = error\n"
	            "[step:virus-scan]\nmax_retries = 1\nworkers = 2\n",
	            ENVIRONMENT("HOME=/h", "POSTPROCESSING_EVENTS_ENDPOINT=env:1", "POSTPROCESSING_LOG_LEVEL=debug",
	                        "POSTPROCESSING_STEP_VIRUS_SCAN_MAX_RETRIES=9", "POSTPROCESSING_STEP_VIRUS_SCAN_WORKERS="));
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->events.endpoint, "env:1");
	ck_assert_int_eq(fixture.config->log_level, LOG_DEBUG);
	ck_assert_uint_eq(fixture.config->step[0].max_retries, 9);
	ck_assert_msg(fixture.config->step[0].workers == 2, "an empty variable counts as unset");
}
END_TEST

START_TEST(our_own_name_wins)
{
	read_config("", ENVIRONMENT("HOME=/h", "OCIS_EVENTS_ENDPOINT=ocis:1", "OC_EVENTS_ENDPOINT=oc:1"));
	ck_assert_str_eq(fixture.config->events.endpoint, "oc:1");
	read_config("", ENVIRONMENT("HOME=/h", "OCIS_EVENTS_ENDPOINT=ocis:1", "OC_EVENTS_ENDPOINT=oc:1",
	                            "POSTPROCESSING_EVENTS_ENDPOINT=own:1"));
	ck_assert_str_eq(fixture.config->events.endpoint, "own:1");
	read_config("[events]\nusername=f\n",
	            ENVIRONMENT("HOME=/h", "OCIS_EVENTS_AUTH_USERNAME=g", "POSTPROCESSING_EVENTS_AUTH_USERNAME=l"));
	ck_assert_str_eq(fixture.config->events.username, "l");
	read_config("",
	            ENVIRONMENT("HOME=/h", "POSTPROCESSING_EVENTS_USERNAME=o", "POSTPROCESSING_EVENTS_AUTH_USERNAME=l"));
	ck_assert_str_eq(fixture.config->events.username, "o");
}
END_TEST

/* The variables of a deployment of the other services, unchanged. */
START_TEST(a_deployment)
{
	read_config("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEPS=virusscan,policies", "POSTPROCESSING_DELAY=1m30s",
	                            "POSTPROCESSING_WORKERS=3", "POSTPROCESSING_RETRY_BACKOFF_DURATION=2s",
	                            "POSTPROCESSING_MAX_RETRIES=3", "OCIS_LOG_LEVEL=warn",
	                            "POSTPROCESSING_DEBUG_ADDR=0.0.0.0:9", "POSTPROCESSING_DEBUG_TOKEN=t",
	                            "POSTPROCESSING_TRACING_ENABLED=x", "OCIS_EVENTS_ENDPOINT=nats:9233",
	                            "OCIS_EVENTS_CLUSTER=ocis-cluster", "OCIS_EVENTS_ENABLE_TLS=true", "OCIS_INSECURE=true",
	                            "OCIS_EVENTS_AUTH_USERNAME=u", "OCIS_EVENTS_AUTH_PASSWORD=p",
	                            "OCIS_PERSISTENT_STORE=nats-js-kv", "OCIS_PERSISTENT_STORE_NODES=kv:9233",
	                            "POSTPROCESSING_STORE_DATABASE=pp", "POSTPROCESSING_STORE_TABLE=tab",
	                            "POSTPROCESSING_STORE_TTL=1h", "OCIS_PERSISTENT_STORE_AUTH_USERNAME=su",
	                            "OCIS_PERSISTENT_STORE_AUTH_PASSWORD=sp", "ANTIVIRUS_WORKERS=11",
	                            "ANTIVIRUS_CLAMAV_SOCKET=/x"));
	const struct config *config = fixture.config;
	assert_sound(&fixture);
	assert_steps("virusscan policies delay");
	ck_assert(config->delay_appended);
	ck_assert_uint_eq(config->step[0].workers, 11);
	ck_assert_uint_eq(config->step[1].workers, 4);
	ck_assert_uint_eq(config->step[1].max_retries, 3);
	ck_assert_int_eq(config->step[1].retry_backoff, 2 * SECOND);
	ck_assert_int_eq(config->log_level, LOG_WARNING);
	ck_assert_str_eq(config->http_addr, "0.0.0.0:9");
	ck_assert_str_eq(config->http_token, "t");
	ck_assert_str_eq(config->events.endpoint, "nats:9233");
	ck_assert(config->events.tls && config->events.tls_insecure && config->store.tls_insecure &&
	          config->content.tls_insecure);
	ck_assert_str_eq(config->events.username, "u");
	ck_assert_str_eq(config->events.password, "p");
	ck_assert_str_eq(config->store.endpoint, "kv:9233");
	ck_assert_str_eq(config->store.username, "su");
	ck_assert_str_eq(config->store.password, "sp");
	ck_assert_msg(!config->store.tls, "another broker has settings of its own");
	ck_assert_str_eq(config->bucket, "pp");
	ck_assert_str_eq(config->table, "tab");
}
END_TEST

START_TEST(log_levels_of_the_others)
{
	static const struct {
		const char *variable;
		enum log_level level;
	} levels[] = {{"OC_LOG_LEVEL=panic", LOG_ERROR}, {"OC_LOG_LEVEL=fatal", LOG_ERROR},
	              {"OC_LOG_LEVEL=error", LOG_ERROR}, {"OC_LOG_LEVEL=warn", LOG_WARNING},
	              {"OC_LOG_LEVEL=Info", LOG_INFO},   {"OC_LOG_LEVEL=debug", LOG_DEBUG},
	              {"OC_LOG_LEVEL=trace", LOG_DEBUG}, {"POSTPROCESSING_LOG_LEVEL=trace", LOG_DEBUG}};
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		read_config("", ENVIRONMENT("HOME=/h", levels[i].variable));
		assert_sound(&fixture);
		ck_assert_int_eq(fixture.config->log_level, levels[i].level);
	}
}
END_TEST

START_TEST(two_variables_alone)
{
	read_config("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_VIRUSSCAN=true"));
	assert_steps("virusscan");
	read_config("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=5s"));
	assert_steps("delay");
	ck_assert_msg(!fixture.config->delay_appended, "there was no list that could omit it");
	read_config("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=5s", "POSTPROCESSING_VIRUSSCAN=true"));
	assert_steps("virusscan delay");
	ck_assert(!fixture.config->delay_appended);
	read_config("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=0s", "POSTPROCESSING_VIRUSSCAN=false"));
	assert_steps("");
	assert_sound(&fixture);
	read_config("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=later", "POSTPROCESSING_VIRUSSCAN=si"));
	assert_problem(&fixture, "POSTPROCESSING_DELAY: duration: \"later\" is not a duration");
	assert_problem(&fixture, "POSTPROCESSING_VIRUSSCAN: virusscan: \"si\" is not true or false");
	assert_problems(&fixture, 2);
}
END_TEST

START_TEST(delay_with_a_list)
{
	read_config("[postprocessing]\nsteps = a, delay, b\n", ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=5s"));
	assert_steps("a delay b");
	ck_assert(!fixture.config->delay_appended);
	read_config("[postprocessing]\nsteps = a\ndelay = 3s\n", ENVIRONMENT("HOME=/h"));
	assert_steps("a delay");
	ck_assert(fixture.config->delay_appended);
	ck_assert_str_eq(section_find(fixture.config->step[1].section, "duration")->value, "3s");
	read_config("[postprocessing]\nsteps = a\n[step:delay]\nduration = 3s\n", ENVIRONMENT("HOME=/h"));
	assert_steps("a delay");
	ck_assert(fixture.config->delay_appended);
	read_config("[postprocessing]\nsteps = a\n", ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_DELAY_DURATION=1s"));
	assert_steps("a delay");
	fixture_write(&fixture, "steps.d/delay.ini", "[step:delay]\nduration = 9s\n", (size_t)-1);
	read_config("[postprocessing]\nsteps = a\n", ENVIRONMENT("HOME=/h"));
	assert_steps("a");
	read_config("[postprocessing]\nsteps = a, virusscan\n",
	            ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=5s", "POSTPROCESSING_VIRUSSCAN=1"));
	assert_steps("a virusscan delay");
	ck_assert_str_eq(section_find(fixture.config->step[2].section, "duration")->value, "5s");
	read_config("[postprocessing]\nsteps = a, b\n", ENVIRONMENT("HOME=/h", "POSTPROCESSING_VIRUSSCAN=1"));
	assert_steps("virusscan a b");
	assert_sound(&fixture);
}
END_TEST

START_TEST(store_follows_events)
{
	read_config(
		"[events]\nendpoint = e:1\nusername = u\npassword = p\nenable_tls = true\ntls_root_ca_certificate = /dev/null\n",
		ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->store.endpoint, "e:1");
	ck_assert_str_eq(fixture.config->store.username, "u");
	ck_assert_str_eq(fixture.config->store.password, "p");
	ck_assert_str_eq(fixture.config->store.ca_file, "/dev/null");
	ck_assert(fixture.config->store.tls);
	read_config("[events]\ntls_insecure = true\ntls_root_ca_certificate = /ca\n", ENVIRONMENT("HOME=/h"));
	ck_assert_msg(!fixture.config->events.tls_insecure && !fixture.config->store.tls_insecure, "a CA certificate wins");
	read_config("[events]\ntls_insecure = true\n", ENVIRONMENT("HOME=/h"));
	ck_assert(fixture.config->events.tls_insecure && fixture.config->store.tls_insecure);
	read_config(
		"[events]\nendpoint = e:1\nusername = u\npassword = p\nenable_tls = true\n[store]\nusername = su\nenable_tls = false\n",
		ENVIRONMENT("HOME=/h"));
	ck_assert_str_eq(fixture.config->store.endpoint, "e:1");
	ck_assert_str_eq(fixture.config->store.username, "su");
	ck_assert_msg(fixture.config->store.password == NULL, "no password is used with another user name");
	ck_assert(!fixture.config->store.tls);
	read_config("[events]\nendpoint = e:1\nusername = u\npassword = p\n[store]\nnodes = s:1\n", ENVIRONMENT("HOME=/h"));
	ck_assert_msg(fixture.config->store.password == NULL, "nor for another broker");
}
END_TEST

START_TEST(password_files)
{
	char text[256], path[128];
	snprintf(path, sizeof path, "%s/secret", fixture.folder);
	fixture_write(&fixture, "secret", "pass;word \n", (size_t)-1);
	snprintf(text, sizeof text, "[events]\npassword_file = %s\n", path);
	read_config(text, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->events.password, "pass;word ");
	ck_assert_str_eq(fixture.config->store.password, "pass;word ");
	read_config(text, ENVIRONMENT("HOME=/h", "OC_EVENTS_AUTH_PASSWORD=env"));
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->events.password, "env");
	snprintf(text, sizeof text, "POSTPROCESSING_EVENTS_PASSWORD_FILE=%s", path);
	read_config("[events]\npassword = file\n", ENVIRONMENT("HOME=/h", text));
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->events.password, "pass;word ");
	read_config("", ENVIRONMENT("HOME=/h", text, "POSTPROCESSING_EVENTS_PASSWORD=hush"));
	assert_problem(
		&fixture,
		"POSTPROCESSING_EVENTS_PASSWORD_FILE: password_file: password is set too (POSTPROCESSING_EVENTS_PASSWORD)");
	fixture_write(&fixture, "secret", "\xEF\xBB\xBFmarked\r\n", (size_t)-1);
	read_config("", ENVIRONMENT("HOME=/h", text));
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->events.password, "marked");
	static const char *const content[] = {"", "\n", "two\nlines\n", "\xEF\xBB\xBF\n"};
	for (size_t i = 0; i < 4; i++) {
		fixture_write(&fixture, "secret", content[i], (size_t)-1);
		read_config("", ENVIRONMENT("HOME=/h", text));
		assert_problem(&fixture, "must contain a single line of text");
	}
	fixture_write(&fixture, "secret", "a\0b\n", 4);
	read_config("", ENVIRONMENT("HOME=/h", text));
	assert_problem(&fixture, "must contain a single line of text");
	fixture_write(&fixture, "secret", "gr\xfc\xdf\n", (size_t)-1);
	read_config("", ENVIRONMENT("HOME=/h", text));
	assert_problem(&fixture, "secret: not UTF-8");
	fixture_write(&fixture, "secret", "a\x1b[2J\n", (size_t)-1);
	read_config("", ENVIRONMENT("HOME=/h", text));
	assert_problem(&fixture, "secret: control characters");
}
END_TEST

START_TEST(secrets_stay_secret)
{
	char variable[8192] = "POSTPROCESSING_EVENTS_PASSWORD=hush";
	memset(variable + strlen(variable), 'x', 5000);
	read_config(
		"[events]\npassword hush\nendpoint = nats://me:hush@host:x\n[store]\npassword = hush\npassword = hush\nnodes = ftp://me:hush@x\n"
		"[http]\ntoken = hush\ntoken = hush\nhush\n",
		ENVIRONMENT("HOME=/h", variable));
	ck_assert_uint_ge(fixture.problems.count, 6);
	assert_problem(&fixture, "POSTPROCESSING_EVENTS_PASSWORD: password: longer than 4096 bytes");
	ck_assert_uint_eq(fixture_problems(&fixture, "hush"), 0);
}
END_TEST

START_TEST(messages_forge_no_line)
{
	read_config("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_LOG_LEVEL=a\nmain.ini:1: all is well\x1b[2J"));
	assert_problem(&fixture, "POSTPROCESSING_LOG_LEVEL: log_level: unknown value \"a?main.ini:1: all is well?[2J\"");
	assert_problems(&fixture, 1);
	read_config("",
	            ENVIRONMENT("HOME=/h",
	                        "POSTPROCESSING_LOG_LEVEL=a\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa9\xffz\xc3\xa4\xc3"));
	assert_problem(&fixture, "unknown value \"a?????z\xc3\xa4?\"");
}
END_TEST

static void assert_state_dir(const char *expected, bool root, char *const *environment)
{
	struct config_source *source = config_source_create(environment);
	ck_assert_ptr_nonnull(source);
	const char *origin;
	char *folder = state_dir_default(source, root, &origin);
	ck_assert_pstr_eq(folder, expected);
	free(folder);
	config_source_free(source);
}

/* Runs as a user who is not root, without any variable that implies a state folder. 0: only the service reports
 * that. */
static int read_without_home(void)
{
	struct problems problems = {0};
	struct preflight preflight;
	if (seteuid(4711) != 0 && geteuid() == 0)
		return 2;
	clearenv();
	struct config *config = config_read("/nowhere/at/all.ini", environ, &problems);
	/* The file does not exist, and that is the only problem. */
	if (config == NULL || config->state_dir != NULL || problems.count != 1)
		return 3;
	if (preflight_make(&preflight, "/nowhere/at/all.ini") || preflight.problems.count < 2 ||
	    strcmp(preflight.problems.line[1], NO_STATE_DIR) != 0)
		return 4;
	return 0;
}

START_TEST(no_state_dir)
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(read_without_home());
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(state_dirs)
{
	assert_state_dir("/var/lib/a", false,
	                 ENVIRONMENT("STATE_DIRECTORY=/var/lib/a:/var/lib/b", "HOME=/h", "XDG_STATE_HOME=/s"));
	assert_state_dir("/var/lib/a", true, ENVIRONMENT("STATE_DIRECTORY=/var/lib/a"));
	assert_state_dir(STATE_DIR, true, ENVIRONMENT("HOME=/h", "XDG_STATE_HOME=/s"));
	assert_state_dir("/s/postprocessing", false, ENVIRONMENT("HOME=/h", "XDG_STATE_HOME=/s"));
	assert_state_dir("/h/.local/state/postprocessing", false, ENVIRONMENT("HOME=/h", "XDG_STATE_HOME="));
	assert_state_dir("/h/.local/state/postprocessing", false, ENVIRONMENT("HOME=/h", "XDG_STATE_HOME=relative"));
	assert_state_dir(NULL, false, ENVIRONMENT("HOME="));
	read_config("[postprocessing]\nstate_dir = /f\n", ENVIRONMENT("STATE_DIRECTORY=/d", "POSTPROCESSING_STATE_DIR=/e"));
	ck_assert_str_eq(fixture.config->state_dir, "/e");
}
END_TEST

/* A variable that has lost its value must not disable scanning. */
START_TEST(blank_variables)
{
	static const char *const blank[] = {"POSTPROCESSING_STEPS=", "POSTPROCESSING_STEPS= ", "POSTPROCESSING_STEPS= \t ",
	                                    "POSTPROCESSING_STEPS=\n", "POSTPROCESSING_STEPS= \r\n\v\f"};
	for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++) {
		read_config("[postprocessing]\nsteps = virusscan\n", ENVIRONMENT("HOME=/h", blank[i]));
		assert_sound(&fixture);
		assert_steps("virusscan");
	}
	static const char *const nothing[] = {"POSTPROCESSING_STEPS=,", "POSTPROCESSING_STEPS=,, ,"};
	for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
		read_config("[postprocessing]\nsteps = virusscan\n", ENVIRONMENT("HOME=/h", nothing[i]));
		assert_problem(&fixture, "POSTPROCESSING_STEPS: steps: the list is empty");
		assert_problems(&fixture, 1);
	}
	read_config(
		"[events]\npassword = p\n[content]\ntls_insecure = true\n",
		ENVIRONMENT("HOME=/h", "POSTPROCESSING_EVENTS_PASSWORD= ", "OC_INSECURE=\t", "POSTPROCESSING_VIRUSSCAN= "));
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->events.password, "p");
	ck_assert(fixture.config->content.tls_insecure);
	/* White space at the end of a secret's file is not part of the secret, and invisible, so it is reported. */
	read_config("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_EVENTS_PASSWORD=hush\n"));
	assert_problem(&fixture, "POSTPROCESSING_EVENTS_PASSWORD: password: control characters");
	ck_assert_uint_eq(fixture_problems(&fixture, "hush"), 0);
}
END_TEST

START_TEST(odd_environments)
{
	read_config("", ENVIRONMENT("HOME=/h", "", "=", "=x", "NOEQUALS", "A==", "POSTPROCESSING_MAX_RETRIES=3"));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step_count, 0);
	read_config("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_HTTP_ADDR=x", "POSTPROCESSING_STORE=redis-sentinel"));
	assert_problem(&fixture, "POSTPROCESSING_HTTP_ADDR: addr: ");
	assert_problem(&fixture, "POSTPROCESSING_STORE: store: unknown value \"redis-sentinel\" (nats-js-kv)");
	read_config("", ENVIRONMENT("HOME=/h", "OC_INSECURE=perhaps"));
	assert_problem(&fixture, "OC_INSECURE: tls_insecure: \"perhaps\" is not true or false");
	assert_problems(&fixture, 1);
	read_config("[postprocessing]\nsteps = a.b\n[step:a-b]\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:3: the steps \"a.b\" and \"a-b\" would share");
	read_config("[http]\naddr =\n", ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_msg(fixture.config->http_addr == NULL, "an empty address: no HTTP");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_env");
	TCase *tcase = tcase_create("environment");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, every_key_has_a_variable);
	tcase_add_test(tcase, variables_win);
	tcase_add_test(tcase, our_own_name_wins);
	tcase_add_test(tcase, a_deployment);
	tcase_add_test(tcase, log_levels_of_the_others);
	tcase_add_test(tcase, two_variables_alone);
	tcase_add_test(tcase, delay_with_a_list);
	tcase_add_test(tcase, store_follows_events);
	tcase_add_test(tcase, password_files);
	tcase_add_test(tcase, secrets_stay_secret);
	tcase_add_test(tcase, messages_forge_no_line);
	tcase_add_test(tcase, state_dirs);
	tcase_add_test(tcase, no_state_dir);
	tcase_add_test(tcase, blank_variables);
	tcase_add_test(tcase, odd_environments);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
