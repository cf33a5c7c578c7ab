/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/retention.h"

#include <check.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/nats/bus_connect.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/suite.h"

static struct nats_fixture nats;
static struct broker_address address;
static natsConnection *connection;
static jsCtx *js;
static kvStore *bucket;
static const struct log quiet = {.fd = -1, .level = LOG_ERROR};
static const struct store store = {.bucket = "records", .log = &quiet};
static struct retention retention;

static void set_up(void)
{
	kvConfig config;
	ck_assert(nats_fixture_start(&nats, NULL));
	address = (struct broker_address){.endpoint = nats.url};
	ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
	ck_assert_int_eq(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
	kvConfig_Init(&config);
	config.Bucket = store.bucket;
	config.History = 1;
	ck_assert_int_eq(js_CreateKeyValue(&bucket, js, &config), NATS_OK);
	retention = (struct retention){.store = &store};
}

static void tear_down(void)
{
	retention_free(&retention);
	kvStore_Destroy(bucket);
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	nats_fixture_end(&nats);
}

/* Writes a record in this phase; returns its revision. */
static uint64_t put(const char *id, enum phase phase)
{
	static const char *const steps[] = {"scan"};
	bool over = phase == PHASE_ENDED || phase == PHASE_UNCONFIRMED || phase == PHASE_CONFIRMING;
	struct record record = {.owner = "o", .writer = "w"};
	struct text value = {0};
	char key[RECORD_KEY_SIZE];
	uint64_t revision;
	record.upload = upload_create(&(struct upload){.id = id, .step = steps, .step_count = 1});
	record.status = (struct status){.step = over,
	                                .phase = phase,
	                                .outcome = over ? OUTCOME_ABORT : OUTCOME_NONE,
	                                .transition = 3,
	                                .begun = 77,
	                                .stream = 4711,
	                                .due = phase == PHASE_ENDED || phase == PHASE_UNCONFIRMED ? 0 : 1};
	record_encode(&value, &record);
	record_key(NULL, id, key);
	ck_assert_int_eq(kvStore_Put(&revision, bucket, key, value.data, (int)value.length), NATS_OK);
	text_free(&value);
	record_clear(&record);
	return revision;
}

static bool is_there(const char *id)
{
	char key[RECORD_KEY_SIZE];
	kvEntry *entry = NULL;
	record_key(NULL, id, key);
	natsStatus status = kvStore_Get(&entry, bucket, key);
	kvEntry_Destroy(entry);
	return status == NATS_OK;
}

static bool go_on(void *closure)
{
	unsigned *paused = closure;
	++*paused;
	return true;
}

static natsStatus collect(void *closure, natsMsg *message, const struct bus_position *position)
{
	return store_is_tombstone(message) ? NATS_OK : retention_collect(closure, message, position);
}

static natsStatus apply_with(bool (*pause)(void *closure), void *closure, size_t *removed)
{
	struct stream_reader reader;
	char why[BUS_FAULT_SIZE];
	store_reader_init(&store, &reader);
	reader.config.HeadersOnly = true;
	reader.take = collect;
	reader.closure = &retention;
	*removed = 0;
	natsStatus status = stream_reader_open(&reader, &address, "test");
	if (status == NATS_OK)
		status = stream_read(&reader);
	natsStatus applied = retention_apply(&retention, status == NATS_OK ? reader.js : NULL, pause, closure, removed);
	stream_reader_close(&reader, status, &(struct permission_scope){0}, why);
	return status == NATS_OK ? applied : status;
}

/* Returns the number of removed records; `paused`: the number of records read. */
static size_t apply(unsigned *paused)
{
	size_t removed;
	*paused = 0;
	ck_assert_int_eq(apply_with(go_on, paused, &removed), NATS_OK);
	return removed;
}

START_TEST(only_what_has_ended_goes)
{
	unsigned read;
	set_up();
	put("ended", PHASE_ENDED);
	put("queued", PHASE_QUEUED);
	put("waits", PHASE_WAITING);
	put("told", PHASE_CONFIRMING);
	put("untold", PHASE_UNCONFIRMED);
	put("deleted", PHASE_ENDED);
	char key[RECORD_KEY_SIZE];
	record_key(NULL, "deleted", key);
	ck_assert_int_eq(kvStore_Delete(bucket, key), NATS_OK);
	ck_assert_int_eq(kvStore_PutString(NULL, bucket, "nonsense", "x"), NATS_OK);
	/* No record is old enough. */
	retention.age = HOUR;
	ck_assert_uint_eq(apply(&read), 0);
	ck_assert_uint_eq(read, 0);
	ck_assert(is_there("ended"));
	retention.age = 0;
	ck_assert_uint_eq(apply(&read), 1);
	ck_assert_uint_eq(read, 6);
	ck_assert(!is_there("ended"));
	ck_assert(is_there("queued") && is_there("waits") && is_there("told") && is_there("untold"));
	/* An unfinished record is not read again before it is written. */
	ck_assert_uint_eq(apply(&read), 0);
	ck_assert_uint_eq(read, 0);
	put("waits", PHASE_ENDED);
	ck_assert_uint_eq(apply(&read), 1);
	ck_assert_uint_eq(read, 1);
	ck_assert(!is_there("waits"));
	ck_assert_uint_eq(retention.unended.count, 4);
	tear_down();
}
END_TEST

/* The marker names the event that had begun the upload, as after every other end. */
START_TEST(a_marker_is_left)
{
	unsigned read;
	char key[RECORD_KEY_SIZE], subject[RECORD_KEY_SIZE + 32];
	const char *value = NULL;
	natsMsg *message = NULL;
	set_up();
	put("ended", PHASE_ENDED);
	ck_assert_uint_eq(apply(&read), 1);
	record_key(NULL, "ended", key);
	snprintf(subject, sizeof subject, "$KV.records.%s", key);
	ck_assert_int_eq(js_GetLastMsg(&message, js, "KV_records", subject, NULL, NULL), NATS_OK);
	ck_assert_int_eq(natsMsgHeader_Get(message, "KV-Operation", &value), NATS_OK);
	ck_assert_str_eq(value, "DEL");
	ck_assert_int_eq(natsMsgHeader_Get(message, "Postprocessing-Begun", &value), NATS_OK);
	ck_assert_str_eq(value, "77 4711");
	natsMsg_Destroy(message);
	tear_down();
}
END_TEST

static bool begin_again(void *closure)
{
	put(closure, PHASE_QUEUED);
	return true;
}

/* Between the reading and the removal an upload may begin again. */
START_TEST(what_was_written_since_stays)
{
	size_t removed;
	bool gone;
	char key[RECORD_KEY_SIZE];
	set_up();
	put("first", PHASE_ENDED);
	put("second", PHASE_ENDED);
	/* "second" is written after "first" was removed, and before it is read itself. */
	ck_assert_int_eq(apply_with(begin_again, (void *)(uintptr_t) "second", &removed), NATS_OK);
	ck_assert_uint_eq(removed, 1);
	ck_assert(is_there("second"));
	/* The broker also refuses a revision that is no longer the last one. */
	uint64_t revision = put("third", PHASE_ENDED);
	put("third", PHASE_QUEUED);
	record_key(NULL, "third", key);
	ck_assert_int_eq(store_expire(&store, js, key, revision, &(struct status){.begun = 1}, &gone), NATS_OK);
	ck_assert(!gone);
	ck_assert(is_there("third"));
	tear_down();
}
END_TEST

static bool stop(void *closure)
{
	(void)closure;
	return false;
}

START_TEST(it_stops_when_it_is_to)
{
	size_t removed;
	set_up();
	put("a", PHASE_ENDED);
	put("b", PHASE_ENDED);
	ck_assert_int_eq(apply_with(stop, NULL, &removed), NATS_OK);
	ck_assert_uint_eq(removed, 1);
	ck_assert(nats_fixture_kill(&nats));
	ck_assert_int_ne(apply_with(stop, NULL, &removed), NATS_OK);
	ck_assert_uint_eq(removed, 0);
	tear_down();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {only_what_has_ended_goes, a_marker_is_left, what_was_written_since_stays,
	                              it_stops_when_it_is_to};
	return suite_run("retention", tests, sizeof tests / sizeof tests[0], 60);
}
