/* SPDX-License-Identifier: Apache-2.0
 * Settings that are valid but probably not intended: unused settings, switches that disable verification, files that
 * others can read or change. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/config/config_source.h"
#include "tests/config/config_fixture.h"

#define NOBODY 65534

static struct config_fixture fixture;

static void setup(void)
{
	umask(022);
	fixture_open(&fixture);
}

static void teardown(void)
{
	fixture_close(&fixture);
}

/* The available modules, and the keys that they declare. */
static const struct pp_key scan_keys[] = {{.name = "clamav_socket", .environment = "ANTIVIRUS_CLAMAV_SOCKET"},
                                          {.name = "timeout", .environment = "ANTIVIRUS_CLAMAV_SCAN_TIMEOUT OLD"},
                                          {.name = NULL}};
static const struct pp_key no_keys[] = {{.name = NULL}};
static const struct pp_step_module scan = {.keys = scan_keys, .key_size = sizeof(struct pp_key)},
								   other = {.keys = no_keys, .key_size = sizeof(struct pp_key)};

static void find(const char *text, char *const *environment)
{
	static const char *const modules[] = {"delay", "remote", "virusscan", NULL};
	const struct pp_step_module *known[16] = {NULL};
	fixture_read(&fixture, text, environment);
	assert_sound(&fixture);
	for (size_t i = 0; i < fixture.config->step_count; i++)
		known[i] = strcmp(fixture.config->step[i].module, "virusscan") == 0 ? &scan : &other;
	config_find_unused(fixture.config, known, (char *const *)modules);
}

START_TEST(names_that_nothing_uses)
{
	find("[postprocessing]\nsteps = virusscan, virus-check\n[step:virus-check]\nmodule = delay\n"
	     "[step:viruscan]\nworkers = 2\n[step:ocr]\nx = 1\n[step:delay]\n[step:remote]\nworkers = 3\n",
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_SETPS=a", "POSTPROCESSING_STEP_VIRUSCAN_WORKERS=1",
	                 "POSTPROCESSING_STEP_DELAY_WORKERS=1", "POSTPROCESSING_NONSENSE=1", "POSTPROCESSING_STEP_OCR_X=1",
	                 "POSTPROCESSING_EVENTS_ENDPIONT=a:1", "ANTIVIRUS_CLAMAV_SOKET=/x", "ANTIVIRUS_SOMETHING=1",
	                 "POSTPROCESSING_RETRY_BACKOF_DURATION=1s", "postprocessing_steps=x", "OTHER=1",
	                 "OCIS_NONSENSE=1"));
	assert_warning(&fixture, "main.ini:5: [step:viruscan]: no step has this name; did you mean [step:virusscan]?");
	assert_warning(&fixture, "main.ini:7: [step:ocr]: no step has this name");
	assert_warning(&fixture, "main.ini:10: [step:remote]: no step has this name");
	assert_warning(&fixture, "POSTPROCESSING_SETPS: nothing uses this variable; did you mean POSTPROCESSING_STEPS?");
	assert_warning(
		&fixture,
		"POSTPROCESSING_STEP_VIRUSCAN_WORKERS: nothing uses this variable; did you mean POSTPROCESSING_STEP_VIRUSSCAN_WORKERS?");
	assert_warning(&fixture, "POSTPROCESSING_STEP_DELAY_WORKERS: nothing uses this variable");
	assert_warning(&fixture, "POSTPROCESSING_NONSENSE: nothing uses this variable");
	assert_warning(&fixture, "POSTPROCESSING_STEP_OCR_X: nothing uses this variable: no configured step");
	assert_warning(
		&fixture,
		"POSTPROCESSING_EVENTS_ENDPIONT: nothing uses this variable; did you mean POSTPROCESSING_EVENTS_ENDPOINT?");
	assert_warning(&fixture,
	               "ANTIVIRUS_CLAMAV_SOKET: nothing uses this variable; did you mean ANTIVIRUS_CLAMAV_SOCKET?");
	assert_warning(&fixture, "ANTIVIRUS_SOMETHING: nothing uses this variable");
	assert_warning(
		&fixture,
		"POSTPROCESSING_RETRY_BACKOF_DURATION: nothing uses this variable; did you mean POSTPROCESSING_RETRY_BACKOFF_DURATION?");
	assert_counts(&fixture, 12, 0);
}
END_TEST

