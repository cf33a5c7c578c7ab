/* SPDX-License-Identifier: Apache-2.0
 * The reading and writing of a bus, on a real nats-server: buffered messages are sent completely and in order,
 * whatever happens to the connection meanwhile. */
#include <check.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/jetstream/intake.h"
#include "core/nats/bus.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/limits.h"

#define REQUESTS 4000
#define LARGE 8192

static struct nats_fixture nats;
static struct broker_address address;
static struct log quiet;
static struct intake intake;
static struct mailbox mailbox;
static struct bus *bus;
static struct request *request;
static char endpoint[64];
static bool fell;  /* the connection was lost */
static bool stays; /* the last change says only that the bus was prepared again */

/* Counts answers until there are `wanted`, or until the bus reports that it is up (or down). */
static size_t receive(size_t wanted, const bool *until_up)
{
	nanos limit = clock_monotonic() + TEST_LIMIT;
	size_t done = 0;
	bool seen = false;
	while ((wanted > 0 ? done < wanted : !seen) && clock_monotonic() < limit) {
		struct mail *mail = mailbox_receive(&mailbox, SECOND);
		while (mail != NULL) {
			struct mail *next = mail->next;
			if (mail->kind == MAIL_REPLY) {
				done += ((struct request *)(void *)mail)->status == REQUEST_DONE;
			} else if (mail->kind == MAIL_BUS) {
				stays = bus_stays_up(bus, (struct bus_change *)(void *)mail);
				bool up = bus_changed(bus, (struct bus_change *)(void *)mail);
				fell = fell || !up;
				seen = seen || (until_up != NULL && *until_up == up);
			} else if (mail->kind == MAIL_DELIVERY) {
				delivery_free((struct delivery *)(void *)mail);
			}
			mail = next;
		}
	}
	return wanted > 0 ? done : seen;
}

static bool wait_for(bool up)
{
	return receive(0, &up) == 1;
}

static void publish(size_t count, size_t size, size_t each)
{
	static char payload[LARGE];
	memset(payload, 'x', sizeof payload);
	for (size_t i = 0; i < count; i++) {
		bus_publish(bus, &request[i], INTAKE_STREAM, NULL, payload, size);
		if (i % each == each - 1)
			bus_flush(bus);
	}
	bus_flush(bus);
}

static void start(void)
{
	ck_assert(nats_fixture_start(&nats, NULL));
	snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", nats.port);
	address = (struct broker_address){.endpoint = endpoint};
	quiet = (struct log){.fd = STDERR_FILENO, .level = LOG_ERROR};
	intake_init(&intake, "test", 100, "", &quiet, &(struct checkpoint){0});
	request = calloc(REQUESTS, sizeof *request);
	ck_assert_ptr_nonnull(request);
	mailbox_init(&mailbox);
	bus = bus_create(&(struct bus_options){.address = &address,
	                                       .name = "test",
	                                       .log = &quiet,
	                                       .mailbox = &mailbox,
	                                       .prepare = intake_prepare,
	                                       .closure = &intake});
	ck_assert_ptr_nonnull(bus);
	ck_assert(wait_for(true));
}

static void stop(void)
{
	bus_destroy(bus);
	for (struct mail *mail = mailbox_receive(&mailbox, 0), *next; mail != NULL; mail = next) {
		next = mail->next;
		if (mail->kind == MAIL_BUS)
			free(mail);
	}
	mailbox_destroy(&mailbox);
	free(request);
	nats_Close();
	nats_fixture_end(&nats);
}

START_TEST(gathered_requests_are_answered)
{
	static const size_t each[] = {1, 7, 100, REQUESTS};
	publish(REQUESTS, 100, each[_i]);
	ck_assert_uint_eq(receive(REQUESTS, NULL), REQUESTS);
	/* In order, each once. */
	for (size_t i = 1; i < REQUESTS; i++)
		ck_assert_uint_eq(request[i].sequence, request[0].sequence + i);
}
END_TEST

