/* SPDX-License-Identifier: Apache-2.0
 * The step http through the whole service, in its sandbox. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/raw_server.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;
static struct raw_server server;

#define ANSWER(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body

/* By `localhost`, so that the sandbox has to let it look up a name. */
static const char *write_ini(const char *folder)
{
	static char ini[1024];
	snprintf(ini, sizeof ini,
	         "[step:a]\nmodule = http\nurl = http://localhost:%u/facts\nsecret_file = %s/secret\nretry_backoff = 10ms\n"
	         "[step:b]\nmodule = http\nurl = http://127.0.0.1:%u/bytes\nsend = bytes\n",
	         (unsigned)server.port, folder, (unsigned)server.port);
	return ini;
}

START_TEST(endpoint_decides)
{
	char folder[FOLDER_PATH_SIZE], path[FOLDER_PATH_SIZE + 16];
	ck_assert(folder_create(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	ck_assert(folder_write(folder, "secret", "whsec_c2VjcmV0\n", 15));
	snprintf(path, sizeof path, "%s/secret", folder);
	ck_assert_int_eq(chmod(path, 0644), 0);
	raw_server_start(&server);
	server.answer = ANSWER("200 OK", "{\"outcome\":\"continue\",\"result\":{\"seen\":true}}");
	server.closes = true;
	scenario_begin(&scenario, &(struct scenario_options){.steps = "a,b", .ini = write_ini(folder)}, false);
	storage_server_put(&scenario.storage, "/good", "the bytes", 9);
	storage_expect(&scenario, "good", "/good", 9, "continue");
	const struct recorded *event = recorder_await(&scenario.recorder, "PostprocessingStepFinished", "good", 0);
	ck_assert(json_is_true(json_object_get(json_object_get(event->payload, "Result"), "seen")));
	ck_assert_uint_eq(server.requests, 2);
	ck_assert_ptr_nonnull(strstr(raw_server_request(&server), "POST /bytes "));
	ck_assert_ptr_nonnull(strstr(raw_server_request(&server), "\r\nwebhook-id: good_b\r\n"));
	ck_assert_ptr_nonnull(strstr(raw_server_request(&server), "\r\n\r\nthe bytes"));
	server.answer = ANSWER("200 OK", "{\"outcome\":\"delete\",\"reason\":\"not wanted\"}");
	storage_expect(&scenario, "deleted", "/good", 9, "delete");
	ck_assert_ptr_nonnull(strstr(raw_server_request(&server), "POST /facts "));
	ck_assert_ptr_nonnull(strstr(raw_server_request(&server), "\r\nwebhook-signature: v1,"));
	ck_assert_ptr_nonnull(strstr(raw_server_request(&server), "\"id\":\"deleted\""));
	server.answer = ANSWER("500 Error", "");
	storage_bytes_received(&scenario, "later", "/good", 9);
	scenario_await_log(&scenario, "answered 500");
	scenario_close(&scenario);
	raw_server_stop(&server);
	folder_remove(folder);
}
END_TEST

static bool all_are_denied(void *closure)
{
	(void)closure;
	return scenario_log_count(&scenario, "; the sandbox does not allow the network (key allow)") >= 3;
}

/* The sandbox is the reason then, not the server or the key with its address. */
START_TEST(network_is_not_allowed)
{
	static const char ini[] = "[step:a]\nmodule = http\nurl = http://localhost:9/\nallow = none\n"
							  "[step:b]\nmodule = http\nurl = http://127.0.0.1:9/\nallow = none\n"
							  "[step:virusscan]\nscanner = icap\nicap_url = icap://localhost:9/s\nallow = none\n";
	scenario_open(&scenario, &(struct scenario_options){.steps = "a,b,virusscan", .ini = ini});
	scenario_start_service(&scenario);
	ck_assert(wait_until(all_are_denied, NULL, TEST_LIMIT));
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {endpoint_decides, network_is_not_allowed};
	return scenario_run("scenario_http", tests, sizeof tests / sizeof tests[0]);
}
