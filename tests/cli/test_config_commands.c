/* SPDX-License-Identifier: Apache-2.0
 * What the built program prints about a configuration: `config`, `steps`, and a server that does not start. None of
 * them needs a broker. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/folder.h"
#include "tests/harness/process.h"
#include "tests/harness/suite.h"

#define LIMIT (60 * SECOND)
#define OUTPUT_SIZE ((size_t)256 * 1024)

static char folder[FOLDER_PATH_SIZE];
static char output[OUTPUT_SIZE]; /* the standard output of the command, or the log of the server */

static void setup(void)
{
	ck_assert(folder_create(folder));
}

static void teardown(void)
{
	folder_remove(folder);
}

static const char *below(const char *name)
{
	static char path[FOLDER_PATH_SIZE + 64];
	snprintf(path, sizeof path, "%s/%.50s", folder, name);
	return path;
}

/* Writes the configuration, with the plugin folders before it. */
static void write_config(const char *text)
{
	char whole[4096], build[2048];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	snprintf(whole, sizeof whole, "[postprocessing]\nplugin_dir = %s/plugins/.libs\n%s", build, text);
	ck_assert(folder_write(folder, "main.ini", whole, strlen(whole)));
	ck_assert_int_eq(chmod(below("main.ini"), 0600), 0);
}

/* The same; each @ stands for the test's folder. */
static void write_config_here(const char *text)
{
	char whole[2048] = "";
	for (size_t used = 0; *text != '\0'; text++, used = strlen(whole))
		snprintf(whole + used, sizeof whole - used, "%.*s", *text == '@' ? (int)strlen(folder) : 1,
		         *text == '@' ? folder : text);
	write_config(whole);
}

/* If set, the commands run as this user. */
static bool as_somebody;
#define SOMEBODY "4711"

/* Whether that is possible: it needs root, and a build folder that everybody can reach. */
static bool can_run_as_somebody(void)
{
	static const char *const argv[] = {
		"setpriv", "--reuid=" SOMEBODY, "--clear-groups", "test", "-x", "./postprocessing", NULL};
	struct process process = PROCESS_NONE;
	bool good = geteuid() == 0 &&
	            process_start(&process, &(struct process_options){.argv = argv, .log = "/dev/null"}) &&
	            process_wait(&process, LIMIT) && process.status == 0;
	process_end(&process);
	return good;
}

/* Runs the command; returns its exit status. */
static int run(const char *command, const char *option, const char *const *env)
{
	char ini[FOLDER_PATH_SIZE + 64], log[FOLDER_PATH_SIZE + 64];
	const char *const argv[] = {
		"setpriv", "--reuid=" SOMEBODY, "--clear-groups", "./postprocessing", command, "-c", ini, option, NULL};
	struct process process = PROCESS_NONE;
	snprintf(ini, sizeof ini, "%s", below("main.ini"));
	snprintf(log, sizeof log, "%s", below("log"));
	unlink(log);
	ck_assert(process_start(
		&process,
		&(struct process_options){.argv = argv + (as_somebody ? 0 : 3), .env = env, .log = log, .pipe_out = true}));
	output[0] = '\0';
	for (size_t used = 0; process_read_line(&process, output + used, OUTPUT_SIZE - used - 1, LIMIT);
	     used = strlen(output)) {
		ck_assert_uint_lt(strlen(output), OUTPUT_SIZE - 2);
		strcat(output, "\n");
	}
	ck_assert(process_wait(&process, LIMIT));
	int status = process.status;
	process_end(&process);
	return status;
}

/* How many times the output contains the text. */
static size_t occurrences(const char *text)
{
	size_t found = 0;
	for (const char *at = strstr(output, text); at != NULL; at = strstr(at + 1, text))
		found++;
	return found;
}

