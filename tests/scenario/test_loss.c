/* SPDX-License-Identifier: Apache-2.0
 * The broker has lost the bucket or the stream, or comes back with older data: nothing is created again silently,
 * and what is left continues. */
#include <stdio.h>
#include <unistd.h>

#include "core/jetstream/checkpoint.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define BUCKET "KV_postprocessing"
#define STREAM "main-queue"
#define BUCKET_GONE "bucket postprocessing: missing from the broker"
#define BUCKET_OTHER "bucket postprocessing: this is not the bucket used before"
#define BUCKET_BEHIND "bucket postprocessing: the broker went back from revision"
#define STREAM_GONE "stream main-queue: missing from the broker"
#define STREAM_OTHER "stream main-queue: this is not the stream used before"
#define ROLLBACKS "postprocessing_broker_rollbacks_total"

static const char *const waiting[] = {"one", "two", "three"};
#define WAITING (sizeof waiting / sizeof waiting[0])

/* Three uploads are in their delay, and all events are acknowledged. */
static void begin(const char *ini)
{
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = ini}, false);
	for (size_t i = 0; i < WAITING; i++)
		storage_bytes_received(&scenario, waiting[i], "/none", 3);
	for (size_t i = 0; i < WAITING; i++)
		records_await(&scenario, waiting[i], "phase", "waiting");
	scenario_await_applied(&scenario);
}

static void check_waiting_end_once(void)
{
	for (size_t i = 0; i < WAITING; i++)
		storage_check_finished(&scenario, waiting[i], "continue");
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	for (size_t i = 0; i < WAITING; i++)
		ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", waiting[i]), 1);
}

/* The messages that were read belong to another stream, or to another time. */
static void forget_recorded(void)
{
	recorder_free(&scenario.recorder);
	scenario.recorder.js = scenario.js;
}

static bool is_there(const char *stream)
{
	jsStreamInfo *info = NULL;
	natsStatus status = js_GetStreamInfo(&info, scenario.js, stream, NULL, NULL);
	jsStreamInfo_Destroy(info);
	ck_assert(status == NATS_OK || status == NATS_NOT_FOUND);
	return status == NATS_OK;
}

static void delete (const char *stream)
{
	ck_assert_int_eq(js_DeleteStream(scenario.js, stream, NULL, NULL), NATS_OK);
}

static bool is_not_ready(void *closure)
{
	(void)closure;
	return scenario_http(&scenario, "/readyz") == 503 && scenario_http(&scenario, "/healthz") == 200;
}

struct words {
	const char *text;
	size_t count;
};

static bool is_said(void *closure)
{
	const struct words *words = closure;
	return scenario_log_count(&scenario, words->text) >= words->count;
}

static void await_log_again(const char *text, size_t count)
{
	struct words words = {text, count};
	ck_assert_msg(wait_until(is_said, &words, TEST_LIMIT), "not logged %zu times: %s", count, text);
}

/* A file of the state folder shows which stream it was. */
static void state_folder(char folder[FOLDER_PATH_SIZE + 8])
{
	snprintf(folder, FOLDER_PATH_SIZE + 8, "%s/state", scenario.folder);
}

struct remembered {
	const char *file, *of, *stream;
};

static bool is_remembered(void *closure)
{
	const struct remembered *remembered = closure;
	char folder[FOLDER_PATH_SIZE + 8];
	struct checkpoint position;
	jsStreamInfo *info = NULL;
	state_folder(folder);
	if (!checkpoint_read(folder, remembered->file, remembered->of, &position) ||
	    js_GetStreamInfo(&info, scenario.js, remembered->stream, NULL, NULL) != NATS_OK)
		return false;
	bool same = position.stream == info->Created && position.sequence == info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	return same;
}

static void await_remembered(void)
{
	struct remembered events = {CHECKPOINT_EVENTS, "postprocessing-pull", STREAM},
					  bucket = {CHECKPOINT_BUCKET, "postprocessing", BUCKET};
	ck_assert(wait_until(is_remembered, &events, TEST_LIMIT));
	ck_assert(wait_until(is_remembered, &bucket, TEST_LIMIT));
}

static void forget(const char *file)
{
	char path[FOLDER_PATH_SIZE + 64];
	snprintf(path, sizeof path, "%s/state/%s", scenario.folder, file);
	ck_assert_int_eq(unlink(path), 0);
}

static void halt_and_keep(void)
{
	ck_assert(nats_fixture_halt(&scenario.nats));
	ck_assert(nats_fixture_keep(&scenario.nats));
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
}

static void put_back(void)
{
	ck_assert(nats_fixture_halt(&scenario.nats));
	ck_assert(nats_fixture_put_back(&scenario.nats));
	scenario_start_broker(&scenario);
}

