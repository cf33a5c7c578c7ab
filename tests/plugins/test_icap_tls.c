/* SPDX-License-Identifier: Apache-2.0
 * The module with a scripted ICAP server behind TLS: only a server that proves its name is asked, and no fault of TLS
 * is a verdict. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/certificate.h"
#include "tests/harness/folder.h"
#include "tests/harness/suite.h"
#include "tests/plugins/icap_server.h"
#include "tests/plugins/scan.h"

#define OPTIONS \
	"ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: \"A-1\"\r\nAllow: 204\r\nEncapsulated: null-body=0\r\n\r\n"
#define NO_CONTENT "ICAP/1.0 204 Unmodified\r\nISTag: \"A-1\"\r\n\r\n"
#define INFECTED "ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Bad;\r\n\r\n"
#define CLEAN_BODY \
	"ICAP/1.0 200 OK\r\nISTag: \"A-1\"\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" \
	"5\r\nhello\r\n0\r\n\r\n"

static char folder[FOLDER_PATH_SIZE], certificate[PEM_SIZE], key[PEM_SIZE], trusted[FOLDER_PATH_SIZE + 32];
static struct icap_server server;
static struct pp_run run;

static void set_up(void)
{
	ck_assert(folder_create(folder));
	snprintf(trusted, sizeof trusted, "icap_ca=%s/ca.pem", folder);
	server = (struct icap_server){.options = OPTIONS, .answer = NO_CONTENT};
}

static void tear_down(void)
{
	folder_remove(folder);
}

/* The server has a certificate for this name that ends then, and the module trusts it, or another one. */
static void start(const char *name, long until, bool known)
{
	char other[PEM_SIZE], other_key[PEM_SIZE];
	certificate_make_as(name, until, certificate, key);
	certificate_make(other, other_key);
	const char *ca = known ? certificate : other;
	ck_assert(folder_write(folder, "ca.pem", ca, strlen(ca)));
	server.certificate = certificate;
	server.key = key;
	icap_server_start(&server);
}

static void *create(const char *url)
{
	void *instance = NULL;
	struct pp_setup setup = {.keys = pp_step_module.keys,
	                         .value = {"scanner=icap", "self_test=0", "cache=0", url, trusted, "icap_timeout=30s"}};
	ck_assert_msg(pp_step_module.create(&stub_host, &setup, &instance) == 0, "%s", setup.rejected);
	return instance;
}

static uint32_t ask(void *instance, const char *bytes, size_t length)
{
	icap_server_answered(&server);
	stub_run_init(&run, bytes, length);
	return scan(instance, &run);
}

/* One file, "hello". */
static uint32_t ask_once(const char *url)
{
	void *instance = create(url);
	uint32_t outcome = ask(instance, "hello", 5);
	pp_step_module.destroy(instance);
	return outcome;
}

/* The server by its name. */
static const char *named_url(void)
{
	static char url[64];
	snprintf(url, sizeof url, "icap_url=icaps://localhost%s", strrchr(server.url, ':'));
	return url;
}

START_TEST(verdicts)
{
	start("IP:127.0.0.1", 3600, true);
	void *instance = create(server.url);
	char why[256];
	ck_assert_msg(check(instance, why, sizeof why), "%s", why);
	ck_assert_msg(ask(instance, "hello", 5) == PP_CONTINUE, "%s", run.reason);
	ck_assert_msg(ask(instance, "hello", 5) == PP_CONTINUE, "%s", run.reason);
	ck_assert_uint_eq(icap_server_answered(&server), 2);
	ck_assert_msg(strncmp(server.request, "RESPMOD icaps://127.0.0.1:", 26) == 0, "%s", server.request);
	ck_assert_uint_eq(server.connections, 1);
	server.answer = CLEAN_BODY;
	ck_assert_msg(ask(instance, "hello", 5) == PP_CONTINUE, "%s", run.reason);
	ck_assert_msg(ask(instance, "hellO", 5) == PP_RETRY, "%s", run.result);
	ck_assert_uint_eq(icap_server_answered(&server), 5);
	server.answer = INFECTED;
	ck_assert_msg(ask(instance, NULL, 4 * MEGABYTE) == PP_DELETE, "%s", run.reason);
	pp_step_module.destroy(instance);
	icap_server_stop(&server);
}
END_TEST

