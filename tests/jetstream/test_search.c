/* SPDX-License-Identifier: Apache-2.0
 * Searching the stream of a real broker. */
#include "core/jetstream/search.h"

#include <check.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/nats/bus_connect.h"
#include "core/upload/event.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

static struct nats_fixture nats;
static struct broker_address address;
static natsConnection *connection;
static jsCtx *js;
static struct mailbox mailbox;

static void set_up(void)
{
	jsStreamConfig stream;
	mailbox_init(&mailbox);
	ck_assert(nats_fixture_start(&nats, NULL));
	address = (struct broker_address){.endpoint = nats.url};
	ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
	ck_assert_int_eq(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
	jsStreamConfig_Init(&stream);
	stream.Name = "main-queue";
	stream.Subjects = (const char *[]){"main-queue"};
	stream.SubjectsLen = 1;
	ck_assert_int_eq(js_AddStream(NULL, js, &stream, NULL, NULL), NATS_OK);
}

static void tear_down(void)
{
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	nats_fixture_end(&nats);
	mailbox_destroy(&mailbox);
}

static void publish(const char *id)
{
	jsPubOptions options;
	jsPubOptions_Init(&options);
	options.MsgId = id;
	ck_assert_int_eq(js_PublishAsync(js, "main-queue", "{}", 2, &options), NATS_OK);
}

static void publish_many(const char *prefix, unsigned count)
{
	char id[32];
	jsPubOptions options;
	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof id, "%s-%u", prefix, i);
		publish(id);
	}
	jsPubOptions_Init(&options);
	options.MaxWait = 20000;
	ck_assert_int_eq(js_PublishAsyncComplete(js, &options), NATS_OK);
}

static void ask(struct mail **lookups, const char *id, nanos since)
{
	struct lookup *lookup = lookup_create(id, since, NULL);
	ck_assert_ptr_nonnull(lookup);
	lookup->mail.next = *lookups;
	*lookups = &lookup->mail;
}

/* Reads the stream; sets `present` and `absent` to the number of lookups with that answer. */
static void search(struct mail *lookups, size_t *present, size_t *absent)
{
	struct search all = {.address = &address, .mailbox = &mailbox};
	bool over = false;
	*present = *absent = 0;
	ck_assert(search_start(&all, lookups));
	while (!over) {
		struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
		ck_assert_ptr_nonnull(mail);
		for (struct mail *next; mail != NULL; mail = next) {
			next = mail->next;
			over = mail->kind == MAIL_SEARCH_DONE;
			if (over)
				break;
			struct lookup *lookup = (struct lookup *)(void *)mail;
			*present += lookup->result == LOOKUP_PRESENT;
			*absent += lookup->result == LOOKUP_ABSENT;
			free(lookup);
		}
	}
	search_end(&all);
}

START_TEST(finds_what_is_there)
{
	struct mail *lookups = NULL;
	size_t present, absent;
	set_up();
	/* The stream is empty. */
	ask(&lookups, "first-0", clock_now());
	search(lookups, &present, &absent);
	ck_assert(present == 0 && absent == 1);
	publish_many("first", 500);
	lookups = NULL;
	ask(&lookups, "first-0", clock_now() - MINUTE);
	ask(&lookups, "first-499", clock_now() - MINUTE);
	ask(&lookups, "first-500", clock_now() - MINUTE);
	ask(&lookups, "irst-4", clock_now() - MINUTE);
	search(lookups, &present, &absent);
	ck_assert(present == 2 && absent == 2);
	/* Times at which it cannot be are not searched, as far as the clocks agree. */
	lookups = NULL;
	ask(&lookups, "first-1", clock_now() + HOUR);
	search(lookups, &present, &absent);
	ck_assert(present == 0 && absent == 1);
	tear_down();
}
END_TEST

