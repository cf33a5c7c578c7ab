/* SPDX-License-Identifier: Apache-2.0
 * The module http with a server that answers what the test wants. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "plugins/http/signature.h"
#include "tests/harness/certificate.h"
#include "tests/harness/folder.h"
#include "tests/harness/raw_server.h"
#include "tests/harness/storage_server.h"
#include "tests/plugins/stub_host.h"

static struct raw_server server;
static struct pp_run run;

#define OK(body) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body

/* One upload, with this answer. */
static uint32_t ask(const char *answer, const char *more, const char *more2, const void *bytes, size_t length)
{
	char url[128];
	snprintf(url, sizeof url, "url=http://127.0.0.1:%u/hook?token=t0ken", (unsigned)server.port);
	server.answer = answer;
	server.closes = true;
	void *http = stub_create(url, more, more2);
	stub_run_init(&run, bytes, length);
	uint32_t outcome = pp_step_module.run(http, &run);
	pp_step_module.destroy(http);
	ck_assert_ptr_null(strstr(run.reason, "t0ken"));
	return outcome;
}

static void assert_request(const char *text)
{
	ck_assert_msg(strstr(raw_server_request(&server), text) != NULL, "no \"%s\" in: %s", text,
	              raw_server_request(&server));
}

START_TEST(answer_is_the_outcome)
{
	raw_server_start(&server);
	ck_assert_uint_eq(ask(OK("{\"outcome\":\"continue\",\"result\":{\"a\":[1]}}"), NULL, NULL, "", 0), PP_CONTINUE);
	ck_assert_str_eq(run.result, "{\"a\":[1]}");
	ck_assert_uint_eq(ask(OK("{\"outcome\":\"abort\",\"reason\":\"too old\"}"), NULL, NULL, "", 0), PP_ABORT);
	ck_assert_str_eq(run.reason, "too old");
	ck_assert_uint_eq(ask(OK("{\"outcome\":\"delete\"}"), NULL, NULL, "", 0), PP_DELETE);
	ck_assert_uint_eq(ask(OK("{\"outcome\":\"hold\",\"reason\":\"odd\"}"), NULL, NULL, "", 0), PP_HOLD);
	ck_assert_uint_eq(ask(OK("{\"outcome\":\"retry\",\"result\":1}"), NULL, NULL, "", 0), PP_RETRY);
	ck_assert_str_eq(run.result, "");
	ck_assert_uint_eq(ask("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", NULL, NULL, "", 0), PP_CONTINUE);
	raw_server_stop(&server);
}
END_TEST

START_TEST(all_else_is_no_verdict)
{
	char expected[256];
	static const char *const answers[] = {OK(""),
	                                      OK("no JSON"),
	                                      OK("{\"outcome\":\"yes\"}"),
	                                      OK("{\"outcome\":\"continue\""),
	                                      OK("[\"continue\"]"),
	                                      OK("{\"outcome\":\"continue\",\"outcome\":\"abort\"}"),
	                                      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"outcome\":\"continue\"}",
	                                      "HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n{\"outcome\":\"continue\"}",
	                                      "HTTP/1.1 302 Found\r\nLocation: /other\r\nConnection: close\r\n\r\n",
	                                      "HTTP/1.1 500 Error\r\nConnection: close\r\n\r\n{\"outcome\":\"abort\"}",
	                                      "nothing of HTTP\r\n\r\n",
	                                      ""};
	raw_server_start(&server);
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		ck_assert_msg(ask(answers[i], NULL, NULL, "", 0) == PP_RETRY, "%s", answers[i]);
		ck_assert_str_ne(run.reason, "");
	}
	ck_assert_uint_eq(server.requests, sizeof answers / sizeof answers[0]);
	ask("HTTP/1.1 500 Error\r\nConnection: close\r\n\r\n", NULL, NULL, "", 0);
	snprintf(expected, sizeof expected, "127.0.0.1:%u answered 500", (unsigned)server.port);
	ck_assert_str_eq(run.reason, expected);
	static const struct {
		const char *answer, *words;
	} reasons[] = {
		{OK("<html>"), "answered 200, but its answer is not JSON"},
		{OK("{\"reason\":\"x\"}"), "answered 200 without an outcome"},
		{OK("{\"outcome\":\"reject\"}"),
	     "answered 200 with the outcome \"reject\", which is none of continue, abort, delete, hold and retry"}};
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		ask(reasons[i].answer, NULL, NULL, "", 0);
		snprintf(expected, sizeof expected, "127.0.0.1:%u %s", (unsigned)server.port, reasons[i].words);
		ck_assert_str_eq(run.reason, expected);
	}
	raw_server_stop(&server);
	/* Nobody listens any more. */
	ck_assert_uint_eq(ask("", NULL, NULL, "", 0), PP_RETRY);
}
END_TEST