START_TEST(settings_of_a_process_for_a_thread)
{
	find("[postprocessing]\nsteps = delay, ocr\n[step:delay]\nallow = unix\n"
	     "[step:ocr]\nmodule = delay\nisolation = thread\nallow = unix\nmax_crashes = 2\nworkers = 1\n",
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_OCR_MEMORY_LIMIT=1G"));
	assert_warning(&fixture, "main.ini:8: allow: no effect, because the step has isolation = thread");
	assert_warning(&fixture, "main.ini:9: max_crashes: no effect, because the step has isolation = thread");
	assert_warning(
		&fixture,
		"POSTPROCESSING_STEP_OCR_MEMORY_LIMIT: memory_limit: no effect, because the step has isolation = thread");
	ck_assert_uint_eq(fixture.config->warnings.count, 3);
}
END_TEST

START_TEST(names_that_are_used)
{
	find("[postprocessing]\nsteps = virusscan, virus-scan\n[step:virus-scan]\nmodule = virusscan\n[step:delay]\n",
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_CONFIG=/x", "POSTPROCESSING_NATS_SERVER=/x",
	                 "POSTPROCESSING_STEP_VIRUS_SCAN_TIMEOUT=1", "POSTPROCESSING_STEP_VIRUSSCAN_WORKERS=1",
	                 "ANTIVIRUS_CLAMAV_SCAN_TIMEOUT=1s", "ANTIVIRUS_WORKERS=4",
	                 "ANTIVIRUS_FOO= ", "POSTPROCESSING_VIRUSSCAN=true", "POSTPROCESSING_DELAY=0",
	                 "POSTPROCESSING_DEBUG_ADDR=127.0.0.1:1", "POSTPROCESSING_EVENTS_CLUSTER=c",
	                 "POSTPROCESSING_STORE=nats-js-kv", "OCIS_LOG_LEVEL=info", "OLD=1"));
	assert_counts(&fixture, 0, 0);
}
END_TEST

/* The variables that Kubernetes gives each container of a namespace that has services of such names. */
START_TEST(service_links)
{
	find("[postprocessing]\nsteps = virusscan\n",
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_SERVICE_HOST=10.0.0.1", "POSTPROCESSING_SERVICE_PORT=9255",
	                 "POSTPROCESSING_SERVICE_PORT_HTTP=9255", "POSTPROCESSING_PORT=tcp://10.0.0.1:9255",
	                 "POSTPROCESSING_PORT_9255_TCP=tcp://10.0.0.1:9255", "POSTPROCESSING_PORT_9255_TCP_PROTO=tcp",
	                 "POSTPROCESSING_PORT_9255_TCP_PORT=9255", "POSTPROCESSING_PORT_9255_TCP_ADDR=10.0.0.1",
	                 "POSTPROCESSING_METRICS_PORT_53_UDP_ADDR=10.0.0.1", "ANTIVIRUS_PORT=udp://10.0.0.1:1",
	                 "ANTIVIRUS_SERVICE_HOST=10.0.0.1"));
	assert_counts(&fixture, 0, 0);
	find("[postprocessing]\nsteps = virusscan\n",
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_PORT=9255", "POSTPROCESSING_PORT_X_TCP=1",
	                 "POSTPROCESSING_PORT_1_HTTP=1"));
	assert_counts(&fixture, 3, 0);
}
END_TEST

/* Files in steps.d configure steps that may not be used. No warning is logged if the module exists. */
START_TEST(sections_of_packages)
{
	fixture_write(&fixture, "steps.d/a.ini",
	              "[step:delay]\nduration = 1s\n[step:policies]\nmodule = remote\n[step:ocr]\nlanguage = de\n"
	              "[step:scan]\nmodule = viruscan\n",
	              (size_t)-1);
	find("", ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "steps.d/a.ini:5: [step:ocr]: no step has this name");
	assert_warning(&fixture, "steps.d/a.ini:7: [step:scan]: no step");
	assert_counts(&fixture, 2, 0);
	find("[step:policies]\nworkers = 1\n", ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "[step:policies]: no step has this name");
}
END_TEST

