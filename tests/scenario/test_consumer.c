/* SPDX-License-Identifier: Apache-2.0
 * Where the service begins to read: it uses the other implementation's consumer or takes over its position, and no
 * event that was published in between is skipped or handled twice. */
#include <string.h>

#include "core/jetstream/checkpoint.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define STREAM "main-queue"

static void open_with_stream(const struct scenario_options *options)
{
	jsStreamConfig stream;
	scenario_open(&scenario, options);
	jsStreamConfig_Init(&stream);
	stream.Name = STREAM;
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
}

static void say(const char *upload)
{
	storage_bytes_received(&scenario, upload, "/none", 3);
}

static void start(void)
{
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
}

/* Exactly these uploads have ended, once each. */
static void check_ended(const char *const *upload, size_t count)
{
	for (size_t i = 0; i < count; i++)
		recorder_await(&scenario.recorder, "PostprocessingFinished", upload[i], 0);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), count);
}

START_TEST(existing_is_bound_as_it_is)
{
	jsConsumerConfig config;
	jsConsumerInfo *info = NULL;
	open_with_stream(NULL);
	say("before");
	jsConsumerConfig_Init(&config);
	config.Durable = "postprocessing-pull";
	config.AckPolicy = js_AckExplicit;
	config.DeliverPolicy = js_DeliverNew;
	config.MaxAckPending = 7;
	config.AckWait = 11 * SECOND;
	ck_assert_int_eq(js_AddConsumer(&info, scenario.js, STREAM, &config, NULL, NULL), NATS_OK);
	int64_t created = info->Created;
	jsConsumerInfo_Destroy(info);
	say("one");
	say("two");
	start();
	say("three");
	check_ended((const char *[]){"one", "two", "three"}, 3);
	ck_assert_int_eq(js_GetConsumerInfo(&info, scenario.js, STREAM, "postprocessing-pull", NULL, NULL), NATS_OK);
	ck_assert_int_eq(info->Created, created);
	ck_assert_int_eq(info->Config->MaxAckPending, 7);
	ck_assert_int_eq(info->Config->AckWait, 11 * SECOND);
	jsConsumerInfo_Destroy(info);
	ck_assert_uint_eq(scenario_log_count(&scenario, "consumer postprocessing-pull: created"), 0);
	scenario_close(&scenario);
}
END_TEST

/* An upload that runs without a record gets one before its event would be redelivered. */
START_TEST(existing_redelivers_soon)
{
	jsConsumerConfig config;
	open_with_stream(&(struct scenario_options){.steps = "virusscan"});
	scenario_start_clamd(&scenario, NULL);
	jsConsumerConfig_Init(&config);
	config.Durable = "postprocessing-pull";
	config.AckPolicy = js_AckExplicit;
	config.AckWait = 3 * SECOND / 2;
	ck_assert_int_eq(js_AddConsumer(NULL, scenario.js, STREAM, &config, NULL, NULL), NATS_OK);
	start();
	storage_bytes_received(&scenario, "stalls", "/stall/200000", 200000);
	records_await(&scenario, "stalls", "phase", "queued");
	scenario_await_applied(&scenario);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_total"), 1);
	scenario_kill_service(&scenario);
	scenario_close(&scenario);
}
END_TEST

static bool is_acknowledged(void *closure)
{
	jsConsumerInfo *info = NULL;
	const uint64_t *floor = closure;
	if (js_GetConsumerInfo(&info, scenario.js, STREAM, "postprocessing", NULL, NULL) != NATS_OK)
		return false;
	bool acknowledged = info->AckFloor.Stream == *floor;
	jsConsumerInfo_Destroy(info);
	return acknowledged;
}