static void assert_has(const char *text)
{
	ck_assert_msg(occurrences(text) > 0, "not in the output: %s\n%s", text, output);
}

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(a_sound_configuration)
{
	write_config("steps = virusscan\n[step:virusscan]\ninfected = abort\n[http]\ntoken = hush\n");
	ck_assert_int_eq(run("config", NULL, ENV("ANTIVIRUS_CLAMAV_SOCKET=/run/other")), 0);
	assert_has("[postprocessing]\n");
	assert_has("steps = virusscan   ");
	assert_has("main.ini:3\n");
	assert_has("log_level = info   ");
	assert_has("clamav_socket = /run/other   ");
	assert_has("   ANTIVIRUS_CLAMAV_SOCKET\n");
	assert_has("token = (not shown)   ");
	assert_has("consumer = postprocessing-pull  ");
	ck_assert_uint_eq(occurrences("hush"), 0);
	ck_assert_uint_eq(occurrences("ERRORS"), 0);
}
END_TEST

START_TEST(as_json)
{
	write_config("steps = virusscan\n[http]\ntoken = hush\n");
	ck_assert_int_eq(run("config", "--json", ENV("POSTPROCESSING_SETPS=x", "OC_LOG_COLOR=1")), 0);
	json_t *report = json_loads(output, 0, NULL), *value;
	ck_assert_msg(report != NULL, "%s", output);
	size_t i, seen = 0;
	json_array_foreach(json_object_get(report, "values"), i, value)
	{
		const char *key = json_string_value(json_object_get(value, "key")),
				   *section = json_string_value(json_object_get(value, "section"));
		ck_assert_ptr_nonnull(json_string_value(json_object_get(value, "origin")));
		if (strcmp(section, "postprocessing") == 0 && strcmp(key, "steps") == 0) {
			ck_assert_str_eq(json_string_value(json_object_get(value, "value")), "virusscan");
			ck_assert_str_eq(json_string_value(json_object_get(value, "source")), "file");
			seen++;
		}
		if (strcmp(section, "http") == 0 && strcmp(key, "token") == 0) {
			ck_assert(json_is_true(json_object_get(value, "secret")) && json_is_null(json_object_get(value, "value")));
			seen++;
		}
		if (strcmp(section, "step:virusscan") == 0 && strcmp(key, "timeout") == 0) {
			ck_assert_str_eq(json_string_value(json_object_get(value, "source")), "default");
			seen++;
		}
	}
	ck_assert_uint_eq(seen, 3);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "problems")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "warnings")), 1);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "notes")), 1);
	json_decref(report);
}
END_TEST

/* If there are errors, `config` shows the values and the errors. */
START_TEST(a_broken_configuration)
{
	write_config("steps = virusscan ; delay\nworkers = many\n[nonsense]\n");
	ck_assert_int_eq(run("config", NULL, NULL), 2);
	assert_has("The configuration has errors (see below); the server would not start.");
	assert_has("workers = 4 ");
	assert_has("ERRORS\n");
	assert_has("main.ini:3: steps: \" ;\" or \" #\" in a value");
	assert_has("main.ini:4: workers: \"many\" is not a whole number");
	assert_has("main.ini:5: [nonsense]: unknown section");
	ck_assert_int_eq(run("config", "--json", NULL), 2);
	json_t *report = json_loads(output, 0, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "problems")), 3);
	json_decref(report);
	/* A list that could not be read is not shown as an empty one. */
	ck_assert_int_eq(run("steps", NULL, NULL), 2);
	assert_has("the server would not start");
	ck_assert_uint_eq(occurrences("every upload is accepted"), 0);
	ck_assert_int_eq(run("config", "extra", NULL), 2);
	ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(no_steps)
{
	write_config("");
	ck_assert_int_eq(run("steps", NULL, ENV("ANTIVIRUS_CLAMAV_SOCKET=/x")), 0);
	assert_has("no steps: every upload is accepted at once");
	assert_has("WARNINGS\nANTIVIRUS_CLAMAV_SOCKET: set, but unused, and uploads are not scanned");
	write_config("steps = viruscan\n");
	ck_assert_int_eq(run("steps", NULL, NULL), 2);
	assert_has(" not checked\n");
	assert_has("main.ini:3: step viruscan: module viruscan: not found; did you mean virusscan? Modules in /");
	assert_has("virusscan; built in: delay, remote\n");
	assert_has("run `postprocessing config` to see which values apply");
	write_config("steps = dealy\n");
	ck_assert_int_eq(run("steps", NULL, NULL), 2);
	assert_has("step dealy: module dealy: not found; did you mean delay? Modules in /");
}
END_TEST