START_TEST(bucket_is_deleted)
{
	begin("[step:delay]\nduration = 10s\n");
	halt_and_keep();
	delete (BUCKET);
	ck_assert(wait_until(is_not_ready, NULL, TEST_LIMIT));
	await_log_again(BUCKET_GONE, 1);
	await_log_again("/state/bucket, start the service", 1);
	/* Nor does it create one when it has to connect again. */
	ck_assert(nats_fixture_halt(&scenario.nats));
	await_log_again("no answer: is the broker running", 1);
	scenario_start_broker(&scenario);
	await_log_again("bucket postprocessing: missing; retrying", 2);
	ck_assert(!is_there(BUCKET));
	ck_assert(is_not_ready(NULL));
	ck_assert_uint_eq(scenario_log_count(&scenario, BUCKET_GONE), 1);
	put_back();
	scenario_await_ready(&scenario);
	check_waiting_end_once();
	ck_assert_uint_eq(scenario_metric(&scenario, ROLLBACKS), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, "bucket postprocessing: created"), 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(bucket_is_deleted_while_we_are_down)
{
	begin("[step:delay]\nduration = 1h\n");
	await_remembered();
	scenario_kill_service(&scenario);
	delete (BUCKET);
	scenario_start_service(&scenario);
	await_log_again(BUCKET_GONE, 1);
	ck_assert(wait_until(is_not_ready, NULL, TEST_LIMIT));
	ck_assert(!is_there(BUCKET));
	/* The loss is accepted as the log describes. */
	scenario_stop_service(&scenario);
	forget(CHECKPOINT_BUCKET);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	ck_assert_uint_eq(scenario_log_count(&scenario, "bucket postprocessing: created"), 2);
	storage_bytes_received(&scenario, "one", "/none", 3);
	records_await(&scenario, "one", "phase", "waiting");
	scenario_close(&scenario);
}
END_TEST

/* Another service on the bus creates it, perhaps before we notice. Uploads that are lost can begin again. */
START_TEST(bucket_is_another)
{
	kvConfig config;
	kvStore *bucket = NULL;
	begin("[step:delay]\nduration = 3s\n");
	delete (BUCKET);
	kvConfig_Init(&config);
	config.Bucket = "postprocessing";
	config.History = 1;
	config.StorageType = js_FileStorage;
	ck_assert_int_eq(js_CreateKeyValue(&bucket, scenario.js, &config), NATS_OK);
	kvStore_Destroy(bucket);
	await_log_again(BUCKET_OTHER, 1);
	scenario_await_ready(&scenario);
	ck_assert_uint_eq(scenario_metric(&scenario, ROLLBACKS), 1);
	for (size_t i = 0; i < WAITING; i++)
		storage_bytes_received(&scenario, waiting[i], "/none", 3);
	check_waiting_end_once();
	ck_assert_uint_eq(scenario_log_count(&scenario, BUCKET_OTHER), 1);
	scenario_close(&scenario);
}
END_TEST

/* Uploads end, and then the broker's files are replaced by an older copy. */
static void go_on_and_go_back(void)
{
	char upload[16];
	halt_and_keep();
	for (unsigned i = 0; i < 20; i++) {
		snprintf(upload, sizeof upload, "later %u", i);
		storage_bytes_received(&scenario, upload, "/none", 3);
	}
	for (unsigned i = 0; i < 20; i++) {
		snprintf(upload, sizeof upload, "later %u", i);
		records_await(&scenario, upload, "phase", "waiting");
	}
	scenario_await_applied(&scenario);
}

static void check_gone_back(void)
{
	scenario_await_ready(&scenario);
	await_log_again(BUCKET_BEHIND, 1);
	forget_recorded();
	check_waiting_end_once();
	/* A lost upload begins again, and has the same outcome as before. */
	storage_bytes_received(&scenario, "later 7", "/none", 3);
	storage_check_finished(&scenario, "later 7", "continue");
	ck_assert_uint_ge(scenario_metric(&scenario, ROLLBACKS), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, BUCKET_BEHIND), 1);
	ck_assert_uint_le(scenario_log_count(&scenario, "stream main-queue: the broker went back from event"), 1);
	scenario_close(&scenario);
}

START_TEST(broker_goes_back)
{
	begin("[step:delay]\nduration = 8s\n");
	go_on_and_go_back();
	put_back();
	check_gone_back();
}
END_TEST

START_TEST(broker_goes_back_while_we_are_down)
{
	begin("[step:delay]\nduration = 12s\n");
	go_on_and_go_back();
	await_remembered();
	scenario_kill_service(&scenario);
	put_back();
	scenario_start_service(&scenario);
	await_log_again("stream main-queue: the broker went back from event", 1);
	check_gone_back();
}
END_TEST

/* The power failed: the last messages of the stream were not on the disk yet, but the file of its consumer was. New
 * messages get sequence numbers that were acknowledged before. */