START_TEST(server_that_asks_for_time_gets_it)
{
	static const char busy[] = "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nConnection: close\r\n\r\n";
	raw_server_start(&server);
	ck_assert_uint_eq(ask(busy, NULL, NULL, "", 0), PP_WAIT);
	ck_assert_int_eq(run.wait_until, run.now + 120 * SECOND);
	ck_assert_uint_eq(ask(busy, "max_wait=1m", NULL, "", 0), PP_RETRY);
	raw_server_stop(&server);
}
END_TEST

START_TEST(facts_are_the_body)
{
	raw_server_start(&server);
	ask(OK("{\"outcome\":\"continue\"}"), "secret=whsec_c2VjcmV0", NULL, "abc", 3);
	assert_request("POST /hook?token=t0ken HTTP/1.1\r\n");
	assert_request("\r\nContent-Type: application/json\r\n");
	assert_request("\r\nwebhook-id: stub_stub\r\n");
	assert_request("\r\nwebhook-timestamp: 1790000000\r\n");
	assert_request(
		"\r\n\r\n{\"id\":\"stub\",\"filename\":\"stub\",\"filesize\":3,\"step\":\"stub\",\"attempt\":1,\"user_id\":\"me\",\"space_id\":null,"
		"\"resource_id\":{\"opaque_id\":\"o\"}}");
	struct secret secret;
	char signature[SIGNATURE_SIZE], line[128];
	const char *body = strstr(raw_server_request(&server), "\r\n\r\n") + 4;
	ck_assert(secret_parse(&secret, "secret"));
	ck_assert(signature_make(&secret, "stub_stub", "1790000000", body, strlen(body), signature));
	snprintf(line, sizeof line, "\r\nwebhook-signature: %s\r\n", signature);
	assert_request(line);
	ck_assert_ptr_null(strstr(raw_server_request(&server), "c2VjcmV0"));
	raw_server_stop(&server);
}
END_TEST

START_TEST(bytes_are_streamed)
{
	static char bytes[4 << 20];
	memset(bytes, 'x', sizeof bytes);
	raw_server_start(&server);
	ck_assert_uint_eq(ask(OK("{\"outcome\":\"continue\"}"), "send=bytes", NULL, bytes, sizeof bytes), PP_CONTINUE);
	assert_request("\r\nContent-Length: 4194304\r\n");
	assert_request("\r\npostprocessing-facts: {\"id\":\"stub\",");
	ck_assert_ptr_null(strstr(raw_server_request(&server), "webhook-signature"));
	ck_assert_uint_eq(ask(OK("{\"outcome\":\"continue\"}"), "send=bytes", NULL, "", 0), PP_CONTINUE);
	assert_request("\r\nContent-Length: 0\r\n");
	raw_server_stop(&server);
}
END_TEST

START_TEST(broken_download_is_no_verdict)
{
	char url[128];
	raw_server_start(&server);
	server.answer = OK("{\"outcome\":\"continue\"}");
	snprintf(url, sizeof url, "url=http://127.0.0.1:%u/", (unsigned)server.port);
	void *http = stub_create(url, "send=bytes", NULL);
	stub_run_init(&run, "abcdef", 6);
	run.piece = 2;
	run.breaks_at = 4;
	ck_assert_uint_eq(pp_step_module.run(http, &run), PP_RETRY);
	ck_assert_str_eq(run.reason, "the stub's download broke");
	/* Cancelled. */
	stub_run_init(&run, "abcdef", 6);
	run.cancel_fd = eventfd(1, EFD_CLOEXEC);
	ck_assert_uint_eq(pp_step_module.run(http, &run), PP_RETRY);
	close(run.cancel_fd);
	pp_step_module.destroy(http);
	raw_server_stop(&server);
}
END_TEST