START_TEST(a_scanner_that_nobody_asks)
{
	find("[postprocessing]\nsteps = delay\n",
	     ENVIRONMENT("HOME=/h", "ANTIVIRUS_CLAMAV_SOCKET=/x", "ANTIVIRUS_WORKERS=1", "ANTIVIRUS_PORT=tcp://1:1",
	                 "ANTIVIRUS_MAX_SCAN_SIZE=1"));
	assert_warning(
		&fixture,
		"ANTIVIRUS_CLAMAV_SOCKET, ANTIVIRUS_WORKERS, ANTIVIRUS_MAX_SCAN_SIZE: set, but unused, and uploads are "
		"not scanned: add virusscan to [postprocessing] steps (POSTPROCESSING_STEPS)");
	assert_counts(&fixture, 1, 0);
	find("", ENVIRONMENT("HOME=/h", "ANTIVIRUS_CLAMAV_SOCKET=/x"));
	assert_warning(&fixture, "ANTIVIRUS_CLAMAV_SOCKET: set, but unused");
	find("[postprocessing]\nsteps = virusscan\n[step:virusscan]\nmodule = remote\n",
	     ENVIRONMENT("HOME=/h", "ANTIVIRUS_CLAMAV_SOCKET=/x"));
	assert_note(&fixture,
	            "ANTIVIRUS_CLAMAV_SOCKET: not needed here, because the module remote performs the step virusscan");
	assert_counts(&fixture, 0, 1);
	find("[postprocessing]\nsteps = av\n[step:av]\nmodule = virusscan\n",
	     ENVIRONMENT("HOME=/h", "ANTIVIRUS_CLAMAV_SOCKET=/x"));
	assert_counts(&fixture, 0, 0);
}
END_TEST

static const struct {
	const char *variable, *advice;
	bool matters;
} replaced[] = {
	{"POSTPROCESSING_WORKERS=3", "not needed here, because one thread reads all events; [postprocessing] workers",
     false},
	{"POSTPROCESSING_PUBLISH_MAX_RETRIES=3", "not needed here, because an event is published until", false},
	{"POSTPROCESSING_STORE_TTL=168h", "not needed here, because the record of an upload is deleted", false},
	{"OCIS_PERSISTENT_STORE_TTL=1h", "not needed here", false},
	{"POSTPROCESSING_TRACING_ENABLED=true", "not needed here, because no traces are sent", false},
	{"OC_TRACING_COLLECTOR=x", "not needed here", false},
	{"OCIS_LOG_PRETTY=true", "not needed here, because the log is plain text", false},
	{"POSTPROCESSING_LOG_FILE=/x", "the log goes to standard error", true},
	{"OC_LOG_FILE=/x", "the log goes to standard error", true},
	{"POSTPROCESSING_DEBUG_PPROF=true", "not needed here", false},
	{"ANTIVIRUS_DEBUG_ZPAGES=true", "not needed here", false},
	{"ANTIVIRUS_LOG_LEVEL=debug", "use POSTPROCESSING_LOG_LEVEL", true},
	{"ANTIVIRUS_DEBUG_ADDR=:1", "use POSTPROCESSING_DEBUG_ADDR", true},
	{"ANTIVIRUS_DEBUG_TOKEN=hush", "use POSTPROCESSING_DEBUG_TOKEN", true},
	{"ANTIVIRUS_EVENTS_ENDPOINT=a:1", "use POSTPROCESSING_EVENTS_*", true},
	{"ANTIVIRUS_EVENTS_AUTH_PASSWORD=hush", "use POSTPROCESSING_EVENTS_*", true},
	{"ANTIVIRUS_EVENTS_CLUSTER=c", "not needed here", false},
	{"ANTIVIRUS_ICAP_TIMEOUT=300", "use ANTIVIRUS_ICAP_SCAN_TIMEOUT", true},
	{"ANTIVIRUS_PRIORITY_THRESHOLD=1", "not needed here, because uploads that wait for a worker take turns", false},
	{"ANTIVIRUS_HIGH_PRIORITY_RESERVED_WORKERS=1", "not needed here", false},
	{"ANTIVIRUS_QUEUE_REPLICAS=3", "not needed here, because the virus scan has no job queue", false},
};

