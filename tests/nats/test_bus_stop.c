/* SPDX-License-Identifier: Apache-2.0
 * A bus is stopped while its thread waits for a broker that does not answer. */
#include <check.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/nats/bus.h"
#include "core/nats/bus_probe.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

/* One request waits for 5 seconds. */
#define STOP_LIMIT (3 * SECOND)
#define REQUESTS 3

static struct nats_fixture nats;
static struct mailbox mailbox;
static struct bus *bus;
static char endpoint[64];
static struct broker_address address = {.endpoint = endpoint};
static const struct log quiet = {.fd = STDERR_FILENO, .level = LOG_ERROR};
/* From now on the broker does not answer the bus' thread. */
static atomic_bool silence, silent;

static void silence_broker(void)
{
	if (!atomic_load(&silence) || atomic_exchange(&silent, true))
		return;
	ck_assert(nats_fixture_pause(&nats));
}

static bool prepare(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	(void)closure;
	(void)connection;
	silence_broker();
	natsStatus status = NATS_OK;
	for (int i = 0; i < REQUESTS; i++) {
		jsErrCode code = 0;
		jsStreamInfo *info = NULL;
		status = js_GetStreamInfo(&info, js, "none", NULL, &code);
		jsStreamInfo_Destroy(info);
	}
	snprintf(why, size, "%s", natsStatus_GetText(status));
	return status == NATS_NOT_FOUND;
}

/* The test of the permissions is the only caller. */
natsStatus __real_natsConnection_FlushTimeout(natsConnection *connection, int64_t timeout);
natsStatus __wrap_natsConnection_FlushTimeout(natsConnection *connection, int64_t timeout);
natsStatus __wrap_natsConnection_FlushTimeout(natsConnection *connection, int64_t timeout)
{
	silence_broker();
	return __real_natsConnection_FlushTimeout(connection, timeout);
}

static bool is_silent(void *closure)
{
	(void)closure;
	return atomic_load(&silent);
}

static bool is_up(void *closure)
{
	(void)closure;
	for (struct mail *mail = mailbox_receive(&mailbox, 0), *next; mail != NULL; mail = next) {
		next = mail->next;
		bus_changed(bus, (struct bus_change *)(void *)mail);
	}
	return bus_is_up(bus);
}

static void start(bool silent_at_once, const struct bus_probe *probe)
{
	ck_assert(nats_fixture_start(&nats, NULL));
	snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", nats.port);
	atomic_store(&silence, silent_at_once);
	mailbox_init(&mailbox);
	bus = bus_create(&(struct bus_options){
		.address = &address, .name = "test", .log = &quiet, .mailbox = &mailbox, .prepare = prepare, .probe = probe});
	ck_assert_ptr_nonnull(bus);
}

/* The bus stops although the broker does not answer. */
static void stop(void)
{
	ck_assert(wait_until(is_silent, NULL, TEST_LIMIT));
	nanos before = clock_monotonic();
	bus_destroy(bus);
	nanos lasted = clock_monotonic() - before;
	printf("stopped after %d ms\n", (int)(lasted / MILLISECOND));
	ck_assert_msg(lasted < STOP_LIMIT, "stopping took %d ms", (int)(lasted / MILLISECOND));
	for (struct mail *mail = mailbox_receive(&mailbox, 0), *next; mail != NULL; mail = next) {
		next = mail->next;
		free(mail);
	}
	mailbox_destroy(&mailbox);
	ck_assert(nats_fixture_resume(&nats));
	nats_fixture_end(&nats);
	nats_Close();
}

START_TEST(while_it_prepares)
{
	start(true, NULL);
	stop();
}
END_TEST

/* The receiver already uses the connection. */
START_TEST(while_it_prepares_again)
{
	start(false, NULL);
	ck_assert(wait_until(is_up, NULL, TEST_LIMIT));
	atomic_store(&silence, true);
	bus_prepare_again(bus);
	stop();
}
END_TEST

START_TEST(while_it_tests_permissions)
{
	static const struct bus_probe probe[] = {{.subject = "none", .payload = "", .needed = true}, {.subject = ""}};
	start(true, probe);
	stop();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {while_it_prepares, while_it_prepares_again, while_it_tests_permissions};
	signal(SIGPIPE, SIG_IGN);
	return suite_run("bus_stop", tests, sizeof tests / sizeof tests[0], 120);
}