static void lose_the_streams_end(bool down)
{
	char id[16];
	begin("[step:delay]\nduration = 1h\n");
	halt_and_keep();
	for (unsigned i = 0; i < 20; i++) {
		snprintf(id, sizeof id, "lost-%u", i);
		storage_bytes_received(&scenario, id, "/none", 3);
	}
	scenario_await_applied(&scenario);
	if (!down)
		await_remembered();
	else
		scenario_kill_service(&scenario);
	ck_assert(nats_fixture_halt(&scenario.nats));
	ck_assert(nats_fixture_put_back_messages(&scenario.nats, STREAM));
	scenario_start_broker(&scenario);
	if (down)
		scenario_start_service(&scenario);
	forget_recorded();
	scenario_await_ready(&scenario);
	storage_bytes_received(&scenario, "new", "/none", 3);
	records_await(&scenario, "new", "phase", "waiting");
	/* The events of this upload are not taken for old because its lost event had a higher number. An instance that
	 * was down, with a broker whose consumer began again, cannot know this: it waits until the numbers are higher
	 * again. */
	storage_upload_ready(&scenario, "lost-19", false);
	if (!down)
		records_await_gone(&scenario, "lost-19");
	scenario_close(&scenario);
}

START_TEST(stream_loses_its_end)
{
	lose_the_streams_end(false);
}
END_TEST

START_TEST(stream_loses_its_end_while_we_are_down)
{
	lose_the_streams_end(true);
}
END_TEST

/* All records are there: the uploads continue in the new stream. */
START_TEST(stream_is_deleted)
{
	jsStreamConfig stream;
	begin("[step:delay]\nduration = 6s\n");
	delete (STREAM);
	ck_assert(wait_until(is_not_ready, NULL, TEST_LIMIT));
	await_log_again(STREAM_GONE, 1);
	ck_assert(!is_there(STREAM));
	forget_recorded();
	jsStreamConfig_Init(&stream);
	stream.Name = STREAM;
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
	await_log_again(STREAM_OTHER, 1);
	scenario_await_ready(&scenario);
	check_waiting_end_once();
	storage_expect(&scenario, "four", "/none", 3, "continue");
	ck_assert_uint_eq(scenario_metric(&scenario, ROLLBACKS), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, STREAM_GONE), 1);
	scenario_close(&scenario);
}
END_TEST

START_TEST(stream_is_deleted_while_we_are_down)
{
	begin("[step:delay]\nduration = 6s\n");
	await_remembered();
	scenario_kill_service(&scenario);
	delete (STREAM);
	scenario_start_service(&scenario);
	await_log_again(STREAM_GONE, 1);
	ck_assert(!is_there(STREAM));
	scenario_stop_service(&scenario);
	forget(CHECKPOINT_EVENTS);
	forget_recorded();
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	check_waiting_end_once();
	scenario_close(&scenario);
}
END_TEST

/* A service at a bucket that keeps each record for this long, and whose broker was away for a moment. */
static void begin_with_age(const char *ini, nanos age, jsStorageType storage)
{
	kvConfig config;
	kvStore *bucket = NULL;
	scenario_open(&scenario, &(struct scenario_options){.steps = "delay", .ini = ini});
	kvConfig_Init(&config);
	config.Bucket = "postprocessing";
	config.TTL = age;
	config.StorageType = storage;
	ck_assert_int_eq(js_CreateKeyValue(&bucket, scenario.js, &config), NATS_OK);
	kvStore_Destroy(bucket);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
}

START_TEST(bucket_that_forgets)
{
	begin_with_age("[step:delay]\nduration = 200h\n", 168 * HOUR, js_FileStorage);
	ck_assert(nats_fixture_halt(&scenario.nats));
	ck_assert(wait_until(is_not_ready, NULL, TEST_LIMIT));
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
	/* Once, however often it connects. */
	ck_assert_uint_eq(scenario_log_count(&scenario, "it deletes each record 168h after it was written"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "warning bucket postprocessing: it deletes"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "may wait longer for step delay (duration: 200h)"), 1);
	scenario_close(&scenario);
}
END_TEST

/* As the services of oCIS and OpenCloud create it: this is fine. */
START_TEST(bucket_that_forgets_late_enough)
{
	begin_with_age("[step:delay]\nduration = 1h\n", 168 * HOUR, js_FileStorage);
	ck_assert_uint_eq(scenario_log_count(&scenario, "info bucket postprocessing: it deletes each record 168h"), 1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "warning bucket "), 0);
	ck_assert_uint_eq(scenario_log_count(&scenario, " error "), 0);
	scenario_close(&scenario);
}
END_TEST

START_TEST(bucket_in_memory)
{
	begin_with_age(NULL, 0, js_MemoryStorage);
	ck_assert_uint_eq(scenario_log_count(&scenario, "only in the broker's memory"), 1);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {bucket_is_deleted,
	                              bucket_is_deleted_while_we_are_down,
	                              bucket_is_another,
	                              broker_goes_back,
	                              broker_goes_back_while_we_are_down,
	                              stream_loses_its_end,
	                              stream_loses_its_end_while_we_are_down,
	                              bucket_that_forgets,
	                              bucket_that_forgets_late_enough,
	                              bucket_in_memory,
	                              stream_is_deleted,
	                              stream_is_deleted_while_we_are_down};
	return scenario_run("scenario: loss", tests, sizeof tests / sizeof tests[0]);
}