/* The consumer of an older release, which has acknowledged the first `count` events and then stopped. */
static void leave_older_consumer(uint64_t count)
{
	jsConsumerConfig config;
	natsSubscription *subscription = NULL;
	jsConsumerConfig_Init(&config);
	config.Durable = "postprocessing";
	config.DeliverSubject = "deliver.postprocessing";
	config.DeliverGroup = "postprocessing";
	config.AckPolicy = js_AckExplicit;
	ck_assert_int_eq(
		natsConnection_QueueSubscribeSync(&subscription, scenario.connection, config.DeliverSubject, "postprocessing"),
		NATS_OK);
	ck_assert_int_eq(js_AddConsumer(NULL, scenario.js, STREAM, &config, NULL, NULL), NATS_OK);
	for (uint64_t i = 0; i < count; i++) {
		natsMsg *message = NULL;
		ck_assert_int_eq(natsSubscription_NextMsg(&message, subscription, 10000), NATS_OK);
		ck_assert_int_eq(natsConnection_PublishString(scenario.connection, natsMsg_GetReply(message), "+ACK"), NATS_OK);
		natsMsg_Destroy(message);
	}
	ck_assert(wait_until(is_acknowledged, &count, TEST_LIMIT));
	ck_assert_int_eq(natsSubscription_Unsubscribe(subscription), NATS_OK);
	natsSubscription_Destroy(subscription);
}

START_TEST(older_position_is_taken_over)
{
	open_with_stream(NULL);
	say("done one");
	say("done two");
	say("one");
	leave_older_consumer(2);
	say("two");
	start();
	say("three");
	check_ended((const char *[]){"one", "two", "three"}, 3);
	scenario_await_log(&scenario, "it starts at the position of postprocessing");
	/* At the next start the consumer is there, and continues. */
	scenario_stop_service(&scenario);
	say("four");
	start();
	check_ended((const char *[]){"one", "two", "three", "four"}, 4);
	scenario_close(&scenario);
}
END_TEST