START_TEST(certificates)
{
	static const struct {
		const char *name;
		long until;
		bool known, named;
		const char *why; /* NULL: accepted */
	} table[] = {
		{"DNS:localhost", 3600, true, true, NULL},
		{"DNS:localhost,IP:127.0.0.1", 3600, true, false, NULL},
		{"DNS:scanner.example", 3600, true, true, "certificate is not accepted: hostname mismatch"},
		{"DNS:local*", 3600, true, true, "certificate is not accepted: hostname mismatch"},
		{"DNS:localhost", 3600, true, false, "certificate is not accepted: IP address mismatch"},
		{"IP:127.0.0.1", 3600, true, true, "certificate is not accepted: hostname mismatch"},
		{"IP:127.0.0.1", 3600, false, false, "certificate is not accepted: self-signed certificate"},
		{"IP:127.0.0.1", -60, true, false, "certificate is not accepted: certificate has expired"},
	};
	start(table[_i].name, table[_i].until, table[_i].known);
	uint32_t outcome = ask_once(table[_i].named ? named_url() : server.url);
	ck_assert_msg(outcome == (table[_i].why == NULL ? PP_CONTINUE : PP_RETRY), "%s %s", run.reason, run.result);
	if (table[_i].why != NULL) {
		assert_holds(run.reason, table[_i].why);
		/* Nothing was said to it. */
		ck_assert_uint_eq(server.asked + server.requests, 0);
	}
	icap_server_stop(&server);
}
END_TEST

/* The system's certificates do not have that of the test. */
START_TEST(system_certificates)
{
	start("IP:127.0.0.1", 3600, true);
	void *instance = create_icap(server.url, NULL);
	ck_assert_uint_eq(ask(instance, "hello", 5), PP_RETRY);
	assert_holds(run.reason, "certificate is not accepted: self-signed certificate");
	pp_step_module.destroy(instance);
	icap_server_stop(&server);
}
END_TEST

