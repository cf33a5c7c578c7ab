/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/tombstones.h"

#include <check.h>
#include <nats/nats.h>
#include <stdio.h>

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
}

static void tear_down(void)
{
	kvStore_Destroy(bucket);
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	nats_fixture_end(&nats);
}

static uint64_t messages(void)
{
	jsStreamInfo *info = NULL;
	ck_assert_int_eq(js_GetStreamInfo(&info, js, "KV_records", NULL, NULL), NATS_OK);
	uint64_t count = info->State.Msgs;
	jsStreamInfo_Destroy(info);
	return count;
}

START_TEST(only_markers_go)
{
	char key[16];
	set_up();
	for (int i = 0; i < 30; i++) {
		snprintf(key, sizeof key, "key%d", i);
		ck_assert_int_eq(kvStore_PutString(NULL, bucket, key, "value"), NATS_OK);
		if (i % 3 != 0)
			ck_assert_int_eq(kvStore_Delete(bucket, key), NATS_OK);
	}
	/* One upload begins again. */
	ck_assert_int_eq(kvStore_PutString(NULL, bucket, "key1", "again"), NATS_OK);
	ck_assert_uint_eq(messages(), 30);
	ck_assert_int_eq(tombstones_clear(&store, &address, 0), 19);
	ck_assert_uint_eq(messages(), 11);
	for (int i = 0; i < 30; i++) {
		kvEntry *entry = NULL;
		snprintf(key, sizeof key, "key%d", i);
		ck_assert_int_eq(kvStore_Get(&entry, bucket, key), i % 3 == 0 || i == 1 ? NATS_OK : NATS_NOT_FOUND);
		kvEntry_Destroy(entry);
	}
	ck_assert_int_eq(tombstones_clear(&store, &address, 0), 0);
	tear_down();
}
END_TEST

static uint64_t last_number(void)
{
	jsStreamInfo *info = NULL;
	ck_assert_int_eq(js_GetStreamInfo(&info, js, "KV_records", NULL, NULL), NATS_OK);
	uint64_t last = info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	return last;
}

/* A broker that dies must still know its last sequence, and that there were messages before. */
START_TEST(the_last_of_all_stays)
{
	set_up();
	ck_assert_int_eq(kvStore_PutString(NULL, bucket, "waits", "value"), NATS_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(kvStore_PutString(NULL, bucket, i == 0 ? "one" : "two", "value"), NATS_OK);
		ck_assert_int_eq(kvStore_Delete(bucket, i == 0 ? "one" : "two"), NATS_OK);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(tombstones_clear(&store, &address, 0), 1 - i);
		ck_assert_uint_eq(messages(), 2);
	}
	ck_assert(nats_fixture_kill(&nats));
	ck_assert(nats_fixture_restart(&nats));
	natsConnection *again = NULL;
	ck_assert_int_eq(bus_connect(&again, &address, "test"), NATS_OK);
	jsCtx_Destroy(js);
	ck_assert_int_eq(natsConnection_JetStream(&js, again, NULL), NATS_OK);
	ck_assert_uint_eq(last_number(), 5);
	ck_assert_uint_ge(messages(), 2);
	jsCtx_Destroy(js);
	js = NULL;
	natsConnection_Destroy(again);
	tear_down();
}
END_TEST

START_TEST(young_ones_stay)
{
	set_up();
	ck_assert_int_eq(kvStore_PutString(NULL, bucket, "key", "value"), NATS_OK);
	ck_assert_int_eq(kvStore_Delete(bucket, "key"), NATS_OK);
	ck_assert_int_eq(tombstones_clear(&store, &address, HOUR), 0);
	ck_assert_uint_eq(messages(), 1);
	tear_down();
}
END_TEST

/* A marker as the service writes it, which must be kept until then; 0: it has no such time. */
static void delete_and_keep(const char *key, nanos keep)
{
	char subject[64], until[24];
	natsMsg *message = NULL;
	ck_assert_int_eq(kvStore_PutString(NULL, bucket, key, "value"), NATS_OK);
	snprintf(subject, sizeof subject, "$KV.records.%s", key);
	snprintf(until, sizeof until, "%lld", (long long)keep);
	ck_assert_int_eq(natsMsg_Create(&message, subject, NULL, "", 0), NATS_OK);
	ck_assert_int_eq(natsMsgHeader_Set(message, "KV-Operation", "DEL"), NATS_OK);
	ck_assert_int_eq(natsMsgHeader_Set(message, "Postprocessing-Begun", "12 34"), NATS_OK);
	if (keep != 0)
		ck_assert_int_eq(natsMsgHeader_Set(message, TOMBSTONE_KEEP, until), NATS_OK);
	ck_assert_int_eq(js_PublishMsg(NULL, js, message, NULL, NULL), NATS_OK);
	natsMsg_Destroy(message);
}

/* However old it is, a marker that may still be asked for is kept until then. */
START_TEST(some_stay_for_longer)
{
	kvEntry *entry = NULL;
	set_up();
	delete_and_keep("long", clock_now() + HOUR);
	delete_and_keep("over", clock_now() - 1);
	delete_and_keep("plain", 0);
	delete_and_keep("last", 0);
	ck_assert_int_eq(tombstones_clear(&store, &address, 0), 2);
	ck_assert_uint_eq(messages(), 2);
	ck_assert_int_eq(tombstones_clear(&store, &address, 0), 0);
	natsMsg *message = NULL;
	ck_assert_int_eq(js_GetLastMsg(&message, js, "KV_records", "$KV.records.long", NULL, NULL), NATS_OK);
	natsMsg_Destroy(message);
	ck_assert_int_eq(kvStore_Get(&entry, bucket, "over"), NATS_NOT_FOUND);
	tear_down();
}
END_TEST

START_TEST(without_a_broker)
{
	set_up();
	ck_assert(nats_fixture_halt(&nats));
	ck_assert_int_eq(tombstones_clear(&store, &address, 0), -1);
	/* The thread ends at once, in the middle of its pause. */
	struct tombstones *tombstones =
		tombstones_start(&(struct tombstones_options){.store = &store, .address = &address});
	ck_assert_ptr_nonnull(tombstones);
	tombstones_stop(tombstones);
	tear_down();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {only_markers_go, the_last_of_all_stays, young_ones_stay, some_stay_for_longer,
	                              without_a_broker};
	return suite_run("markers", tests, sizeof tests / sizeof tests[0], 60);
}
