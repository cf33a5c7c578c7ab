/* SPDX-License-Identifier: Apache-2.0
 * Tests of the attack's proxy: it does to a connection what it claims to do. */
#include <check.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/suite.h"
#include "tests/torture/torture.h"

static struct nats_fixture nats;
static struct proxy *proxy;
static struct ledger *ledger;
static natsConnection *connection;
static jsCtx *js;

START_TEST(a_frame_is_read_whole_or_not_at_all)
{
	static const char bytes[] = "HPUB $KV.a _INBOX.b 24 29\r\nNATS/1.0\r\nName: v x \r\n\r\n{\r\n}!\r\nPING\r\n";
	const size_t first = sizeof bytes - 1 - strlen("PING\r\n");
	struct frame frame;
	char value[16];
	for (size_t i = 0; i < first; i++)
		ck_assert_int_eq(frame_read(bytes, i, &frame), FRAMING_PART);
	ck_assert_int_eq(frame_read(bytes, sizeof bytes - 1, &frame), FRAMING_WHOLE);
	ck_assert_uint_eq(frame.size, first);
	ck_assert(frame.carries);
	ck_assert_str_eq(frame.subject, "$KV.a");
	ck_assert_str_eq(frame.reply, "_INBOX.b");
	ck_assert_uint_eq(frame.length, 5);
	ck_assert_int_eq(memcmp(frame.payload, "{\r\n}!", 5), 0);
	ck_assert(frame_header(&frame, "Name", value, sizeof value));
	ck_assert_str_eq(value, "v x");
	ck_assert(!frame_header(&frame, "Nam", value, sizeof value));
	ck_assert_int_eq(frame_read(bytes + first, 6, &frame), FRAMING_WHOLE);
	ck_assert(!frame.carries);
	ck_assert_uint_eq(frame.size, 6);
	ck_assert_int_eq(frame_read("MSG a\r\n", 7, &frame), FRAMING_WRONG);
	ck_assert_int_eq(frame_read("MSG a 1 0\r\n\r\n", 13, &frame), FRAMING_WHOLE);
	ck_assert_str_eq(frame.reply, "");
}
END_TEST

static void set_up(void)
{
	char endpoint[PROXY_ENDPOINT_SIZE], url[PROXY_ENDPOINT_SIZE + 8];
	natsOptions *options = NULL;
	jsStreamConfig stream;
	ck_assert(nats_fixture_start(&nats, NULL));
	ledger = ledger_create(1);
	proxy = proxy_create(PROXY_LOOPBACK, &nats.port, 1, ledger, 1);
	proxy_endpoint(proxy, 0, endpoint);
	snprintf(url, sizeof url, "nats://%s", endpoint);
	ck_assert_int_eq(natsOptions_Create(&options), NATS_OK);
	ck_assert_int_eq(natsOptions_SetURL(options, url), NATS_OK);
	ck_assert_int_eq(natsOptions_SetMaxReconnect(options, -1), NATS_OK);
	ck_assert_int_eq(natsOptions_SetReconnectWait(options, 20), NATS_OK);
	ck_assert_int_eq(natsConnection_Connect(&connection, options), NATS_OK);
	natsOptions_Destroy(options);
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
	proxy_destroy(proxy);
	ledger_free(ledger);
	nats_fixture_end(&nats);
}

static natsStatus publish(int64_t wait)
{
	jsPubOptions options;
	jsPubOptions_Init(&options);
	options.MaxWait = wait;
	return js_Publish(NULL, js, "main-queue", "hello", 5, &options, NULL);
}

static bool is_published(void *closure)
{
	(void)closure;
	return publish(500) == NATS_OK;
}

/* The number of messages in the stream, asked without the proxy. */
static uint64_t count_stored(void)
{
	natsConnection *direct = NULL;
	jsCtx *context = NULL;
	jsStreamInfo *info = NULL;
	ck_assert_int_eq(natsConnection_ConnectTo(&direct, nats.url), NATS_OK);
	ck_assert_int_eq(natsConnection_JetStream(&context, direct, NULL), NATS_OK);
	ck_assert_int_eq(js_GetStreamInfo(&info, context, "main-queue", NULL, NULL), NATS_OK);
	uint64_t count = info->State.Msgs;
	jsStreamInfo_Destroy(info);
	jsCtx_Destroy(context);
	natsConnection_Destroy(direct);
	return count;
}