/* A usage text alone does not say what is wrong. */
START_TEST(wrong_arguments_are_named)
{
	static const struct {
		const char *command, *argument, *error;
	} cases[] = {{"list", "extra", "unexpected argument: extra\nusage: postprocessing list "},
	             {"server", "extra", "unexpected argument: extra\nusage: "},
	             {"server", "--json", "unexpected option: --json\nusage: "},
	             {"show", NULL, "an upload's ID is needed\nusage: "},
	             {"release", NULL, "an upload's ID is needed\nusage: "},
	             {"submit", NULL, "a file is needed\nusage: "}};
	write_config("");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_int_eq(run(cases[i].command, cases[i].argument, NULL), 2);
		ck_assert(folder_read(folder, "log", output, OUTPUT_SIZE));
		assert_has(cases[i].error);
	}
}
END_TEST

static void run_version(const char *option, int status)
{
	const char *const argv[] = {"./postprocessing", "version", option, NULL};
	struct process process = PROCESS_NONE;
	ck_assert(process_start(&process, &(struct process_options){.argv = argv, .log = below("log"), .pipe_out = true}));
	process_read_all(&process, output, OUTPUT_SIZE);
	ck_assert(process_wait(&process, LIMIT));
	ck_assert_int_eq(process.status, status);
	process_end(&process);
}

START_TEST(versions)
{
	char line[128];
	run_version("--json", 0);
	json_t *json = json_loads(output, 0, NULL);
	ck_assert_msg(json_object_size(json) == 2, "%s", output);
	snprintf(line, sizeof line, "postprocessing %s, step ABI %s\n", json_string_value(json_object_get(json, "version")),
	         json_string_value(json_object_get(json, "abi")));
	json_decref(json);
	run_version(NULL, 0);
	ck_assert_str_eq(output, line);
	run_version("--abi", 2);
}
END_TEST