START_TEST(versions)
{
	static const int most[] = {TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
	server.most = most[_i];
	start("IP:127.0.0.1", 3600, true);
	uint32_t outcome = ask_once(server.url);
	ck_assert_msg(outcome == (_i == 0 ? PP_RETRY : PP_CONTINUE), "%s", run.reason);
	if (_i == 0)
		assert_holds(run.reason, "no TLS connection to 127.0.0.1:");
	icap_server_stop(&server);
}
END_TEST

static const struct {
	enum tls_habit habit;
	const char *answer;
	uint32_t outcome;
	const char *why;
	bool old; /* TLS 1.2 */
} habits[] = {
	/* The answer itself says where it ends. */
	{TLS_ABRUPT, NO_CONTENT, PP_CONTINUE, NULL, false},
	{TLS_ABRUPT, CLEAN_BODY, PP_CONTINUE, NULL, false},
	{TLS_ABRUPT, "ICAP/1.0 204 Unmodified\r\n", PP_RETRY, "closed the connection before it had answered", false},
	{TLS_ABRUPT, NULL, PP_RETRY, "closed the connection before it had answered", false},
	{TLS_PROPER, "ICAP/1.0 204 Unmodified\r\n", PP_RETRY, "closed the connection before it had answered", false},
	{TLS_PROPER, NO_CONTENT NO_CONTENT, PP_RETRY, "sent more than its answer", false},
	{TLS_CUT, NULL, PP_RETRY, "closed the connection before it had answered", false},
	{TLS_GARBAGE, NULL, PP_RETRY, "the connection broke before it had answered", false},
	{TLS_CUT, NULL, PP_RETRY, "closed the connection before it had answered", true},
	{TLS_GARBAGE, NULL, PP_RETRY, "the connection broke before it had answered", true},
	/* The module declines; what was proven stands. */
	{TLS_RENEGOTIATES, NO_CONTENT, PP_CONTINUE, NULL, true},
};

START_TEST(faults)
{
	server.habit = habits[_i].habit;
	server.answer = habits[_i].answer;
	server.closes = true;
	server.most = habits[_i].old ? TLS1_2_VERSION : 0;
	start("IP:127.0.0.1", 3600, true);
	uint32_t outcome = ask_once(server.url);
	ck_assert_msg(outcome == habits[_i].outcome, "%s %s", run.reason, run.result);
	if (habits[_i].why != NULL)
		assert_holds(run.reason, habits[_i].why);
	icap_server_stop(&server);
}
END_TEST

/* The server changes its keys while it receives, and wants ours changed. */
START_TEST(new_keys)
{
	server.habit = TLS_NEW_KEYS;
	start("IP:127.0.0.1", 3600, true);
	void *instance = create(server.url);
	for (int i = 0; i < 2; i++)
		ck_assert_msg(ask(instance, NULL, 4 * MEGABYTE) == PP_CONTINUE, "%s", run.reason);
	ck_assert_uint_eq(server.connections, 1);
	pp_step_module.destroy(instance);
	icap_server_stop(&server);
}
END_TEST

/* As without TLS: a find counts, anything else does not. */
START_TEST(early_answers)
{
	server.answer = _i == 0 ? INFECTED : NO_CONTENT;
	server.early = 3 * MEGABYTE;
	start("IP:127.0.0.1", 3600, true);
	void *instance = create(server.url);
	ck_assert_msg(ask(instance, NULL, 64 * MEGABYTE) == (_i == 0 ? PP_DELETE : PP_RETRY), "%s", run.reason);
	pp_step_module.destroy(instance);
	icap_server_stop(&server);
}
END_TEST

/* A later connection goes on with the session of an earlier one. */
START_TEST(sessions)
{
	server.most = _i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
	server.closes = true;
	start("IP:127.0.0.1", 3600, true);
	void *instance = create(server.url);
	for (int i = 0; i < 4; i++)
		ck_assert_msg(ask(instance, "hello", 5) == PP_CONTINUE, "%s", run.reason);
	ck_assert_uint_eq(server.requests, 4);
	ck_assert_uint_eq(server.handshakes, server.connections);
	ck_assert_uint_eq(server.resumed, server.connections - 1);
	pp_step_module.destroy(instance);
	icap_server_stop(&server);
}
END_TEST

/* The one speaks TLS, and the other does not. */
START_TEST(mistaken_schemes)
{
	char url[64];
	start("IP:127.0.0.1", 3600, true);
	snprintf(url, sizeof url, "icap_url=icap%s", strstr(server.url, "://"));
	ck_assert_uint_eq(ask_once(url), PP_RETRY);
	icap_server_stop(&server);
	/* A plain server takes the first message of a handshake for a request that does not end, or answers that it
	 * is none. */
	server = (struct icap_server){.options = OPTIONS, .answer = "ICAP/1.0 400 Bad Request\r\n\r\n", .early = 100};
	icap_server_start(&server);
	snprintf(url, sizeof url, "icap_url=icaps%s", strstr(server.url, "://"));
	ck_assert_uint_eq(ask_once(url), PP_RETRY);
	assert_holds(run.reason, "it does not speak TLS");
	icap_server_stop(&server);
}
END_TEST

/* In the handshake as well. */
START_TEST(cancellation_and_timeout)
{
	char url[64];
	int cancel[2];
	server = (struct icap_server){.options = OPTIONS};
	icap_server_start(&server);
	snprintf(url, sizeof url, "icap_url=icaps%s", strstr(server.url, "://"));
	void *instance = create_icap(url, "icap_timeout=50ms");
	ck_assert_uint_eq(ask(instance, "hello", 5), PP_RETRY);
	assert_holds(run.reason, "the handshake did not end in time; does this port speak TLS? if not, use icap://");
	pp_step_module.destroy(instance);
	instance = create_icap(url, NULL);
	ck_assert_int_eq(pipe(cancel), 0);
	stub_run_init(&run, "hello", 5);
	run.cancel_fd = cancel[0];
	ck_assert_int_eq(write(cancel[1], "", 1), 1);
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "cancel");
	pp_step_module.destroy(instance);
	close(cancel[0]);
	close(cancel[1]);
	icap_server_stop(&server);
}
END_TEST

START_TEST(files_of_certificates)
{
	void *instance = NULL;
	struct pp_setup setup = {.keys = pp_step_module.keys,
	                         .value = {"scanner=icap", "icap_url=icaps://scanner.example/", trusted}};
	ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
	assert_holds(setup.rejected, "icap_ca: cannot read certificates (PEM) from /");
	ck_assert(folder_write(folder, "ca.pem", "no certificate\n", 15));
	ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
	assert_holds(setup.rejected, "icap_ca: cannot read certificates (PEM) from /");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("icap_tls");
	TCase *tests = tcase_create("icap_tls");
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, verdicts);
	tcase_add_loop_test(tests, certificates, 0, 8);
	tcase_add_test(tests, system_certificates);
	tcase_add_loop_test(tests, versions, 0, 3);
	tcase_add_loop_test(tests, faults, 0, (int)(sizeof habits / sizeof habits[0]));
	tcase_add_test(tests, new_keys);
	tcase_add_loop_test(tests, early_answers, 0, 2);
	tcase_add_loop_test(tests, sessions, 0, 2);
	tcase_add_test(tests, mistaken_schemes);
	tcase_add_test(tests, cancellation_and_timeout);
	tcase_add_test(tests, files_of_certificates);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