START_TEST(a_partition_holds_everything_back)
{
	set_up();
	ck_assert_int_eq(publish(5000), NATS_OK);
	proxy_take(proxy, 0)->hole = true;
	proxy_give_back(proxy);
	ck_assert_int_eq(publish(200), NATS_TIMEOUT);
	ck_assert_uint_eq(count_stored(), 1);
	proxy_take(proxy, 0)->hole = false;
	proxy_give_back(proxy);
	ck_assert(wait_until(is_published, NULL, TEST_LIMIT));
	ck_assert_uint_eq(count_stored(), 3); /* what was in progress has arrived */
	tear_down();
}
END_TEST

START_TEST(a_frame_cut_in_two_is_dropped)
{
	set_up();
	proxy_take(proxy, 0)->cut = true;
	proxy_give_back(proxy);
	ck_assert_int_ne(publish(500), NATS_OK);
	ck_assert_uint_eq(count_stored(), 0);
	ck_assert(wait_until(is_published, NULL, TEST_LIMIT));
	ck_assert_uint_eq(proxy_take(proxy, 0)->cuts, 1);
	proxy_give_back(proxy);
	tear_down();
}
END_TEST

START_TEST(frames_in_pieces_are_the_same_frames)
{
	char *payload = malloc(20000);
	natsMsg *message = NULL;
	set_up();
	ck_assert_ptr_nonnull(payload);
	for (size_t i = 0; i < 20000; i++)
		payload[i] = (char)i;
	proxy_take(proxy, 0)->pieces = true;
	proxy_give_back(proxy);
	ck_assert_int_eq(js_Publish(NULL, js, "main-queue", payload, 20000, NULL, NULL), NATS_OK);
	ck_assert_int_eq(js_GetMsg(&message, js, "main-queue", 1, NULL, NULL), NATS_OK);
	ck_assert_int_eq(natsMsg_GetDataLength(message), 20000);
	ck_assert_int_eq(memcmp(natsMsg_GetData(message), payload, 20000), 0);
	natsMsg_Destroy(message);
	free(payload);
	tear_down();
}
END_TEST

/* A process dies at a publish; the trap decides whether that reaches the stream. */
START_TEST(a_trap_kills_at_its_frame)
{
	const char *const argv[] = {"cat", NULL};
	struct process process;
	set_up();
	for (unsigned withhold = 0; withhold < 2; withhold++) {
		ck_assert(process_start(&process, &(struct process_options){.argv = argv, .pipe_in = true}));
		struct gate *gate = proxy_take(proxy, 0);
		gate->pid = process.pid;
		gate->trap = (struct trap){.set = true, .point = POINT_PUBLISH, .withhold = withhold == 1, .skip = 1};
		proxy_give_back(proxy);
		ck_assert(wait_until(is_published, NULL, TEST_LIMIT));
		ck_assert(!process_wait(&process, 0));
		ck_assert_int_ne(publish(500), NATS_OK);
		ck_assert(process_wait(&process, TEST_LIMIT));
		ck_assert_int_eq(process.status, 128 + SIGKILL);
		gate = proxy_take(proxy, 0);
		ck_assert(gate->sprung && gate->pid == 0 && !gate->trap.set);
		gate->sprung = false;
		proxy_give_back(proxy);
		ck_assert_uint_eq(count_stored(), withhold == 0 ? 2 : 3);
		process_end(&process);
	}
	tear_down();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_frame_is_read_whole_or_not_at_all, a_partition_holds_everything_back,
	                              a_frame_cut_in_two_is_dropped, frames_in_pieces_are_the_same_frames,
	                              a_trap_kills_at_its_frame};
	return suite_run("proxy", tests, sizeof tests / sizeof tests[0], 60);
}