/* A step whose settings are wrong is not checked: its module could crash, or give a wrong cause. */
START_TEST(wrong_settings_are_not_checked)
{
	static const struct {
		const char *config, *error;
	} cases[] = {
		{"steps = review\n[step:review]\nmodule = http\n", "main.ini:4: url: required in [step:review]"},
		{"steps = review\n[step:review]\nmodule = exec\n", "main.ini:4: command: required in [step:review]"},
		{"steps = virusscan\n[step:virusscan]\nmax_scan_size = 1G B\n", "main.ini:5: max_scan_size: \"1G B\" is not"},
		{"steps = virusscan\n[step:virusscan]\ncache_frist = 1GiB\n", "main.ini:5: cache_frist: unknown key in"},
		{"steps = virusscan\n[step:virusscan]\ntimeout = 0\n",
	     "main.ini:5: timeout: \"0\" is not more than 0 and at most 24h"},
		{"steps = virusscan\n[step:virusscan]\nencrypted = delete\n", "main.ini:5: encrypted: "},
		{"steps = virusscan\n[step:virusscan]\nclamav_socket =\n", "main.ini:5: clamav_socket: needs a value"},
		{"steps = virusscan\n[step:virusscan]\nallow = netwrk\n", "main.ini:5: allow: unknown word"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		write_config(cases[i].config);
		ck_assert_int_eq(run("steps", NULL, NULL), 2);
		assert_has(" not checked\n");
		assert_has(cases[i].error);
		ck_assert_msg(occurrences("fails: ") == 0, "%s", output);
	}
}
END_TEST

/* The service could not use these folders and files: `steps` finds that, creates nothing, and names the key. */
START_TEST(folders_and_programs)
{
	static const struct {
		const char *config, *error;
	} cases[] = {
		{"state_dir = @/file\n", "main.ini:3: state_dir: "},
		{"state_dir = @/file/below\n", "main.ini:3: state_dir: "},
		{"state_dir = @/open\n", "main.ini:3: state_dir: "},
		{"state_dir = @/new\n[quarantine]\npublic_key = /k\nfolder = @/open\n", "main.ini:6: folder: "},
		{"state_dir = @/new\n[quarantine]\npublic_key = /k\nfolder = @/file\n", "main.ini:6: folder: "},
		{"state_dir = @/new\n[quarantine]\npublic_key = /nonexistent/file\nfolder = @/new/q\n",
	     "main.ini:5: public_key: /nonexistent/file: "},
		{"state_dir = @/new\nworker_program = /nonexistent/file\nsteps = exec virusscan\n",
	     "main.ini:4: worker_program: /nonexistent/file: No such file"},
	};
	ck_assert(folder_write(folder, "file", "", 0));
	ck_assert_int_eq(mkdir(below("open"), 0700), 0);
	ck_assert_int_eq(chmod(below("open"), 0777), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		write_config_here(cases[i].config);
		ck_assert_int_eq(run("steps", NULL, NULL), 2);
		assert_has(cases[i].error);
		ck_assert_msg(occurrences(cases[i].error) == 1, "%s", output);
		ck_assert_int_ne(access(below("new"), F_OK), 0);
		ck_assert_int_eq(run("server", NULL, NULL), 2);
		ck_assert(folder_read(folder, "log", output, OUTPUT_SIZE));
		assert_has(cases[i].error);
	}
	write_config("worker_user = nosuchuser\n");
	if (geteuid() == 0) {
		ck_assert_int_eq(run("steps", NULL, NULL), 2);
		assert_has("main.ini:3: worker_user: there is no user \"nosuchuser\"");
	}
	/* What is missing will be created. */
	write_config_here("state_dir = @/new/state\n");
	ck_assert_int_eq(run("steps", NULL, NULL), 0);
	ck_assert_int_ne(access(below("new"), F_OK), 0);
}
END_TEST

/* If the keys of the quarantine are wrong, the steps that need it report no second error. */
START_TEST(wrong_quarantine)
{
	static const struct {
		const char *keys, *error;
	} cases[] = {
		{"folder = q\npublic_key = /k\n", "main.ini:7: folder: \"q\" is not an absolute path"},
		{"folder = /q\n", "main.ini:7: folder: needs public_key too"},
		{"public_key = /k\n", "main.ini:7: public_key: needs folder too"},
	};
	char config[512];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(config, sizeof config, "steps = virusscan\n[step:virusscan]\ninfected = quarantine\n[quarantine]\n%s",
		         cases[i].keys);
		write_config(config);
		ck_assert_int_eq(run("steps", NULL, NULL), 2);
		assert_has(cases[i].error);
		ck_assert_msg(occurrences("infected: ") == 0, "%s", output);
	}
}
END_TEST

/* It may be another user's service, so it is a warning. */
START_TEST(a_state_folder_that_cannot_be_written_to)
{
	if (!can_run_as_somebody())
		return;
	write_config_here("state_dir = @/state\n");
	ck_assert_int_eq(mkdir(below("state"), 0755), 0);
	ck_assert_int_eq(chmod(below("state"), 0755), 0);
	ck_assert_int_eq(chmod(folder, 0755), 0);
	ck_assert_int_eq(chmod(below("main.ini"), 0644), 0);
	as_somebody = true;
	ck_assert_int_eq(run("steps", NULL, NULL), 0);
	assert_has("main.ini:3: state_dir: ");
	assert_has("/state: the user " SOMEBODY " cannot write to it (owner root, ");
	as_somebody = false;
	ck_assert_int_eq(run("steps", NULL, NULL), 0);
	ck_assert_uint_eq(occurrences("cannot write to it"), 0);
}
END_TEST