START_TEST(variables_of_the_replaced_services)
{
	char line[512];
	find("[postprocessing]\nsteps = virusscan\n", ENVIRONMENT("HOME=/h", replaced[_i].variable));
	snprintf(line, sizeof line, "%.*s: ", (int)strcspn(replaced[_i].variable, "="), replaced[_i].variable);
	assert_counts(&fixture, replaced[_i].matters, !replaced[_i].matters);
	const struct problems *lines = replaced[_i].matters ? &fixture.config->warnings : &fixture.config->notes;
	ck_assert_msg(strncmp(lines->line[0], line, strlen(line)) == 0 &&
	                  strstr(lines->line[0], replaced[_i].advice) != NULL,
	              "%s", lines->line[0]);
	ck_assert_ptr_null(strstr(lines->line[0], "hush"));
}
END_TEST

START_TEST(one_line_for_the_same_advice)
{
	find("[postprocessing]\nsteps = virusscan\n",
	     ENVIRONMENT("HOME=/h", "OC_TRACING_ENABLED=1", "POSTPROCESSING_TRACING_TYPE=x", "ANTIVIRUS_TRACING_ENDPOINT=y",
	                 "OC_LOG_COLOR=1"));
	assert_note(&fixture,
	            "OC_TRACING_ENABLED, POSTPROCESSING_TRACING_TYPE, ANTIVIRUS_TRACING_ENDPOINT: not needed here");
	assert_note(&fixture, "OC_LOG_COLOR: not needed here");
	assert_counts(&fixture, 0, 2);
}
END_TEST

START_TEST(certificates_that_are_not_verified)
{
	fixture_read(&fixture, "[events]\nendpoint = a:1\n[store]\nnodes = b:1\n",
	             ENVIRONMENT("HOME=/h", "OCIS_INSECURE=true"));
	assert_warning(&fixture,
	               "OCIS_INSECURE: [events] tls_insecure: the certificate of the events broker is not verified");
	assert_warning(&fixture,
	               "OCIS_INSECURE: [store] tls_insecure: the certificate of the store's broker is not verified");
	assert_warning(
		&fixture,
		"OCIS_INSECURE: [content] tls_insecure: the certificate of the storage that uploads are fetched from is not verified");
	assert_counts(&fixture, 3, 0);
	fixture_read(&fixture, "[events]\nendpoint = a:1\ntls_insecure = true\n", ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "main.ini:3: [events] tls_insecure:");
	assert_counts(&fixture, 1, 0);
	fixture_read(&fixture, "[content]\ntls_insecure = yes\n",
	             ENVIRONMENT("HOME=/h", "POSTPROCESSING_CONTENT_TLS_INSECURE=on"));
	assert_warning(&fixture, "POSTPROCESSING_CONTENT_TLS_INSECURE: [content] tls_insecure:");
	assert_counts(&fixture, 1, 0);
	fixture_read(&fixture, "[store]\nnodes = b:1\ntls_insecure = true\n", ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "main.ini:3: [store] tls_insecure:");
	assert_counts(&fixture, 1, 0);
	/* An embedded broker has no certificate. If CA certificates are configured, the connection is verified. */
	fixture_read(&fixture, "[events]\ntls_insecure = true\n", ENVIRONMENT("HOME=/h"));
	assert_counts(&fixture, 0, 0);
	fixture_read(
		&fixture,
		"[events]\nendpoint = a:1\ntls_insecure = true\ntls_root_ca_certificate = /dev/null\n[content]\ntls_insecure = 1\n"
		"ca_file = /\n",
		ENVIRONMENT("HOME=/h"));
	ck_assert(!fixture.config->events.tls_insecure && !fixture.config->content.tls_insecure);
	for (size_t i = 0; i < fixture.config->warnings.count; i++)
		ck_assert_ptr_null(strstr(fixture.config->warnings.line[i], "not verified"));
}
END_TEST

static char path[256];

static const char *below(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", fixture.folder, name);
	return path;
}