/* A removed message counts as absent; messages before it are found. */
START_TEST(finds_it_before_what_is_gone)
{
	struct mail *lookups = NULL;
	size_t present, absent;
	set_up();
	publish_many("first", 10);
	for (uint64_t i = 5; i <= 10; i++)
		ck_assert_int_eq(js_DeleteMsg(js, "main-queue", i, NULL, NULL), NATS_OK);
	ask(&lookups, "first-3", clock_now() - MINUTE);
	ask(&lookups, "first-4", clock_now() - MINUTE);
	search(lookups, &present, &absent);
	ck_assert(present == 1 && absent == 1);
	tear_down();
}
END_TEST

static uint64_t publish_restart(const char *upload)
{
	struct text message = {0};
	jsPubAck *ack = NULL;
	event_encode_restart(&message, upload, clock_now());
	ck_assert_int_eq(js_Publish(&ack, js, "main-queue", message.data, (int)message.length, NULL, NULL), NATS_OK);
	uint64_t sequence = ack->Sequence;
	jsPubAck_Destroy(ack);
	text_free(&message);
	return sequence;
}

static void ask_restart(struct mail **lookups, const char *upload, uint64_t after, uint64_t before)
{
	struct lookup *lookup = lookup_create_restart(upload, after, before, NULL);
	ck_assert_ptr_nonnull(lookup);
	lookup->mail.next = *lookups;
	*lookups = &lookup->mail;
}

/* Between two messages, and for this upload. */
START_TEST(finds_a_restart)
{
	struct mail *lookups = NULL;
	size_t present, absent;
	set_up();
	publish_many("first", 100);
	uint64_t at = publish_restart("u");
	publish_many("second", 100);
	ck_assert_uint_eq(at, 101);
	ask_restart(&lookups, "u", 50, 150);
	ask_restart(&lookups, "u", 100, 102);
	ask_restart(&lookups, "u", 0, 1000);
	search(lookups, &present, &absent);
	ck_assert(present == 3 && absent == 0);
	lookups = NULL;
	ask_restart(&lookups, "u", 101, 201);
	ask_restart(&lookups, "u", 1, 101);
	ask_restart(&lookups, "v", 1, 201);
	ask_restart(&lookups, "u", 5, 6);
	ask_restart(&lookups, "u", 500, 600);
	search(lookups, &present, &absent);
	ck_assert(present == 0 && absent == 5);
	/* Together with lookups by ID. */
	lookups = NULL;
	ask_restart(&lookups, "u", 50, 150);
	ask(&lookups, "second-7", clock_now() - MINUTE);
	ask(&lookups, "u", clock_now() - MINUTE);
	ask_restart(&lookups, "second-7", 50, 150);
	search(lookups, &present, &absent);
	ck_assert(present == 2 && absent == 2);
	/* A message that was removed from the stream is absent, whatever is around it. */
	for (uint64_t i = 95; i <= 201; i++)
		ck_assert_int_eq(js_DeleteMsg(js, "main-queue", i, NULL, NULL), NATS_OK);
	lookups = NULL;
	ask_restart(&lookups, "u", 50, 150);
	search(lookups, &present, &absent);
	ck_assert(present == 0 && absent == 1);
	tear_down();
}
END_TEST

/* Many lookups need one reading. */
START_TEST(a_thousand_at_once)
{
	char id[32];
	struct mail *lookups = NULL;
	size_t present, absent;
	set_up();
	publish_many("many", 20000);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(id, sizeof id, "many-%u", 19000 + 2 * i);
		ask(&lookups, id, clock_now() - MINUTE);
	}
	search(lookups, &present, &absent);
	ck_assert(present == 500 && absent == 500);
	tear_down();
}
END_TEST

/* Without the broker the answer is unknown. */
START_TEST(without_a_broker)
{
	struct mail *lookups = NULL;
	size_t present, absent;
	set_up();
	ck_assert(nats_fixture_halt(&nats));
	ask(&lookups, "id", clock_now());
	search(lookups, &present, &absent);
	ck_assert(present == 0 && absent == 0);
	tear_down();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {finds_what_is_there, finds_it_before_what_is_gone, finds_a_restart,
	                              a_thousand_at_once, without_a_broker};
	return suite_run("search", tests, sizeof tests / sizeof tests[0], 60);
}