START_TEST(check_connects_and_asks_nothing)
{
	char url[128], why[256] = "";
	raw_server_start(&server);
	snprintf(url, sizeof url, "url=http://127.0.0.1:%u/t0ken", (unsigned)server.port);
	void *http = stub_create(url, NULL, NULL);
	ck_assert_msg(pp_step_module.check(http, why, sizeof why) == 0, "%s", why);
	ck_assert_uint_eq(server.requests, 0);
	raw_server_stop(&server);
	ck_assert_int_ne(pp_step_module.check(http, why, sizeof why), 0);
	ck_assert_ptr_null(strstr(why, "t0ken"));
	pp_step_module.destroy(http);
}
END_TEST

/* An example of the specification's. */
START_TEST(signature_is_the_specified_one)
{
	static const char body[] = "{\"test\": 2432232314}";
	struct secret secret;
	char signature[SIGNATURE_SIZE];
	ck_assert(secret_parse(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
	ck_assert_uint_eq(secret.length, 24);
	ck_assert(signature_make(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body, sizeof body - 1, signature));
	ck_assert_str_eq(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	ck_assert(!secret_parse(&secret, "whsec_*"));
	ck_assert(!secret_parse(&secret, ""));
}
END_TEST

/* Only a certificate that a trusted one has signed, for this host. */
START_TEST(certificate_is_verified)
{
	char folder[FOLDER_PATH_SIZE], certificate[PEM_SIZE], key[PEM_SIZE], file[FOLDER_PATH_SIZE + 16], url[64];
	char why[256] = "", other[64];
	struct storage_server tls;
	ck_assert(folder_create(folder));
	certificate_make(certificate, key);
	ck_assert(folder_write(folder, "cert", certificate, strlen(certificate)));
	storage_server_start(&tls, FILE_SERVER_LOOPBACK, certificate, key);
	unsigned port = tls.port;
	snprintf(url, sizeof url, "url=https://127.0.0.1:%u/", port);
	snprintf(other, sizeof other, "url=https://localhost:%u/", port);
	snprintf(file, sizeof file, "ca_file=%s/cert", folder);
	void *trusting = stub_create(url, file, NULL), *wrong_host = stub_create(other, file, NULL),
		 *http = stub_create(url, NULL, NULL);
	ck_assert_msg(pp_step_module.check(trusting, why, sizeof why) == 0, "%s", why);
	ck_assert_int_ne(pp_step_module.check(wrong_host, why, sizeof why), 0);
	ck_assert_int_ne(pp_step_module.check(http, why, sizeof why), 0);
	ck_assert_msg(strstr(why, "certificate") != NULL, "%s", why);
	stub_run_init(&run, "", 0);
	ck_assert_uint_eq(pp_step_module.run(http, &run), PP_RETRY);
	ck_assert_msg(strstr(run.reason, "certificate") != NULL, "%s", run.reason);
	pp_step_module.destroy(trusting);
	pp_step_module.destroy(wrong_host);
	pp_step_module.destroy(http);
	storage_server_stop(&tls);
	folder_remove(folder);
}
END_TEST

START_TEST(configuration_is_checked)
{
	static const char *const values[][3] = {
		{"url=ftp://host/", NULL, "url: expected https://HOST/PATH or http://HOST/PATH"},
		{"url=https://host/", "secret=whsec_!", "secret: expected whsec_ and base64, or a text of at most 512 bytes"}};
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		void *instance = NULL;
		struct pp_setup setup = {.keys = pp_step_module.keys, .value = {values[i][0], values[i][1]}};
		ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
		ck_assert_str_eq(setup.rejected, values[i][2]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http");
	TCase *tests = tcase_create("http");
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, answer_is_the_outcome);
	tcase_add_test(tests, all_else_is_no_verdict);
	tcase_add_test(tests, server_that_asks_for_time_gets_it);
	tcase_add_test(tests, facts_are_the_body);
	tcase_add_test(tests, bytes_are_streamed);
	tcase_add_test(tests, broken_download_is_no_verdict);
	tcase_add_test(tests, check_connects_and_asks_nothing);
	tcase_add_test(tests, signature_is_the_specified_one);
	tcase_add_test(tests, certificate_is_verified);
	tcase_add_test(tests, configuration_is_checked);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
