/* SPDX-License-Identifier: Apache-2.0
 * The name of a broker that has several addresses. The first ones accept no connections: each costs a few seconds. */
#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/nats/bus.h"
#include "core/nats/bus_connect.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

#define NAME "several.test"

static const char *const addresses[] = {"127.0.0.3", "127.0.0.2", "127.0.0.1"};
#define ADDRESSES (sizeof addresses / sizeof addresses[0])

/* Replaces the C library's function, for the client library too. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	*(void **)(void *)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node == NULL || strcmp(node, NAME) != 0)
		return real(node, service, hints, result);
	struct addrinfo **last = result;
	for (size_t i = 0; i < ADDRESSES; i++) {
		int code = real(addresses[i], service, hints, last);
		if (code != 0)
			return code;
		last = &(*last)->ai_next;
	}
	return 0;
}

/* Its queue is full: new connections are not answered. */
static void swallow(const char *address, unsigned port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	ck_assert_int_eq(inet_pton(AF_INET, address, &at.sin_addr), 1);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	for (int i = 0; i < 4; i++) {
		int waiting = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(waiting, (struct sockaddr *)&at, sizeof at);
	}
}

static bool prepare_nothing(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	(void)closure;
	(void)js;
	(void)why;
	(void)size;
	return natsConnection_Flush(connection) == NATS_OK;
}

static struct mailbox mailbox;
static struct bus *bus;

static bool is_up(void *closure)
{
	(void)closure;
	for (struct mail *mail = mailbox_receive(&mailbox, 0), *next; mail != NULL; mail = next) {
		next = mail->next;
		bus_changed(bus, (struct bus_change *)(void *)mail);
	}
	return bus_is_up(bus);
}

START_TEST(the_next_address_is_tried)
{
	static const struct log quiet = {.fd = STDERR_FILENO, .level = LOG_ERROR};
	struct nats_fixture nats;
	char endpoint[64];
	struct broker_address address = {.endpoint = endpoint};
	ck_assert(nats_fixture_start(&nats, NULL));
	snprintf(endpoint, sizeof endpoint, NAME ":%u", nats.port);
	for (size_t i = 0; i < ADDRESSES - 1; i++)
		swallow(addresses[i], nats.port);
	/* The library tries the addresses in any order. */
	for (unsigned i = 0; i < 3; i++) {
		natsConnection *connection = NULL;
		nanos start = clock_monotonic();
		ck_assert_int_eq(bus_connect(&connection, &address, "test"), NATS_OK);
		ck_assert_msg(clock_monotonic() - start < 6 * SECOND, "it took %d s",
		              (int)((clock_monotonic() - start) / SECOND));
		natsConnection_Destroy(connection);
	}
	mailbox_init(&mailbox);
	bus = bus_create(&(struct bus_options){
		.address = &address, .name = "test", .log = &quiet, .mailbox = &mailbox, .prepare = prepare_nothing});
	ck_assert_ptr_nonnull(bus);
	ck_assert(wait_until(is_up, NULL, 10 * SECOND));
	bus_destroy(bus);
	for (struct mail *mail = mailbox_receive(&mailbox, 0), *next; mail != NULL; mail = next) {
		next = mail->next;
		free(mail);
	}
	mailbox_destroy(&mailbox);
	nats_fixture_end(&nats);
	nats_Close();
}
END_TEST

/* A number of 0 means that the broker has sent none. */
START_TEST(a_reason_has_the_error_number)
{
	char text[BUS_REASON_SIZE];
	ck_assert_str_eq(bus_reason(NATS_NO_SERVER, 0, text), bus_advice(NATS_NO_SERVER));
	bus_reason(NATS_ERR, JSInsufficientResourcesErr, text);
	ck_assert_ptr_nonnull(strstr(text, " (JetStream error 10023)"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {the_next_address_is_tried, a_reason_has_the_error_number};
	signal(SIGPIPE, SIG_IGN);
	return suite_run("bus_addresses", tests, sizeof tests / sizeof tests[0], 120);
}
