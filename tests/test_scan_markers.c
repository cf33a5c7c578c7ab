/* SPDX-License-Identifier: Apache-2.0
 * Reading the whole bucket. */
#include <check.h>
#include <nats/nats.h>
#include <stdio.h>

#include "core/bus_connect.h"
#include "core/store.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

#define MARKERS 20000

static const struct log quiet = {.fd = -1, .level = LOG_ERROR};
static const struct store store = {.bucket = "records", .log = &quiet};

static void make_bucket(natsConnection *connection)
{
	jsCtx *js = NULL;
	char why[256];
	ck_assert_int_eq(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
	ck_assert(store_prepare((void *)&store, connection, js, why, sizeof why));
	jsCtx_Destroy(js);
}

/* When the broker answers, all that was sent before is stored, too. */
static void put_record(natsConnection *connection, const char *id)
{
	natsMsg *answer = NULL;
	char key[RECORD_KEY_SIZE], subject[RECORD_KEY_SIZE + 32];
	struct text value = {0};
	struct record record = {.upload = upload_create(&(struct upload){.id = id, .filename = "f"}), .owner = "owner"};
	ck_assert_ptr_nonnull(record.upload);
	record.status = (struct status){.outcome = OUTCOME_CONTINUE, .phase = PHASE_CONFIRMING, .due = clock_now(), .transition = 1};
	record_encode(&value, &record);
	record_key(NULL, id, key);
	snprintf(subject, sizeof subject, "$KV.records.%s", key);
	ck_assert_int_eq(natsConnection_Request(&answer, connection, subject, value.data, (int)value.length, 30000), NATS_OK);
	natsMsg_Destroy(answer);
	text_free(&value);
	record_clear(&record);
}

static void put_markers(natsConnection *connection)
{
	for (int i = 0; i < MARKERS; i++) {
		natsMsg *message = NULL;
		char subject[64];
		snprintf(subject, sizeof subject, "$KV.records.gone%d", i);
		ck_assert_int_eq(natsMsg_Create(&message, subject, NULL, "", 0), NATS_OK);
		ck_assert_int_eq(natsMsgHeader_Set(message, "KV-Operation", "DEL"), NATS_OK);
		ck_assert_int_eq(natsConnection_PublishMsg(connection, message), NATS_OK);
		natsMsg_Destroy(message);
	}
}

/* Reads it all; how many records there were. */
static size_t read_all(const struct broker_address *address)
{
	struct mailbox mailbox;
	struct scan scan = {.store = &store, .address = address, .mailbox = &mailbox};
	size_t records = 0;
	ck_assert(mailbox_init(&mailbox));
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
	ck_assert_int_eq(bus_connect(&connection, &address, "test", NULL, NULL, NULL, NULL), NATS_OK);
	make_bucket(connection);
	put_record(connection, "first");
	put_markers(connection);
	put_record(connection, "last");
	ck_assert_uint_eq(read_all(&address), 2);
	natsConnection_Destroy(connection);
	nats_fixture_end(&nats);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {many_markers_do_not_end_it};
	return suite_run("scan: markers", tests, sizeof tests / sizeof tests[0], 120);
}
