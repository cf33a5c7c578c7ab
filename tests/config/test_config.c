/* SPDX-License-Identifier: Apache-2.0
 * What is read from the files and the environment. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/config_source.h"
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

/* The names of the steps, each followed by a space. */
static const char *steps(void)
{
	static char text[8192];
	text[0] = '\0';
	for (size_t i = 0; i < fixture.config->step_count; i++) {
		strcat(text, fixture.config->step[i].name);
		strcat(text, " ");
	}
	return text;
}

START_TEST(defaults)
{
	read_config("", NULL);
	const struct config *config = fixture.config;
	assert_problems(&fixture, 0);
	ck_assert_uint_eq(config->step_count, 0);
	ck_assert(!config->delay_appended);
	ck_assert_str_eq(config->plugin_dir[0], PLUGIN_DIR);
	ck_assert_ptr_null(config->plugin_dir[1]);
	ck_assert_int_eq(config->shutdown_grace, 30 * SECOND);
	ck_assert_int_eq(config->log_level, LOG_INFO);
	ck_assert_uint_eq(config->max_in_flight, 2000);
	ck_assert_str_eq(config->events.endpoint, "embedded");
	ck_assert_str_eq(config->store.endpoint, "embedded");
	ck_assert_ptr_null(config->events.username);
	ck_assert_ptr_null(config->events.password);
	ck_assert_str_eq(config->consumer, "postprocessing-pull");
	ck_assert_str_eq(config->bucket, "postprocessing");
	ck_assert_ptr_null(config->table);
	ck_assert_ptr_null(config->content.file_roots);
	ck_assert_int_eq(config->content.copy_memory, 4 << 20);
	ck_assert_int_eq(config->content.copy_space, 0);
	ck_assert_int_eq(strncmp(config->content.copy_dir, config->state_dir, strlen(config->state_dir)), 0);
	ck_assert(!config->content.tls_insecure && !config->events.tls_insecure && !config->store.tls_insecure);
	ck_assert_str_eq(config->http_addr, "127.0.0.1:9255");
	ck_assert_ptr_null(config->http_token);
}
END_TEST

START_TEST(every_key)
{
	read_config("; a comment\n# another\n"
	            "[postprocessing] ; of the service\n"
	            "steps = virusscan, check-it\tdelay\n"
	            "  plugin_dir = /a:/b/c\n"
	            "state_dir = /var/x\nshutdown_grace = 1m\nlog_level: warning\nmax_in_flight = 7\n"
	            "workers = 3\nmax_retries = 2\nretry_backoff = 250ms\n"
	            "[events]\nendpoint = tls://a:4222,tls://[::1]:4223\nusername = u\npassword = p;w\nenable_tls = yes\n"
	            "tls_insecure = on\ncluster = c\nconsumer = mine\n"
	            "[store]\nstore = nats-js-kv\nnodes = b:4222\ndatabase = db\ntable = t\nusername = su\npassword = sp\n"
	            "enable_tls = true\ntls_root_ca_certificate = /dev/null\ntls_insecure = true\n"
	            "[content]\ntls_insecure = 1\nca_file = /c.pem\nfile_roots = /srv:/data\n"
	            "copy_memory = 1M\ncopy_dir = /tmp/c\ncopy_space = 2G\n"
	            "[http]\naddr = [::]:0\ntoken = secret\n"
	            "[step:virusscan]\nworkers = 9\nmodule = other\ndeadline = 90s\nmax_retries = 0\nretry_backoff = 1h\n"
	            "on_exhausted = continue\n",
	            NULL);
	const struct config *config = fixture.config;
	assert_sound(&fixture);
	ck_assert_str_eq(steps(), "virusscan check-it delay ");
	ck_assert_str_eq(config->plugin_dir[0], "/a");
	ck_assert_str_eq(config->plugin_dir[1], "/b/c");
	ck_assert_ptr_null(config->plugin_dir[2]);
	ck_assert_str_eq(config->state_dir, "/var/x");
	ck_assert_int_eq(config->shutdown_grace, MINUTE);
	ck_assert_int_eq(config->log_level, LOG_WARNING);
	ck_assert_uint_eq(config->max_in_flight, 7);
	ck_assert_str_eq(config->events.endpoint, "a:4222,[::1]:4223");
	ck_assert_str_eq(config->events.password, "p;w");
	ck_assert(config->events.tls && config->events.tls_insecure && config->store.tls);
	ck_assert_msg(!config->store.tls_insecure, "a certificate to verify with means that it is verified");
	ck_assert_str_eq(config->consumer, "mine");
	ck_assert_str_eq(config->store.endpoint, "b:4222");
	ck_assert_str_eq(config->store.username, "su");
	ck_assert_str_eq(config->bucket, "db");
	ck_assert_str_eq(config->table, "t");
	ck_assert_msg(!config->content.tls_insecure, "likewise");
	ck_assert_str_eq(config->content.ca_file, "/c.pem");
	ck_assert_str_eq(config->content.file_roots[1], "/data");
	ck_assert_int_eq(config->content.copy_memory, 1 << 20);
	ck_assert_str_eq(config->content.copy_dir, "/tmp/c/postprocessing-copies");
	ck_assert_int_eq(config->content.copy_space, INT64_C(2) << 30);
	ck_assert_str_eq(config->http_addr, "[::]:0");
	ck_assert_str_eq(config->http_token, "secret");
	const struct step_config *step = config->step;
	ck_assert_str_eq(step->module, "other");
	ck_assert_uint_eq(step->workers, 9);
	ck_assert_int_eq(step->deadline, 90 * SECOND);
	ck_assert_uint_eq(step->max_retries, 0);
	ck_assert_int_eq(step->retry_backoff, HOUR);
	ck_assert_int_eq(step->on_exhausted, EXHAUSTED_CONTINUE);
	ck_assert_str_eq(step[1].module, "check-it");
	ck_assert_uint_eq(step[1].workers, 3);
	ck_assert_uint_eq(step[1].max_retries, 2);
	ck_assert_int_eq(step[1].retry_backoff, 250 * MILLISECOND);
	ck_assert_int_eq(step[1].deadline, 10 * MINUTE);
	ck_assert_int_eq(step[1].on_exhausted, EXHAUSTED_ABORT);
}
END_TEST