START_TEST(older_that_has_done_nothing)
{
	open_with_stream(NULL);
	say("one");
	leave_older_consumer(0);
	start();
	check_ended((const char *[]){"one"}, 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(nothing_is_there)
{
	open_with_stream(NULL);
	say("one");
	start();
	check_ended((const char *[]){"one"}, 1);
	scenario_await_log(&scenario, "it starts at the stream's first message");
	scenario_close(&scenario);
}
END_TEST

/* A pull for more messages than it gives at a time, or for longer, would be refused. */
START_TEST(existing_gives_little)
{
	static const char *const upload[] = {"one", "two", "three", "four", "five", "six", "seven"};
	size_t count = sizeof upload / sizeof upload[0];
	jsConsumerConfig config;
	open_with_stream(NULL);
	jsConsumerConfig_Init(&config);
	config.Durable = "postprocessing-pull";
	config.AckPolicy = js_AckExplicit;
	config.MaxRequestBatch = 2;
	config.MaxRequestExpires = SECOND;
	ck_assert_int_eq(js_AddConsumer(NULL, scenario.js, STREAM, &config, NULL, NULL), NATS_OK);
	start();
	for (size_t i = 0; i < count; i++)
		say(upload[i]);
	check_ended(upload, count);
	scenario_close(&scenario);
}
END_TEST

static void check_other_kind(jsConsumerConfig *config)
{
	open_with_stream(NULL);
	ck_assert_int_eq(js_AddConsumer(NULL, scenario.js, STREAM, config, NULL, NULL), NATS_OK);
	say("one");
	scenario_start_service(&scenario);
	scenario_await_log(&scenario, "consumer postprocessing-pull is not a pull consumer");
	ck_assert_int_eq(js_DeleteConsumer(scenario.js, STREAM, "postprocessing-pull", NULL, NULL), NATS_OK);
	scenario_await_ready(&scenario);
	check_ended((const char *[]){"one"}, 1);
	scenario_close(&scenario);
}

START_TEST(consumer_is_of_another_kind)
{
	jsConsumerConfig config;
	jsConsumerConfig_Init(&config);
	config.Durable = "postprocessing-pull";
	config.DeliverSubject = "deliver.somewhere";
	check_other_kind(&config);
}
END_TEST

START_TEST(consumer_without_the_messages)
{
	jsConsumerConfig config;
	jsConsumerConfig_Init(&config);
	config.Durable = "postprocessing-pull";
	config.AckPolicy = js_AckExplicit;
	config.HeadersOnly = true;
	check_other_kind(&config);
}
END_TEST

/* Deletes the consumer every few seconds, until it is created again behind the applied events. */
static bool is_made_behind(void *closure)
{
	nanos *deleted = closure;
	if (scenario_log_count(&scenario, "created; it starts after the last processed event") > 0)
		return true;
	if (clock_monotonic() - *deleted < 5 * SECOND)
		return false;
	/* Its answer may be lost: then the service has created it again already. */
	js_DeleteConsumer(scenario.js, STREAM, "postprocessing-pull", NULL, NULL);
	*deleted = clock_monotonic();
	return false;
}

/* Somebody deletes the consumer while the service uses it. */
START_TEST(deleted_while_we_run)
{
	nanos deleted = 0;
	open_with_stream(NULL);
	say("before");
	start();
	recorder_await(&scenario.recorder, "PostprocessingFinished", "before", 0);
	storage_upload_ready(&scenario, "before", false);
	storage_resume(&scenario, "unknown", "");
	recorder_await(&scenario.recorder, "RestartPostprocessing", "unknown", 0);
	scenario_await_applied(&scenario);
	ck_assert(wait_until(is_made_behind, &deleted, 2 * TEST_LIMIT));
	say("after");
	recorder_await(&scenario.recorder, "PostprocessingFinished", "after", 0);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 3);
	ck_assert_ptr_null(records_read(&scenario, "before"));
	scenario_close(&scenario);
}
END_TEST

/* The ack floor is read every few seconds and saved every few more: wait until it contains the whole stream. */
static bool position_is_saved(void *closure)
{
	(void)closure;
	char folder[FOLDER_PATH_SIZE + 8];
	struct checkpoint position;
	jsStreamInfo *info = NULL;
	snprintf(folder, sizeof folder, "%s/state", scenario.folder);
	if (!checkpoint_read(folder, CHECKPOINT_EVENTS, "postprocessing-pull", &position) ||
	    js_GetStreamInfo(&info, scenario.js, STREAM, NULL, NULL) != NATS_OK)
		return false;
	bool all = position.sequence == info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	return all;
}

/* The same while the service is down: its position is in its state folder. */
START_TEST(deleted_while_we_are_down)
{
	open_with_stream(NULL);
	say("before");
	start();
	recorder_await(&scenario.recorder, "PostprocessingFinished", "before", 0);
	storage_upload_ready(&scenario, "before", false);
	storage_resume(&scenario, "unknown", "");
	recorder_await(&scenario.recorder, "RestartPostprocessing", "unknown", 0);
	scenario_await_applied(&scenario);
	ck_assert(wait_until(position_is_saved, NULL, 2 * TEST_LIMIT));
	scenario_kill_service(&scenario);
	ck_assert_int_eq(js_DeleteConsumer(scenario.js, STREAM, "postprocessing-pull", NULL, NULL), NATS_OK);
	say("after");
	scenario_start_service(&scenario);
	scenario_await_log(&scenario, "it starts after the last processed event");
	recorder_await(&scenario.recorder, "PostprocessingFinished", "after", 0);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 3);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {existing_is_bound_as_it_is,
	                              existing_redelivers_soon,
	                              older_position_is_taken_over,
	                              older_that_has_done_nothing,
	                              nothing_is_there,
	                              existing_gives_little,
	                              consumer_is_of_another_kind,
	                              consumer_without_the_messages,
	                              deleted_while_we_run,
	                              deleted_while_we_are_down};
	return scenario_run("scenario: consumer", tests, sizeof tests / sizeof tests[0]);
}
