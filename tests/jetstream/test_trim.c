/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/trim.h"

#include <check.h>
#include <nats/nats.h>

#include "core/nats/bus_connect.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/suite.h"

static struct nats_fixture nats;
static natsConnection *connection;
static jsCtx *js;

static void set_up(unsigned messages)
{
	jsStreamConfig stream;
	ck_assert(nats_fixture_start(&nats, NULL));
	struct broker_address address = {.endpoint = nats.url};
	ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
	ck_assert_int_eq(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
	jsStreamConfig_Init(&stream);
	stream.Name = "main-queue";
	ck_assert_int_eq(js_AddStream(NULL, js, &stream, NULL, NULL), NATS_OK);
	for (unsigned i = 0; i < messages; i++)
		ck_assert_int_eq(js_Publish(NULL, js, "main-queue", "{}", 2, NULL, NULL), NATS_OK);
}

static void tear_down(void)
{
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	nats_fixture_end(&nats);
}

/* Trims, and expects that these messages are left. */
static void check_trimmed(uint64_t applied, nanos before, uint64_t first, uint64_t count)
{
	jsStreamInfo *info = NULL;
	ck_assert_int_eq(trim_events(js, applied, before), NATS_OK);
	ck_assert_int_eq(js_GetStreamInfo(&info, js, "main-queue", NULL, NULL), NATS_OK);
	ck_assert_uint_eq(info->State.FirstSeq, first);
	ck_assert_uint_eq(info->State.Msgs, count);
	jsStreamInfo_Destroy(info);
}

static nanos time_of(uint64_t sequence)
{
	natsMsg *message = NULL;
	ck_assert_int_eq(js_GetMsg(&message, js, "main-queue", sequence, NULL, NULL), NATS_OK);
	nanos time = natsMsg_GetTime(message);
	natsMsg_Destroy(message);
	return time;
}

START_TEST(only_old_and_handled_events)
{
	set_up(10);
	check_trimmed(10, clock_now() - HOUR, 1, 10);
	check_trimmed(0, clock_now() + HOUR, 1, 10);
	check_trimmed(10, time_of(4), 4, 7);
	check_trimmed(6, clock_now() + HOUR, 7, 4);
	ck_assert_int_eq(js_DeleteMsg(js, "main-queue", 8, NULL, NULL), NATS_OK);
	check_trimmed(8, clock_now() + HOUR, 9, 2);
	tear_down();
}
END_TEST

/* A broker that dies must still know its last sequence. */
START_TEST(the_last_of_all_stays)
{
	set_up(3);
	check_trimmed(3, clock_now() + HOUR, 3, 1);
	check_trimmed(3, clock_now() + HOUR, 3, 1);
	check_trimmed(1000, clock_now() + HOUR, 3, 1);
	tear_down();
}
END_TEST

START_TEST(an_empty_one)
{
	set_up(0);
	check_trimmed(0, clock_now() + HOUR, 0, 0);
	check_trimmed(5, clock_now() + HOUR, 0, 0);
	tear_down();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {only_old_and_handled_events, the_last_of_all_stays, an_empty_one};
	return suite_run("trim", tests, sizeof tests / sizeof tests[0], 60);
}