/* A module that no step uses does no harm: `steps` reports what is wrong with it, and everything else works. */
START_TEST(harmful_modules)
{
	char variable[4096], build[1024], text[512];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	/* Not those that hang: each would take its whole time limit. */
	static const char *const names[] = {"crashes", "exits", "talks", "wild_name"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(variable, sizeof variable, "%s/tests/harmful/.libs/%s.so", build, names[i]);
		snprintf(text, sizeof text, "%s.so", names[i]);
		ck_assert_int_eq(symlink(variable, below(text)), 0);
	}
	ck_assert(folder_write(folder, "cut.so", "\177ELF\2\1\1", 7));
	snprintf(variable, sizeof variable, "POSTPROCESSING_PLUGIN_DIR=%s/plugins/.libs:%s", build, folder);
	write_config("steps = delay\n");
	ck_assert_int_eq(run("steps", NULL, ENV(variable)), 0);
	assert_has("refused: ");
	assert_has("/crashes.so: loading it crashed: SIGSEGV");
	assert_has("/exits.so: loading it exited with status 0");
	assert_has("/wild_name.so: loading it crashed");
	assert_has("/cut.so: not a shared object");
	ck_assert_uint_eq(occurrences("hello from a module"), 0);
	ck_assert_int_eq(run("steps", "--json", ENV(variable)), 0);
	json_t *report = json_loads(output, 0, NULL);
	ck_assert_msg(report != NULL, "%s", output);
	ck_assert_uint_ge(json_array_size(json_object_get(report, "modules")), 8);
	json_decref(report);
	/* If a step uses such a module, the start fails in an orderly way. */
	write_config("steps = crashes\n");
	ck_assert_int_eq(run("server", NULL, ENV(variable)), 2);
	ck_assert(folder_read(folder, "log", output, OUTPUT_SIZE));
	assert_has("main.ini:3: step crashes: module crashes: /");
	assert_has("run `postprocessing config` to see which values apply");
	assert_has("/crashes.so: loading it crashed: SIGSEGV");
}
END_TEST

/* The log of a start contains every warning once. The start itself fails late, when it looks for a nats-server. */
START_TEST(the_log_of_a_start)
{
	char state[FOLDER_PATH_SIZE + 64];
	snprintf(state, sizeof state, "POSTPROCESSING_STATE_DIR=%s/state", folder);
	write_config("steps = virusscan\n[step:viruscan]\nworkers = 2\n[http]\naddr =\n");
	ck_assert_int_ne(
		run("server", NULL,
	        ENV(state, "POSTPROCESSING_NATS_SERVER=/nonexistent", "OCIS_INSECURE=true", "POSTPROCESSING_SETPS=a",
	            "ANTIVIRUS_QUEUE_REPLICAS=3", "POSTPROCESSING_PORT=tcp://1.2.3.4:5")),
		0);
	ck_assert(folder_read(folder, "log", output, OUTPUT_SIZE));
	static const char *const lines[] = {
		"OCIS_INSECURE: [content] tls_insecure: the certificate of the storage that uploads are fetched from is not verified",
		"main.ini:4: [step:viruscan]: no step has this name; did you mean [step:virusscan]?",
		"POSTPROCESSING_SETPS: nothing uses this variable; did you mean POSTPROCESSING_STEPS?",
		"ANTIVIRUS_QUEUE_REPLICAS: not needed here, because"};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		ck_assert_msg(occurrences(lines[i]) == 1, "%zu times: %s\n%s", occurrences(lines[i]), lines[i], output);
	ck_assert_uint_eq(occurrences("POSTPROCESSING_PORT"), 0);
	assert_has("/nonexistent");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_sound_configuration,
	                              as_json,
	                              a_broken_configuration,
	                              no_steps,
	                              wrong_settings_are_not_checked,
	                              wrong_arguments_are_named,
	                              versions,
	                              folders_and_programs,
	                              wrong_quarantine,
	                              harmful_modules,
	                              the_log_of_a_start,
	                              a_state_folder_that_cannot_be_written_to};
	return suite_run_with("config_commands", setup, teardown, tests, sizeof tests / sizeof tests[0], 180);
}