START_TEST(nothing_leaves_before_the_flush)
{
	natsConnection *other = NULL;
	natsSubscription *subscription = NULL;
	natsMsg *message = NULL;
	ck_assert_int_eq(natsConnection_ConnectTo(&other, nats.url), NATS_OK);
	ck_assert_int_eq(natsConnection_SubscribeSync(&subscription, other, "gathered"), NATS_OK);
	ck_assert_int_eq(natsConnection_Flush(other), NATS_OK);
	ck_assert(bus_send(bus, "gathered", NULL, "1", 1));
	for (int i = 0; i < 20; i++) /* enough round trips for it to arrive, if it had been sent */
		ck_assert_int_eq(natsConnection_Flush(other), NATS_OK);
	ck_assert_int_eq(natsSubscription_NextMsg(&message, subscription, 0), NATS_TIMEOUT);
	bus_flush(bus);
	ck_assert_int_eq(natsSubscription_NextMsg(&message, subscription, TEST_LIMIT / MILLISECOND), NATS_OK);
	natsMsg_Destroy(message);
	natsConnection_Destroy(other);
	natsSubscription_Destroy(subscription);
}
END_TEST

/* A prepared object may be missing; whether the request was received is unknown. */
START_TEST(prepares_again_when_nobody_takes_it)
{
	nanos limit = clock_monotonic() + TEST_LIMIT;
	bool up = false, over = false;
	bus_publish(bus, &request[0], "nobody", NULL, "1", 1);
	bus_flush(bus);
	while ((!up || !over) && clock_monotonic() < limit) {
		bus_expire(bus);
		for (struct mail *mail = mailbox_receive(&mailbox, 10 * MILLISECOND), *next; mail != NULL; mail = next) {
			next = mail->next;
			if (mail->kind == MAIL_BUS)
				up = bus_changed(bus, (struct bus_change *)(void *)mail);
			else
				over = mail == &request[0].mail;
		}
	}
	ck_assert(up && over);
	ck_assert_int_eq(request[0].status, REQUEST_UNKNOWN);
	publish(1, 100, 1);
	ck_assert_uint_eq(receive(1, NULL), 1);
}
END_TEST

/* The bus' own thread asks the broker while this thread buffers messages and does not flush. */
START_TEST(another_thread_sends_at_once)
{
	ck_assert(!stays);
	bus_prepare_again(bus);
	ck_assert(wait_for(true));
	ck_assert(stays);
}
END_TEST

/* Each finds nothing to send if the other was first, and that is not an error. */
START_TEST(threads_send_side_by_side)
{
	fell = false;
	for (int i = 0; i < 200; i++) {
		bus_prepare_again(bus);
		publish(20, 100, 1);
		ck_assert_uint_eq(receive(20, NULL), 20);
	}
	ck_assert(!fell);
}
END_TEST

/* More than the socket takes: the rest is sent when it can. */
START_TEST(rest_is_sent_when_the_broker_reads_again)
{
	ck_assert(nats_fixture_pause(&nats));
	publish(REQUESTS, LARGE, 50);
	ck_assert(nats_fixture_resume(&nats));
	ck_assert_uint_eq(receive(REQUESTS, NULL), REQUESTS);
}
END_TEST

START_TEST(goes_on_after_a_restart)
{
	for (int i = 0; i < 3; i++) {
		publish(100, 100, 10);
		ck_assert_uint_eq(receive(100, NULL), 100);
		publish(1000, LARGE, 10); /* under way when the broker dies */
		ck_assert(nats_fixture_kill(&nats));
		ck_assert(wait_for(false));
		ck_assert(!stays);
		ck_assert(nats_fixture_restart(&nats));
		ck_assert(wait_for(true));
		ck_assert(!stays);
	}
	publish(REQUESTS, 100, 32);
	ck_assert_uint_eq(receive(REQUESTS, NULL), REQUESTS);
}
END_TEST

START_TEST(ends_without_a_broker)
{
	publish(100, LARGE, 10);
	ck_assert(nats_fixture_kill(&nats));
}
END_TEST

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	Suite *suite = suite_create("bus_loop");
	TCase *tcase = tcase_create("bus_loop");
	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, start, stop);
	tcase_add_loop_test(tcase, gathered_requests_are_answered, 0, 4);
	tcase_add_test(tcase, nothing_leaves_before_the_flush);
	tcase_add_test(tcase, prepares_again_when_nobody_takes_it);
	tcase_add_test(tcase, another_thread_sends_at_once);
	tcase_add_test(tcase, threads_send_side_by_side);
	tcase_add_test(tcase, rest_is_sent_when_the_broker_reads_again);
	tcase_add_test(tcase, goes_on_after_a_restart);
	tcase_add_test(tcase, ends_without_a_broker);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
