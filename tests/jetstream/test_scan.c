/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <limits.h>
#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

#include "core/jetstream/store.h"
#include "core/nats/bus_connect.h"
#include "tests/harness/fixture_cluster.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

#define ROUNDS 3
#define RECORDS 20000u
/* The cluster chooses which broker answers with the list. */
#define SCANS 2

static struct nats_cluster cluster;
static natsConnection *connection;
static jsCtx *js;
static const struct log quiet = {.fd = -1, .level = LOG_ERROR};
static const struct store store = {.bucket = "records", .log = &quiet};

static bool make_bucket(int replicas)
{
	kvConfig config;
	kvStore *bucket = NULL;
	kvConfig_Init(&config);
	config.Bucket = store.bucket;
	config.History = 1;
	config.StorageType = js_FileStorage;
	config.Replicas = replicas;
	natsStatus status = js_CreateKeyValue(&bucket, js, &config);
	kvStore_Destroy(bucket);
	return status == NATS_OK;
}

static bool is_made(void *closure)
{
	(void)closure;
	return make_bucket(CLUSTER_SERVERS);
}

/* A broker that does not lead the bucket. */
static struct nats_fixture *find_follower(void)
{
	jsStreamInfo *info = NULL;
	unsigned follower = 0;
	ck_assert_int_eq(js_GetStreamInfo(&info, js, "KV_records", NULL, NULL), NATS_OK);
	for (unsigned i = 1; i < CLUSTER_SERVERS; i++)
		if (info->Cluster->Leader != NULL && strcmp(info->Cluster->Leader, cluster.name[i]) != 0)
			follower = i;
	jsStreamInfo_Destroy(info);
	return &cluster.server[follower];
}

static void write_records(unsigned first, unsigned count)
{
	char id[16], subject[64];
	struct text value = {0};
	for (unsigned i = first; i < first + count; i++) {
		snprintf(id, sizeof id, "u%u", i);
		snprintf(subject, sizeof subject, "$KV.records.%s", id);
		struct record record = {
			.upload = upload_create(&(struct upload){.id = id, .step = (const char *[]){"delay"}, .step_count = 1}),
			.status = {.phase = PHASE_WAITING, .due = HOUR, .transition = 1}};
		ck_assert_ptr_nonnull(record.upload);
		text_clear(&value);
		record_encode(&value, &record);
		ck_assert(!value.failed);
		ck_assert_int_eq(js_PublishAsync(js, subject, value.data, (int)value.length, NULL), NATS_OK);
		record_clear(&record);
	}
	text_free(&value);
	ck_assert_int_eq(js_PublishAsyncComplete(js, &(jsPubOptions){.MaxWait = 30000}), NATS_OK);
}

#define FAILED UINT_MAX

/* Returns how many records a scan finds; FAILED: it reports a failure. */
static unsigned count_records(const struct broker_address *address)
{
	struct mailbox mailbox;
	struct scan scan = {.store = &store, .address = address, .mailbox = &mailbox};
	unsigned count = 0;
	mailbox_init(&mailbox);
	ck_assert(scan_start(&scan));
	for (bool over = false; !over;) {
		for (struct mail *mail = mailbox_receive(&mailbox, SECOND), *next; mail != NULL; mail = next) {
			next = mail->next;
			over = over || mail->kind == MAIL_SCAN_DONE;
			if (mail->kind != MAIL_RECORDS)
				continue;
			struct found_records *found = (struct found_records *)(void *)mail;
			count += (unsigned)found->count;
			scan_release(found);
		}
	}
	scan_end(&scan);
	mailbox_destroy(&mailbox);
	return scan.failed ? FAILED : count;
}

START_TEST(a_broker_that_lags_hides_no_record)
{
	unsigned complete = 0;
	ck_assert(nats_cluster_start(&cluster, false));
	struct broker_address address = {.endpoint = cluster.server[0].url};
	ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
	ck_assert_int_eq(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
	ck_assert_msg(wait_until(is_made, NULL, TEST_LIMIT), "the cluster does not create the bucket");
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct nats_fixture *follower = find_follower();
		ck_assert(nats_fixture_kill(follower));
		write_records(round * RECORDS, RECORDS);
		ck_assert(nats_fixture_restart(follower));
		for (unsigned i = 0; i < SCANS; i++) {
			unsigned count = count_records(&address);
			ck_assert_msg(count >= (round + 1) * RECORDS, "round %u: %u records", round, count);
			complete += count != FAILED;
		}
	}
	ck_assert_uint_gt(complete, 0);
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	nats_cluster_end(&cluster);
}
END_TEST

/* The markers of ended uploads are purged after an hour, even the one that was written last. */
START_TEST(what_is_gone_hides_no_record)
{
	struct nats_fixture nats;
	ck_assert(nats_fixture_start(&nats, NULL));
	struct broker_address address = {.endpoint = nats.url};
	ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
	ck_assert_int_eq(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
	ck_assert(make_bucket(1));
	write_records(0, 10);
	for (unsigned left = 9; left < 10; left--) {
		char subject[64];
		jsOptions options;
		jsOptions_Init(&options);
		snprintf(subject, sizeof subject, "$KV.records.u%u", left);
		options.Stream.Purge.Subject = subject;
		ck_assert_int_eq(js_PurgeStream(js, "KV_records", &options, NULL), NATS_OK);
		ck_assert_uint_eq(count_records(&address), left);
	}
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	nats_fixture_end(&nats);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {what_is_gone_hides_no_record, a_broker_that_lags_hides_no_record};
	return suite_run("scan", tests, sizeof tests / sizeof tests[0], 120);
}
