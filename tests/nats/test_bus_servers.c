/* SPDX-License-Identifier: Apache-2.0
 * A bus that knows one server of a cluster. When that one dies, it finds the others, which the server had
 * advertised, and from these further ones. */
#include <check.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/nats/bus.h"
#include "core/nats/bus_servers.h"
#include "tests/harness/fixture_cluster.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

static struct nats_cluster cluster;
static struct mailbox mailbox;
static struct bus *bus;
static natsConnection *direct;
static const struct log quiet = {.fd = STDERR_FILENO, .level = LOG_ERROR};

/* Whether the server advertises all others. */
static bool is_whole(void *closure)
{
	(void)closure;
	char **server = NULL;
	int count = 0;
	ck_assert_int_eq(natsConnection_GetDiscoveredServers(direct, &server, &count), NATS_OK);
	for (int i = 0; i < count; i++)
		free(server[i]);
	free(server);
	return count == CLUSTER_SERVERS - 1;
}

static bool prepare_nothing(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	(void)closure;
	(void)js;
	(void)why;
	(void)size;
	return natsConnection_Flush(connection) == NATS_OK;
}

/* Handles the mails until the bus is up at a running server, which is returned; NULL: it is not up in time. */
static struct nats_fixture *await_up(void)
{
	nanos limit = clock_monotonic() + TEST_LIMIT;
	char url[64] = "";
	while (clock_monotonic() < limit) {
		for (struct mail *mail = mailbox_receive(&mailbox, SECOND), *next; mail != NULL; mail = next) {
			next = mail->next;
			ck_assert_int_eq(mail->kind, MAIL_BUS);
			struct bus_change *change = (struct bus_change *)(void *)mail;
			/* The connection may have been lost meanwhile: then it has no URL. */
			if (change->up && natsConnection_GetConnectedUrl(change->wire.connection, url, sizeof url) != NATS_OK)
				url[0] = '\0';
			bus_changed(bus, change);
		}
		for (struct nats_fixture *server = cluster.server; server < cluster.server + CLUSTER_SERVERS; server++)
			if (bus_is_up(bus) && server->process.pid != 0 && strcmp(server->url, url) == 0)
				return server;
	}
	return NULL;
}

START_TEST(finds_those_that_were_named)
{
	ck_assert(nats_cluster_start(&cluster, true));
	const struct broker_address address = {.endpoint = cluster.server[0].url};
	ck_assert_int_eq(natsConnection_ConnectTo(&direct, cluster.server[0].url), NATS_OK);
	ck_assert_msg(wait_until(is_whole, NULL, TEST_LIMIT), "the servers do not find each other");
	mailbox_init(&mailbox);
	bus = bus_create(&(struct bus_options){
		.address = &address, .name = "test", .log = &quiet, .mailbox = &mailbox, .prepare = prepare_nothing});
	ck_assert_ptr_nonnull(bus);
	struct nats_fixture *first = await_up();
	ck_assert_ptr_eq(first, &cluster.server[0]);
	ck_assert(nats_fixture_kill(first));
	struct nats_fixture *second = await_up();
	ck_assert_msg(second != NULL, "none of the others was found");
	ck_assert(nats_fixture_kill(second));
	ck_assert_msg(await_up() != NULL, "the last one was not found");
	bus_destroy(bus);
	for (struct mail *mail = mailbox_receive(&mailbox, 0), *next; mail != NULL; mail = next) {
		next = mail->next;
		free(mail);
	}
	mailbox_destroy(&mailbox);
	natsConnection_Destroy(direct);
	nats_cluster_end(&cluster);
	nats_Close();
}
END_TEST

START_TEST(former_servers_are_kept)
{
	ck_assert(nats_cluster_start(&cluster, true));
	ck_assert_int_eq(natsConnection_ConnectTo(&direct, cluster.server[0].url), NATS_OK);
	ck_assert_msg(wait_until(is_whole, NULL, TEST_LIMIT), "the servers do not find each other");
	char *named = bus_servers_named(direct, "c:3,d:4");
	ck_assert_ptr_nonnull(named);
	char one[256], other[256];
	unsigned port[] = {cluster.server[1].port, cluster.server[2].port};
	static const char format[] = "127.0.0.1:%u,127.0.0.1:%u,c:3,d:4";
	snprintf(one, sizeof one, format, port[0], port[1]);
	snprintf(other, sizeof other, format, port[1], port[0]);
	ck_assert_msg(strcmp(named, one) == 0 || strcmp(named, other) == 0, "%s", named);
	free(named);
	natsConnection_Destroy(direct);
	nats_cluster_end(&cluster);
	nats_Close();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {finds_those_that_were_named, former_servers_are_kept};
	signal(SIGPIPE, SIG_IGN);
	return suite_run("bus_servers", tests, sizeof tests / sizeof tests[0], 120);
}