START_TEST(files_that_everybody_can_read)
{
	static const char secret[] = "[events]\nendpoint = a:1\npassword = hush\n";
	fixture_read(&fixture, secret, ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "main.ini:3: password: a secret in a file that everybody can read (owner ");
	assert_warning(&fixture, "mode 0644): run chmod o-rwx /");
	assert_counts(&fixture, 1, 0);
	ck_assert_ptr_null(strstr(fixture.config->warnings.line[0], "hush"));
	ck_assert_int_eq(chmod(fixture.path, 0640), 0);
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_counts(&fixture, 0, 0);
	ck_assert_int_eq(chmod(fixture.path, 0644), 0);
	static const char *const more[] = {"[store]\npassword = hush\n", "[http]\ntoken = hush\n",
	                                   "[events]\nendpoint = nats://me:hush@a:1\n", "[step:a]\napi_token = hush\n",
	                                   "[step:a]\nurl = https://me:hush@host/\n"};
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
		fixture_read(&fixture, more[i], ENVIRONMENT("HOME=/h"));
		assert_counts(&fixture, 1, 0);
		assert_warning(&fixture, "a secret in a file that everybody can read");
		ck_assert_ptr_null(strstr(fixture.config->warnings.line[0], "hush"));
	}
	static const char *const fine[] = {"[events]\npassword =\n", "[events]\nusername = me\n",
	                                   "[step:a]\ntoken_file = /x\n", "[step:a]\nmail = me@host\n"};
	for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
		fixture_read(&fixture, fine[i], ENVIRONMENT("HOME=/h"));
		assert_counts(&fixture, 0, 0);
	}
	fixture_write(&fixture, "steps.d/a.ini", "[step:a]\nscanner_password = hush\n", (size_t)-1);
	fixture_read(&fixture, "", ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "steps.d/a.ini:2: scanner_password: a secret in a file that everybody can read");
	assert_counts(&fixture, 1, 0);
}
END_TEST

START_TEST(files_that_others_can_change)
{
	fixture_write(&fixture, "steps.d/a.ini", "[step:a]\n", (size_t)-1);
	fixture_read(&fixture, "", ENVIRONMENT("HOME=/h"));
	assert_counts(&fixture, 0, 0);
	ck_assert_int_eq(chmod(fixture.path, 0646), 0);
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "main.ini: writable by everybody (owner ");
	assert_warning(&fixture, "mode 0646): other users can change the configuration");
	assert_counts(&fixture, 1, 0);
	ck_assert_int_eq(chmod(fixture.path, 0664), 0);
	ck_assert_int_eq(chmod(below("steps.d/a.ini"), 0602), 0);
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "steps.d/a.ini: writable by everybody");
	assert_counts(&fixture, 1, 0);
	ck_assert_int_eq(chmod(below("steps.d/a.ini"), 0600), 0);
	ck_assert_int_eq(chmod(below("steps.d"), 01777), 0); /* anybody can add a file */
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "steps.d: writable by everybody");
	assert_counts(&fixture, 1, 0);
	ck_assert_int_eq(chmod(below("steps.d"), 0755), 0);
	ck_assert_int_eq(chmod(fixture.folder, 0777), 0); /* anybody can replace it */
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "writable by everybody (owner ");
	assert_warning(&fixture, "other users can replace the configuration");
	assert_counts(&fixture, 1, 0);
	ck_assert_int_eq(chmod(fixture.folder, 01777), 0);
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_counts(&fixture, 0, 0);
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(fixture.path, NOBODY, 0), 0);
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "main.ini: owned by another user (owner nobody, ");
	assert_counts(&fixture, 1, 0);
	ck_assert_int_eq(chown(fixture.path, 0, NOBODY), 0);
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "main.ini: writable by its group (owner root, group nogroup, mode 0664)");
	assert_counts(&fixture, 1, 0);
}
END_TEST