/* A line of a file that begins with [postprocessing], and the problem that must be reported. */
static const struct {
	const char *text, *problem;
} wrong[] = {
	{"stepps = a", "main.ini:2: stepps: unknown key in [postprocessing]"},
	{"steps = a,a", "main.ini:2: steps: \"a\" is listed twice"},
	{"steps = finished", "main.ini:2: steps: \"finished\": this name is reserved"},
	{"steps = a/b", "letters, digits"},
	{"steps = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "at most 64"},
	{"steps = v-s v_s", "would share the variables POSTPROCESSING_STEP_V_S_"},
	{"steps = virusscan ; delay", "main.ini:2: steps: \" ;\" or \" #\" in a value: put a comment on its own line"},
	{"steps = virusscan\t; delay", "main.ini:2: steps: \" ;\" or"},
	{"steps = virusscan # delay", "main.ini:2: steps: \" ;\" or"},
	{"steps = ; none", "main.ini:2: steps: \" ;\" or"},
	{"steps = # none", "main.ini:2: steps: \" ;\" or"},
	{"steps = \"virusscan\" ; delay", "main.ini:2: steps: \" ;\" or"},
	{"steps = \"virusscan\" ; \"delay\"", "main.ini:2: steps: \" ;\" or"},
	{"steps : virusscan ;", "main.ini:2: steps: \" ;\" or"},
	{"[http]\ntoken = a ;b", "main.ini:3: token: \" ;\" or"},
	{"[step:x]\nsocket = /run/x # note", "main.ini:3: socket: \" ;\" or"},
	{"steps = virusscan;delay", "main.ini:2: steps: \"virusscan;delay\": a step name may contain only"},
	{"steps = ,", "main.ini:2: steps: the list is empty"},
	{"steps = \" \"", "main.ini:2: steps: the list is empty"},
	{"plugin_dir = :", "main.ini:2: plugin_dir: the list is empty"},
	{"[content]\nfile_roots = :", "main.ini:3: file_roots: the list is empty"},
	{"state_dir = /\xe4", "main.ini:2: not UTF-8"},
	{"state_dir = /\xc2\x9b", "main.ini:2: control characters"},
	{"state_dir = /\xe2\x80\xaex", "main.ini:2: control characters"},
	{"state_dir = /\xe2\x81\xa6x", "main.ini:2: control characters"},
	{"state_dir = /\xe2\x80\xa8x", "main.ini:2: control characters"},
	{"state_dir = /a\rworkers = 0", "main.ini:2: control characters"},
	{"state_dir ; x = /a", "main.ini:2: expected key = value"},
	{"workers = 0", "main.ini:2: workers: \"0\" is not between 1 and 1024"},
	{"workers = 4x", "main.ini:2: workers: \"4x\" is not a whole number"},
	{"max_retries = 1001", "main.ini:2: max_retries: \"1001\" is not between 0 and 1000"},
	{"max_retries = -1", "is not between"},
	{"max_retries = 99999999999999999999", "is not a whole number"},
	{"shutdown_grace = 30", "main.ini:2: shutdown_grace: \"30\" is not a duration"},
	{"retention = 7d",
     "main.ini:2: retention: \"7d\" is not a duration such as 30s or 1h15m (units: ns, us, ms, s, m, h)"},
	{"shutdown_grace = 2h", "is not between 0 and 1h"},
	{"steps = s\n[step:s]\nmemory_limit = 1K", "main.ini:4: memory_limit: \"1K\" is not between 16MiB and 1TiB"},
	{"steps = s\n[step:s]\nallow = netwrk",
     "main.ini:4: allow: unknown word \"netwrk\" (network unix exec files none)"},
	{"log_level = loud", "main.ini:2: log_level: unknown value \"loud\" (error warning info"},
	{"log_level =", "main.ini:2: log_level: unknown value \"\""},
	{"plugin_dir = a", "main.ini:2: plugin_dir: \"a\" is not an absolute path"},
	{"plugin_dir =", "main.ini:2: plugin_dir: needs a value"},
	{"state_dir = a", "main.ini:2: state_dir: \"a\" is not an absolute path"},
	{"steps a", "main.ini:2: expected key = value"},
	{"= a", "main.ini:2: expected key = value"},
	{"workers = 1\nworkers = 2", "main.ini:3: workers: already set ("},
	{"[nonsense]\nx = 1", "main.ini:2: [nonsense]: unknown section"},
	{"[stp:delay]", "main.ini:2: [stp:delay]: unknown section; did you mean [step:delay]?"},
	{"[steps.virus-scan]", "main.ini:2: [steps.virus-scan]: unknown section; did you mean [step:virus-scan]?"},
	{"[evnts]", "main.ini:2: [evnts]: unknown section; did you mean [events]?"},
	{"[events", "main.ini:2: missing ] after the section name"},
	{"[events] x", "main.ini:2: unexpected text after the section name"},
	{"[step:]", "main.ini:2: [step:]: the step has no name"},
	{"[step:a b]", "main.ini:2: [step:a b]: a step name may contain only"},
	{"[step:finished]", "this name is reserved"},
	{"log_level = \x01", "main.ini:2: control characters"},
	{"[store]\nstore = redis", "main.ini:3: store: unknown value \"redis\" (nats-js-kv)"},
	{"[store]\nnodes = embedded\n[events]\nendpoint=a:1", "main.ini:3: nodes: embedded requires"},
	{"[store]\ndatabase = a.b", "main.ini:3: database: \"a.b\" is not a valid name"},
	{"[events]\nconsumer = a b", "main.ini:3: consumer: \"a b\" is not a valid name"},
	{"[events]\nendpoint = http://x:1", "main.ini:3: endpoint: the scheme of a broker"},
	{"[events]\nendpoint = x:99999", "main.ini:3: endpoint: the port is not"},
	{"[events]\nendpoint = x:4222,embedded", "main.ini:3: endpoint: embedded cannot be combined"},
	{"[events]\nendpoint = :4222", "main.ini:3: endpoint: the host is missing"},
	{"[events]\nendpoint = ,", "main.ini:3: endpoint: no address"},
	{"[events]\nenable_tls = maybe", "main.ini:3: enable_tls: \"maybe\" is not true or false"},
	{"[events]\npassword_file = /nonexistent/x", "main.ini:3: password_file: /nonexistent/x: No such file"},
	{"[events]\npassword_file = /dev/zero", "main.ini:3: password_file: /dev/zero: Invalid"},
	{"[quarantine]\nfolder = /q", "main.ini:3: folder: needs public_key too"},
	{"[quarantine]\npublic_key = /k", "main.ini:3: public_key: needs folder too"},
	{"[quarantine]\nfolder = q\npublic_key = /k", "main.ini:3: folder: \"q\" is not an absolute path"},
	{"[audit]\nfile = audit.log", "main.ini:3: file: \"audit.log\" is not an absolute path"},
	{"[http]\naddr = 9255", "main.ini:3: addr: \"9255\" does not have the form host:port"},
	{"[http]\naddr = a:70000", "does not have the form host:port"},
	{"[content]\nfile_roots = /a:b", "main.ini:3: file_roots: \"b\" is not an absolute path"},
	{"steps = s\n[step:s]\non_exhausted = delete",
     "main.ini:4: on_exhausted: unknown value \"delete\" (abort continue)"},
	{"steps = s\n[step:s]\ndeadline = 0s", "main.ini:4: deadline: \"0s\" is not between"},
	{"steps = s\n[step:s]\nmodule = ../x", "main.ini:4: module: \"../x\" is not a valid module name: use at most"},
	{"steps = s\n[step:s]\nmodule = /x", "main.ini:4: module: \"/x\" is not a valid module name"},
	{"steps = s\n[step:s]\nmodule = ..", "main.ini:4: module: \"..\" is not a valid module name"},
	{"steps = .s", "main.ini:2: module: \".s\" is not a valid module name"},
	{"steps = s\n[step:s]\nmodule =", "main.ini:4: module: needs a value"},
	{"delay = soon", "main.ini:2: delay: \"soon\" is not a duration"},
	{"virusscan = perhaps", "main.ini:2: virusscan: \"perhaps\" is not true or false"},
};

START_TEST(one_problem_each)
{
	char text[512];
	snprintf(text, sizeof text, "[postprocessing]\n%s\n", wrong[_i].text);
	read_config(text, ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, wrong[_i].problem);
	assert_problems(&fixture, 1);
}
END_TEST

START_TEST(all_problems_at_once)
{
	read_config(
		"stray = 1\n[postprocessing]\nsteps = a, a, b!\nworkers = many\nrubbish\n[nope]\nhidden = 1\n[http]\naddr = x\n",
		ENVIRONMENT("HOME=/h", "POSTPROCESSING_SHUTDOWN_GRACE=never"));
	assert_problem(&fixture, "main.ini:1: key before");
	assert_problem(&fixture, "main.ini:3: steps: \"a\"");
	assert_problem(&fixture, "main.ini:3: steps: \"b!\"");
	assert_problem(&fixture, "main.ini:4: workers");
	assert_problem(&fixture, "main.ini:5: expected key = value");
	assert_problem(&fixture, "main.ini:6: [nope]");
	assert_problem(&fixture, "main.ini:9: addr");
	assert_problem(&fixture, "POSTPROCESSING_SHUTDOWN_GRACE: shutdown_grace: \"never\"");
	assert_problems(&fixture, 8);
}
END_TEST

/* The password that a line of the file sets. */
static const struct {
	const char *line, *password;
} quoted[] = {
	{"password = \"a ; b\t# c\"", "a ; b\t# c"},
	{"password = \" a \"", " a "},
	{"password = \"; a\"", "; a"},
	{"password=\"a\"b\"", "a\"b"},
	{"password:\"a=b:c\"\r", "a=b:c"},
	{"password = \"\"", NULL},
	{"password =", NULL},
	{"password = \"", "\""},
	{"password = \"a", "\"a"},
	{"password = a\"", "a\""},
	{"password = a\"b\"c", "a\"b\"c"},
	{"password = 'a'", "'a'"},
	{"password = a;b#c", "a;b#c"},
	{"password =#1", "#1"},
	{"password = a = ;b", NULL /* wrong */},
	{"password = a;", "a;"},
	{"password = \xc3\xa4\xf0\x9f\x99\x82", "\xc3\xa4\xf0\x9f\x99\x82"},
};

START_TEST(quotes)
{
	char text[256];
	snprintf(text, sizeof text, "[events]\nendpoint = e:1\n%s\n", quoted[_i].line);
	read_config(text, ENVIRONMENT("HOME=/h"));
	assert_problems(&fixture, strchr(quoted[_i].line, ';') != NULL && quoted[_i].password == NULL ? 1 : 0);
	ck_assert_pstr_eq(fixture.config->events.password, quoted[_i].password);
}
END_TEST

START_TEST(long_lines)
{
	char *text = malloc(16384);
	size_t start = (size_t)sprintf(text, "[postprocessing]\nstate_dir = /");
	memset(text + start, 'x', 5000);
	text[start + 4095] = '\0';
	read_config(text, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_uint_eq(strlen(fixture.config->state_dir), 4096);
	strcpy(text + start + 4095, "x\nworkers = 0\n");
	read_config(text, ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:2: state_dir: longer than 4096 bytes");
	assert_problem(&fixture, "main.ini:3: workers");
	assert_problems(&fixture, 2);
	/* On Debian, inih's buffer holds 198 bytes of a key, and the equals sign. */
	start = (size_t)sprintf(text, "[postprocessing]\n");
	memset(text + start, 'k', 300);
	strcpy(text + start + 300, " = 1\nworkers = 0\n");
	read_config(text, ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:2: the key is too long");
	assert_problem(&fixture, "main.ini:3: workers");
	assert_problems(&fixture, 2);
	memset(text, ';', 800);
	strcpy(text + 800, "\n[postprocessing]\nworkers = 5\n");
	read_config(text, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	free(text);
}
END_TEST

START_TEST(long_step_names)
{
	/* inih itself keeps 49 bytes of a section's name. */
	char name[65], text[512];
	memset(name, 'n', 64);
	name[64] = '\0';
	snprintf(text, sizeof text, "[postprocessing]\nsteps = %s\n[step:%s]\nworkers = 77\n", name, name);
	read_config(text, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_str_eq(fixture.config->step[0].name, name);
	ck_assert_uint_eq(fixture.config->step[0].workers, 77);
}
END_TEST

START_TEST(odd_files)
{
	read_config("\xEF\xBB\xBF[postprocessing]\r\nworkers = 5\r\n\r\nsteps: a:b", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:4: steps: \"a:b\"");
	assert_problems(&fixture, 1);
	fixture_write(&fixture, "main.ini", "[http]\naddr = a\0:1\n", 19);
	read_config(NULL, ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:2: control characters");
	fixture_write(&fixture, "main.ini", "\xFF\xFE[\0h\0]\0", 8);
	read_config(NULL, ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini: UTF-16: save it as UTF-8");
	assert_problems(&fixture, 1);
	fixture_write(&fixture, "steps.d/a.ini", "\xEF\xBB\xBF[step:a]\r\n# f\xfcr\r\nworkers = 5\r\n", (size_t)-1);
	read_config("# f\xfcr alle\n[postprocessing]\nsteps = a\n", ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step[0].workers, 5);
	char *big = malloc(1024 * 1024 + 1);
	memset(big, '\n', 1024 * 1024 + 1);
	fixture_write(&fixture, "main.ini", big, 1024 * 1024);
	read_config(NULL, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	fixture_write(&fixture, "main.ini", big, 1024 * 1024 + 1);
	read_config(NULL, ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini: larger than 1048576 bytes");
	free(big);
}
END_TEST

START_TEST(too_many_problems)
{
	char *text = malloc(20000);
	strcpy(text, "[http]\n");
	for (size_t i = 0; i < 5000; i++)
		strcat(text + i * 2, "x\n");
	read_config(text, ENVIRONMENT("HOME=/h"));
	free(text);
	assert_problems(&fixture, 1001);
	ck_assert_str_eq(fixture.problems.line[1000], "and more");
}
END_TEST

START_TEST(missing_files)
{
	struct problems problems = {0};
	config_free(config_read("/nonexistent/x.ini", ENVIRONMENT("HOME=/h"), &problems));
	ck_assert_uint_eq(problems.count, 1);
	ck_assert_str_eq(problems.line[0], "/nonexistent/x.ini: No such file or directory");
	problems_free(&problems);
	config_free(config_read(NULL, ENVIRONMENT("HOME=/h", "POSTPROCESSING_CONFIG=/nonexistent/y.ini"), &problems));
	ck_assert_uint_eq(problems.count, 1);
	ck_assert_str_eq(problems.line[0], "/nonexistent/y.ini: No such file or directory");
	problems_free(&problems);
	config_free(config_read("/tmp", ENVIRONMENT("HOME=/h"), &problems));
	ck_assert_uint_ge(problems.count, 1);
	ck_assert_str_eq(problems.line[0], "/tmp: Is a directory");
	problems_free(&problems);
}
END_TEST

START_TEST(folder)
{
	fixture_write(&fixture, "steps.d/b.ini", "[step:b]\nworkers = 5\ndeadline = 1s\n", (size_t)-1);
	fixture_write(&fixture, "steps.d/a.ini", "[step:a]\nworkers = 6\n", (size_t)-1);
	fixture_write(&fixture, "steps.d/c.ini.bak", "rubbish\n", (size_t)-1);
	fixture_write(&fixture, "steps.d/.hidden.ini", "rubbish\n", (size_t)-1);
	read_config("[postprocessing]\nsteps = b\n[step:b]\nworkers = 8\n", ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_msg(strcmp(steps(), "b ") == 0, "a file of steps.d enables no step");
	ck_assert_uint_eq(fixture.config->step[0].workers, 8);
	ck_assert_int_eq(fixture.config->step[0].deadline, SECOND);

	/* Among the files of the folder, the last one wins for each key, so that an administrator's own file can win. */
	fixture_write(&fixture, "steps.d/10-package.ini", "[step:b]\nmax_retries = 1\nmodule = p\n", (size_t)-1);
	fixture_write(&fixture, "steps.d/90-local.ini", "[step:b]\nmax_retries = 2\n", (size_t)-1);
	fixture_write(&fixture, "steps.d/9-early.ini", "[step:b]\nmax_retries = 3\n", (size_t)-1);
	read_config("[postprocessing]\nsteps = b\n", ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step[0].max_retries, 2);
	ck_assert_str_eq(fixture.config->step[0].module, "p");

	fixture_write(&fixture, "steps.d/b.ini", "[step:b]\nworkers = 0\n[events]\nendpoint = evil:1\n[postprocessing]\n",
	              (size_t)-1);
	fixture_write(&fixture, "steps.d/b2.ini", "x = 1\n[step:b]\ndeadline = 0\n", (size_t)-1);
	read_config("[postprocessing]\nsteps = b\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "steps.d/b.ini:3: [events]: files in steps.d may contain only [step:NAME] sections");
	assert_problem(&fixture, "steps.d/b.ini:5: [postprocessing]");
	assert_problem(&fixture, "steps.d/b.ini:2: workers: \"0\"");
	assert_problem(&fixture, "steps.d/b2.ini:1: key before");
	assert_problem(&fixture, "steps.d/b2.ini:3: deadline: \"0\" is not between");
	assert_problems(&fixture, 5);
	ck_assert_str_eq(fixture.config->events.endpoint, "embedded");
}
END_TEST

START_TEST(folder_with_too_many_files)
{
	char name[64];
	for (int i = 0; i < 1001; i++) {
		snprintf(name, sizeof name, "steps.d/%04d.ini", i);
		fixture_write(&fixture, name, "", (size_t)-1);
	}
	read_config("", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "steps.d: more than 1000 files");
	assert_problems(&fixture, 1);
}
END_TEST

START_TEST(too_many_steps)
{
	/* As a variable, because a line of a file would be too short. */
	char variable[1024] = "POSTPROCESSING_STEPS=";
	for (int i = 0; i < 65; i++)
		snprintf(variable + strlen(variable), sizeof variable - strlen(variable), "%c%c,", 'a' + i / 16, 'a' + i % 16);
	read_config("", ENVIRONMENT("HOME=/h", variable));
	assert_problem(&fixture, "POSTPROCESSING_STEPS: steps: more than 64");
	assert_problems(&fixture, 1);
	variable[strlen(variable) - 3] = '\0';
	read_config("", ENVIRONMENT("HOME=/h", variable));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step_count, 64);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("files");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, defaults);
	tcase_add_test(tcase, every_key);
	tcase_add_loop_test(tcase, one_problem_each, 0, (int)(sizeof wrong / sizeof wrong[0]));
	tcase_add_test(tcase, all_problems_at_once);
	tcase_add_loop_test(tcase, quotes, 0, (int)(sizeof quoted / sizeof quoted[0]));
	tcase_add_test(tcase, long_lines);
	tcase_add_test(tcase, long_step_names);
	tcase_add_test(tcase, odd_files);
	tcase_add_test(tcase, too_many_problems);
	tcase_add_test(tcase, missing_files);
	tcase_add_test(tcase, folder);
	tcase_add_test(tcase, folder_with_too_many_files);
	tcase_add_test(tcase, too_many_steps);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
