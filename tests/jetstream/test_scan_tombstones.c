/* SPDX-License-Identifier: Apache-2.0
 * Reading the whole bucket. */
#include <check.h>
#include <nats/nats.h>
#include <stdio.h>

#include "core/jetstream/store.h"
#include "core/nats/bus_connect.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

#define LARGE 200u
#define MARKERS 20000
/* The number of uploads that are open at a time, of those that come and go. */
#define OPEN 1000
#define BODY 1500

static const struct log quiet = {.fd = -1, .level = LOG_ERROR};
static const struct store store = {.bucket = "records", .log = &quiet};

static void make_bucket(natsConnection *connection)
{
	jsCtx *js = NULL;
	char why[256];
	bool made = false;
	ck_assert_int_eq(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
	ck_assert(store_create(&store, js, &made, why, sizeof why));
	jsCtx_Destroy(js);
}

/* When the broker answers, everything that was sent before is stored. */
static void put_record(natsConnection *connection, const char *id, const char *user)
{
	natsMsg *answer = NULL;
	char key[RECORD_KEY_SIZE], subject[RECORD_KEY_SIZE + 32];
	struct text value = {0};
	struct record record = {.upload = upload_create(&(struct upload){.id = id, .filename = "f", .user_json = user}),
	                        .owner = "owner"};
	ck_assert_ptr_nonnull(record.upload);
	record.status =
		(struct status){.outcome = OUTCOME_CONTINUE, .phase = PHASE_CONFIRMING, .due = clock_now(), .transition = 1};
	record_encode(&value, &record);
	record_key(NULL, id, key);
	snprintf(subject, sizeof subject, "$KV.records.%s", key);
	ck_assert_int_eq(natsConnection_Request(&answer, connection, subject, value.data, (int)value.length, 30000),
	                 NATS_OK);
	natsMsg_Destroy(answer);
	text_free(&value);
	record_clear(&record);
}

static void put_tombstone(natsConnection *connection, int i)
{
	natsMsg *message = NULL;
	char subject[64];
	snprintf(subject, sizeof subject, "$KV.records.gone%d", i);
	ck_assert_int_eq(natsMsg_Create(&message, subject, NULL, "", 0), NATS_OK);
	ck_assert_int_eq(natsMsgHeader_Set(message, "KV-Operation", "DEL"), NATS_OK);
	ck_assert_int_eq(natsConnection_PublishMsg(connection, message), NATS_OK);
	natsMsg_Destroy(message);
}

static void put_tombstones(natsConnection *connection)
{
	for (int i = 0; i < MARKERS; i++)
		put_tombstone(connection, i);
}

/* Each record is written, and deleted some time later. */
static void come_and_go(natsConnection *connection)
{
	char body[BODY], subject[64];
	memset(body, 'x', sizeof body);
	for (int i = 0; i < MARKERS; i++) {
		snprintf(subject, sizeof subject, "$KV.records.gone%d", i);
		ck_assert_int_eq(natsConnection_Publish(connection, subject, body, sizeof body), NATS_OK);
		if (i >= OPEN)
			put_tombstone(connection, i - OPEN);
	}
	for (int i = MARKERS - OPEN; i < MARKERS; i++)
		put_tombstone(connection, i);
}

/* Reads everything; returns the number of records. */
static size_t read_all(const struct broker_address *address)
{
	struct mailbox mailbox;
	struct scan scan = {.store = &store, .address = address, .mailbox = &mailbox};
	size_t records = 0;
	mailbox_init(&mailbox);
	ck_assert(scan_start(&scan));
	for (bool over = false; !over;) {
		struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
		ck_assert_ptr_nonnull(mail);
		for (struct mail *next; mail != NULL; mail = next) {
			next = mail->next;
			over = mail->kind == MAIL_SCAN_DONE;
			if (!over) {
				struct found_records *found = (struct found_records *)(void *)mail;
				records += found->count;
				scan_release(found);
			}
		}
	}
	scan_end(&scan);
	mailbox_destroy(&mailbox);
	ck_assert_msg(!scan.failed, "%s", scan.why);
	return records;
}

START_TEST(many_markers_do_not_end_it)
{
	struct nats_fixture nats;
	natsConnection *connection = NULL;
	ck_assert(nats_fixture_start(&nats, NULL));
	struct broker_address address = {.endpoint = nats.url};
	ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
	make_bucket(connection);
	put_record(connection, "first", NULL);
	put_tombstones(connection);
	put_record(connection, "last", NULL);
	ck_assert_uint_eq(read_all(&address), 2);
	natsConnection_Destroy(connection);
	nats_fixture_end(&nats);
}
END_TEST

/* When keys were written again, nats-server 2.9.10 reports a few more pending messages than there are. Waiting for
 * them would last until a request expires; instead, the consumer's state is requested. */
START_TEST(what_was_replaced_is_not_waited_for)
{
	struct nats_fixture nats;
	natsConnection *connection = NULL;
	natsSubscription *asked = NULL;
	natsMsg *question = NULL;
	ck_assert(nats_fixture_start(&nats, NULL));
	struct broker_address address = {.endpoint = nats.url};
	ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
	make_bucket(connection);
	come_and_go(connection);
	put_record(connection, "last", NULL);
	ck_assert_int_eq(natsConnection_SubscribeSync(&asked, connection, "$JS.API.CONSUMER.INFO.>"), NATS_OK);
	ck_assert_uint_eq(read_all(&address), 1);
	ck_assert_int_eq(natsConnection_Flush(connection), NATS_OK);
	ck_assert_int_eq(natsSubscription_NextMsg(&question, asked, 0), NATS_TIMEOUT);
	natsSubscription_Destroy(asked);
	natsConnection_Destroy(connection);
	nats_fixture_end(&nats);
}
END_TEST

/* More bytes than a broker keeps for a slow client. */
START_TEST(large_records)
{
	struct nats_fixture nats;
	natsConnection *connection = NULL;
	size_t size = 400000;
	char *user = malloc(size + 3), id[16];
	ck_assert_ptr_nonnull(user);
	memset(user, 'x', size + 2);
	user[0] = user[size + 1] = '"';
	user[size + 2] = '\0';
	ck_assert(nats_fixture_start(&nats, NULL));
	struct broker_address address = {.endpoint = nats.url};
	ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
	make_bucket(connection);
	for (unsigned i = 0; i < LARGE; i++) {
		snprintf(id, sizeof id, "large-%u", i);
		put_record(connection, id, user);
	}
	ck_assert_uint_eq(read_all(&address), LARGE);
	natsConnection_Destroy(connection);
	nats_fixture_end(&nats);
	free(user);
}
END_TEST

/* A stop does not wait for a silent broker. */
START_TEST(ends_early)
{
	struct nats_fixture nats;
	natsConnection *connection = NULL;
	struct mailbox mailbox;
	ck_assert(nats_fixture_start(&nats, NULL));
	struct broker_address address = {.endpoint = nats.url};
	ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
	make_bucket(connection);
	put_record(connection, "one", NULL);
	natsConnection_Destroy(connection);
	struct scan scan = {.store = &store, .address = &address, .mailbox = &mailbox};
	mailbox_init(&mailbox);
	ck_assert(nats_fixture_pause(&nats));
	ck_assert(scan_start(&scan));
	scan_stop(&scan);
	struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
	ck_assert(mail != NULL && mail->kind == MAIL_SCAN_DONE);
	ck_assert(scan.failed);
	scan_end(&scan);
	mailbox_destroy(&mailbox);
	ck_assert(nats_fixture_resume(&nats));
	nats_fixture_end(&nats);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {many_markers_do_not_end_it, what_was_replaced_is_not_waited_for, large_records,
	                              ends_early};
	return suite_run("scan: markers", tests, sizeof tests / sizeof tests[0], 120);
}