START_TEST(files_that_keys_name)
{
	char text[512];
	fixture_write(&fixture, "secret", "hush\n", (size_t)-1);
	snprintf(text, sizeof text, "[events]\nendpoint = a:1\npassword_file = %s\n", below("secret"));
	fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "main.ini:3: password_file: /");
	assert_warning(&fixture, "/secret: readable by everybody (owner ");
	assert_counts(&fixture, 1, 0);
	ck_assert_int_eq(chmod(below("secret"), 0602), 0);
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_warning(&fixture, "/secret: writable by everybody");
	assert_counts(&fixture, 1, 0);
	ck_assert_int_eq(chmod(below("secret"), 0440), 0);
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_counts(&fixture, 0, 0);
	fixture_write(&fixture, "ca.pem", "", (size_t)-1);
	static const char *const keys[] = {"[events]\nendpoint = a:1\ntls_root_ca_certificate",
	                                   "[store]\nnodes = b:1\ntls_root_ca_certificate", "[content]\n\nca_file"};
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(chmod(below("ca.pem"), 0644), 0);
		snprintf(text, sizeof text, "%s = %s\n", keys[i], below("ca.pem"));
		fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
		assert_counts(&fixture, 0, 0);
		ck_assert_int_eq(chmod(below("ca.pem"), 0666), 0);
		fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
		assert_warning(&fixture, "/ca.pem: writable by everybody");
		assert_warning(&fixture, i == 2 ? "main.ini:3: ca_file: " : "main.ini:3: tls_root_ca_certificate: ");
		snprintf(text, sizeof text, "%s = %s\n", keys[i], below("missing.pem"));
		fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
		assert_warning(&fixture, "/missing.pem: No such file or directory");
		assert_counts(&fixture, 1, 0);
	}
	/* With TLS, nothing would work without it. */
	static const char *const used[] = {"[events]\nendpoint = tls://a:1\n",
	                                   "[events]\nendpoint = a:1\nenable_tls = true\n",
	                                   "[store]\nnodes = b:1\nenable_tls = true\n"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof text, "%stls_root_ca_certificate = %s\n", used[i], below("missing.pem"));
		fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
		assert_problem(&fixture, "/missing.pem: No such file or directory");
		assert_problems(&fixture, 1);
	}
}
END_TEST

/* What systemd passes to the service, in a folder that only the service can read. */
START_TEST(credentials)
{
	char variable[128];
	fixture_write(&fixture, "events-password", "hush\n", (size_t)-1);
	fixture_write(&fixture, "ca.pem", "", (size_t)-1);
	ck_assert_int_eq(chmod(below("events-password"), 0440), 0);
	snprintf(variable, sizeof variable, "CREDENTIALS_DIRECTORY=%s", fixture.folder);
	fixture_read(&fixture,
	             "[events]\nendpoint = a:1\npassword_file = $CREDENTIALS_DIRECTORY/events-password\n"
	             "[content]\nca_file = ${CREDENTIALS_DIRECTORY}/ca.pem\n",
	             ENVIRONMENT("HOME=/h", variable));
	assert_sound(&fixture);
	assert_counts(&fixture, 0, 0);
	ck_assert_str_eq(fixture.config->events.password, "hush");
	ck_assert_str_eq(fixture.config->content.ca_file, below("ca.pem"));
	fixture_read(&fixture, NULL, ENVIRONMENT("HOME=/h"));
	assert_problem(
		&fixture,
		"main.ini:3: password_file: $CREDENTIALS_DIRECTORY is not set: systemd sets it for a unit with LoadCredential=");
	assert_problem(&fixture, "main.ini:5: ca_file: $CREDENTIALS_DIRECTORY is not set");
	assert_problems(&fixture, 2);
	fixture_read(&fixture, "[events]\npassword_file = $CREDENTIALS_DIRECTORYX/y\n", ENVIRONMENT("HOME=/h", variable));
	assert_problem(&fixture, "$CREDENTIALS_DIRECTORYX/y: No such file");
	/* The main file can be one of them, unless another one is named. */
	struct problems problems = {0};
	fixture_write(&fixture, "postprocessing.ini", "[postprocessing]\nsteps = from-credentials\n", (size_t)-1);
	struct config *config = config_read(NULL, ENVIRONMENT("HOME=/h", variable), &problems);
	ck_assert_uint_eq(config->step_count, 1);
	ck_assert_str_eq(config->step[0].name, "from-credentials");
	config_free(config);
	fixture_write(&fixture, "main.ini", "", (size_t)-1);
	config = config_read(fixture.path, ENVIRONMENT("HOME=/h", variable), &problems);
	ck_assert_uint_eq(config->step_count, 0);
	config_free(config);
	problems_free(&problems);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {names_that_nothing_uses,       settings_of_a_process_for_a_thread,
	                              names_that_are_used,           service_links,
	                              sections_of_packages,          a_scanner_that_nobody_asks,
	                              one_line_for_the_same_advice,  certificates_that_are_not_verified,
	                              files_that_everybody_can_read, files_that_others_can_change,
	                              files_that_keys_name,          credentials};
	Suite *suite = suite_create("config_warnings");
	TCase *tcase = tcase_create("warnings");
	tcase_add_checked_fixture(tcase, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, variables_of_the_replaced_services, 0, (int)(sizeof replaced / sizeof replaced[0]));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
