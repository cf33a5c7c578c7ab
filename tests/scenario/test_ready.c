/* SPDX-License-Identifier: Apache-2.0
 * What the service reports about its readiness: each thing that it needs, with the reason why it is missing. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/jetstream/checkpoint.h"
#include "tests/harness/fetch.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

static const char *const things[] = {"broker", "stream", "consumer", "bucket", "state folder"};
#define THINGS (sizeof things / sizeof things[0])

static void check_has(const char *thing, bool expected)
{
	char reason[512];
	bool has = scenario_has(&scenario, thing, reason, sizeof reason);
	ck_assert_msg(has == expected && (reason[0] == '\0') == has, "%s: \"%s\"", thing, reason);
}

START_TEST(each_thing_is_reported)
{
	scenario_begin(&scenario, NULL, false);
	for (size_t i = 0; i < THINGS; i++)
		check_has(things[i], true);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_build_info{version=\"" PACKAGE_VERSION "\"}"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, " info postprocessing " PACKAGE_VERSION "\n"), 1);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_ready{thing=\"stream\",name=\"main-queue\"}"), 1);
	ck_assert(nats_fixture_halt(&scenario.nats));
	scenario_await_fault(&scenario, "broker", "");
	ck_assert_int_eq(scenario_http(&scenario, "/readyz"), 503);
	for (size_t i = 0; i < THINGS; i++)
		check_has(things[i], strcmp(things[i], "state folder") == 0);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_ready{thing=\"stream\",name=\"main-queue\"}"), 0);
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
	for (size_t i = 0; i < THINGS; i++)
		check_has(things[i], true);
	ck_assert_uint_eq(scenario_log_count(&scenario, "info ready again, after "), 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(it_is_json_for_get_and_head)
{
	char url[128];
	struct fetch got, head;
	scenario_begin(&scenario, NULL, false);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/readyz", scenario_http_port(&scenario));
	fetch_url(&got, url, NULL, NULL);
	fetch_url(&head, url, "HEAD", NULL);
	ck_assert_int_eq(got.status, 200);
	ck_assert_str_eq(got.type, "application/json");
	ck_assert_ptr_nonnull(strstr(got.body, "\"since\":\"20"));
	ck_assert_int_eq(head.status, 200);
	ck_assert_str_eq(head.type, "application/json");
	ck_assert_uint_eq(head.length, 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(the_consumer_is_unusable)
{
	jsStreamConfig stream;
	jsConsumerConfig consumer;
	scenario_open(&scenario, NULL);
	jsStreamConfig_Init(&stream);
	stream.Name = "main-queue";
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
	jsConsumerConfig_Init(&consumer);
	consumer.Durable = "postprocessing-pull";
	consumer.AckPolicy = js_AckNone;
	ck_assert_int_eq(js_AddConsumer(NULL, scenario.js, "main-queue", &consumer, NULL, NULL), NATS_OK);
	scenario_start_service(&scenario);
	scenario_await_fault(&scenario, "consumer", "not a pull consumer");
	check_has("broker", true);
	check_has("stream", true);
	check_has("bucket", true);
	ck_assert_int_eq(scenario_http(&scenario, "/readyz"), 503);
	ck_assert_int_eq(js_DeleteConsumer(scenario.js, "main-queue", "postprocessing-pull", NULL, NULL), NATS_OK);
	scenario_await_ready(&scenario);
	scenario_close(&scenario);
}
END_TEST

/* An instance whose file for the stream's checkpoint cannot be written, although that for the bucket can. */
START_TEST(the_state_folder_cannot_be_written)
{
	char path[FOLDER_PATH_SIZE + 64];
	scenario_begin(&scenario, NULL, false);
	snprintf(path, sizeof path, "%s/state/" CHECKPOINT_EVENTS, scenario.folder);
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	scenario_await_fault(&scenario, "state folder", "cannot save " CHECKPOINT_EVENTS);
	ck_assert_int_eq(rmdir(path), 0);
	scenario_await_has(&scenario, "state folder");
	ck_assert_uint_eq(scenario_log_count(&scenario, "cannot save "), 2);
	scenario_close(&scenario);
}
END_TEST

START_TEST(two_brokers_are_two)
{
	char ini[256], names[2][64];
	struct nats_fixture other;
	struct fetch got;
	ck_assert(nats_fixture_start(&other, NULL));
	snprintf(ini, sizeof ini, "[store]\nnodes = 127.0.0.1:%u\n", other.port);
	scenario_begin(&scenario, &(struct scenario_options){.ini = ini}, false);
	snprintf(names[0], sizeof names[0], "{\"thing\":\"broker\",\"name\":\"127.0.0.1:%u\",\"ready\":true",
	         scenario.nats.port);
	snprintf(names[1], sizeof names[1], "{\"thing\":\"broker\",\"name\":\"127.0.0.1:%u\",\"ready\":true", other.port);
	char url[128];
	snprintf(url, sizeof url, "http://127.0.0.1:%u/readyz", scenario_http_port(&scenario));
	fetch_url(&got, url, NULL, NULL);
	ck_assert_ptr_nonnull(strstr(got.body, names[0]));
	ck_assert_ptr_nonnull(strstr(got.body, names[1]));
	ck_assert(nats_fixture_halt(&other));
	scenario_await_fault(&scenario, "bucket", "unknown while the broker is unreachable");
	check_has("stream", true);
	scenario_close(&scenario);
	nats_fixture_end(&other);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {each_thing_is_reported, it_is_json_for_get_and_head, the_consumer_is_unusable,
	                              the_state_folder_cannot_be_written, two_brokers_are_two};
	return scenario_run("scenario: ready", tests, sizeof tests / sizeof tests[0]);
}
