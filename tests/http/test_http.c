/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/http/http.h"
#include "tests/harness/fetch.h"
#include "tests/harness/folder.h"
#include "tests/harness/suite.h"

static void answer_health(void *closure, struct http_reply *reply)
{
	_Atomic int *asked = closure;
	fprintf(reply->body, "alive %d\n", atomic_fetch_add(asked, 1) + 1);
}

static void answer_ready(void *closure, struct http_reply *reply)
{
	(void)closure;
	reply->status = 503;
	reply->type = "application/json";
	fputs("{\"broker\":\"away\"}", reply->body);
}

static void answer_metrics(void *closure, struct http_reply *reply)
{
	(void)closure;
	fputs("x 1\n", reply->body);
}

static const struct http_route routes[] = {
	{"/healthz", answer_health, false},
	{"/readyz", answer_ready, false},
	{"/metrics", answer_metrics, true},
};

static struct http *create(const char *addr, const char *token, _Atomic int *asked, const struct log *log)
{
	return http_create(&(struct http_options){
		.addr = addr, .token = token, .route = routes, .route_count = 3, .closure = asked, .log = log});
}

static void fetch_path(struct fetch *fetch, const struct http *http, const char *path, const char *method,
                       const char *header)
{
	char url[256];
	snprintf(url, sizeof url, "http://%s%s", http_address(http), path);
	fetch_url(fetch, url, method, header);
}

START_TEST(routes_answer)
{
	struct log log = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_DEBUG};
	_Atomic int asked = 0;
	struct http *http = create("127.0.0.1:0", NULL, &asked, &log);
	struct fetch fetch;
	ck_assert_ptr_nonnull(http);
	ck_assert_ptr_null(http_address(http));
	ck_assert(http_start(http));
	ck_assert(http_start(http));
	fetch_path(&fetch, http, "/healthz", NULL, NULL);
	ck_assert_int_eq(fetch.status, 200);
	ck_assert_str_eq(fetch.body, "alive 1\n");
	ck_assert_str_eq(fetch.type, "text/plain; charset=utf-8");
	fetch_path(&fetch, http, "/healthz?verbose=1", NULL, NULL);
	ck_assert_str_eq(fetch.body, "alive 2\n");
	fetch_path(&fetch, http, "/readyz", NULL, NULL);
	ck_assert_int_eq(fetch.status, 503);
	ck_assert_str_eq(fetch.body, "{\"broker\":\"away\"}");
	ck_assert_str_eq(fetch.type, "application/json");
	fetch_path(&fetch, http, "/metrics", "HEAD", NULL);
	ck_assert_int_eq(fetch.status, 200);
	ck_assert_uint_eq(fetch.length, 0);
	fetch_path(&fetch, http, "/metrics", NULL, NULL);
	ck_assert_str_eq(fetch.body, "x 1\n");
	http_destroy(http);
	close(log.fd);
}
END_TEST

START_TEST(other_paths_and_methods_are_refused)
{
	struct log log = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_DEBUG};
	_Atomic int asked = 0;
	struct http *http = create("127.0.0.1:0", NULL, &asked, &log);
	struct fetch fetch;
	ck_assert(http_start(http));
	const char *const unknown[] = {"/", "/health", "/healthz/", "/healthz/x", "/metrics/healthz"};
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		fetch_path(&fetch, http, unknown[i], NULL, NULL);
		ck_assert_msg(fetch.status == 404, "%s: %ld", unknown[i], fetch.status);
	}
	const char *const method[] = {"POST", "PUT", "DELETE", "OPTIONS"};
	for (size_t i = 0; i < sizeof method / sizeof method[0]; i++) {
		fetch_path(&fetch, http, "/healthz", method[i], NULL);
		ck_assert_msg(fetch.status == 405, "%s: %ld", method[i], fetch.status);
	}
	ck_assert_int_eq(atomic_load(&asked), 0);
	http_destroy(http);
	close(log.fd);
}
END_TEST

START_TEST(a_token_guards_the_metrics_only)
{
	struct log log = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_DEBUG};
	_Atomic int asked = 0;
	struct http *http = create("127.0.0.1:0", "s3cret", &asked, &log);
	struct fetch fetch;
	ck_assert(http_start(http));
	fetch_path(&fetch, http, "/metrics", NULL, NULL);
	ck_assert_int_eq(fetch.status, 401);
	const char *const wrong[] = {"Authorization: Bearer s3cre", "Authorization: Bearer s3cretx",
	                             "Authorization: Bearer ", "Authorization: s3cret", "Authorization: Basic s3cret"};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		fetch_path(&fetch, http, "/metrics", NULL, wrong[i]);
		ck_assert_msg(fetch.status == 401, "%s: %ld", wrong[i], fetch.status);
	}
	fetch_path(&fetch, http, "/metrics", NULL, "Authorization: Bearer s3cret");
	ck_assert_int_eq(fetch.status, 200);
	fetch_path(&fetch, http, "/healthz", NULL, NULL);
	ck_assert_int_eq(fetch.status, 200);
	http_destroy(http);
	close(log.fd);
}
END_TEST

START_TEST(a_port_in_use_is_reported_once_and_retried)
{
	char folder[FOLDER_PATH_SIZE], path[FOLDER_PATH_SIZE + 8], text[4096];
	ck_assert(folder_create(folder));
	snprintf(path, sizeof path, "%s/log", folder);
	struct log log = {.fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), .level = LOG_DEBUG};
	_Atomic int asked = 0;
	struct http *first = create("127.0.0.1:0", NULL, &asked, &log);
	ck_assert(http_start(first));
	char addr[64];
	snprintf(addr, sizeof addr, "%s", http_address(first));
	struct http *second = create(addr, NULL, &asked, &log);
	ck_assert(!http_start(second));
	ck_assert(!http_start(second));
	ck_assert_ptr_null(http_address(second));
	ck_assert(folder_read(folder, "log", text, sizeof text));
	const char *said = strstr(text, "Address already in use");
	ck_assert_ptr_nonnull(said);
	ck_assert_ptr_null(strstr(said + 1, "Address already in use"));
	ck_assert_ptr_nonnull(strstr(text, addr));
	http_destroy(first);
	ck_assert(http_start(second));
	struct fetch fetch;
	fetch_path(&fetch, second, "/healthz", NULL, NULL);
	ck_assert_int_eq(fetch.status, 200);
	http_destroy(second);
	close(log.fd);
	ck_assert(folder_remove(folder));
}
END_TEST

START_TEST(an_invalid_address_is_reported)
{
	const char *const addr[] = {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "::1:80", "127.0.0.1:http x"};
	struct log log = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_DEBUG};
	for (size_t i = 0; i < sizeof addr / sizeof addr[0]; i++) {
		struct http *http = create(addr[i], NULL, NULL, &log);
		ck_assert_msg(!http_start(http), "%s", addr[i]);
		http_destroy(http);
	}
	close(log.fd);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {routes_answer, other_paths_and_methods_are_refused, a_token_guards_the_metrics_only,
	                              a_port_in_use_is_reported_once_and_retried, an_invalid_address_is_reported};
	return suite_run("http", tests, sizeof tests / sizeof tests[0], 60);
}
