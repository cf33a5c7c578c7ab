/* SPDX-License-Identifier: Apache-2.0
 * A bus whose connection ends in the middle of a message: half a message does not count, and the data of the next
 * connection is read from its beginning. */
#include <check.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/nats/bus.h"
#include "tests/harness/suite.h"
#include "tests/torture/torture.h"

#define SUBJECT "words"
#define WORDS 5

static struct nats_fixture nats;
static struct proxy *proxy;
static struct ledger *ledger;
static struct mailbox mailbox;
static struct bus *bus;
static natsConnection *direct;
static char endpoint[PROXY_ENDPOINT_SIZE];
static const struct log quiet = {.fd = STDERR_FILENO, .level = LOG_ERROR};

static bool prepare_nothing(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	(void)closure;
	(void)js;
	(void)why;
	(void)size;
	return natsConnection_Flush(connection) == NATS_OK;
}

/* Handles the mails until a word has come; NULL: until the bus reports that it is up. */
static bool receive(char word[WORD_SIZE])
{
	nanos limit = clock_monotonic() + TEST_LIMIT;
	bool seen = false;
	while (!seen && clock_monotonic() < limit) {
		for (struct mail *mail = mailbox_receive(&mailbox, SECOND), *next; mail != NULL; mail = next) {
			next = mail->next;
			if (mail->kind == MAIL_BUS) {
				seen = bus_changed(bus, (struct bus_change *)(void *)mail) && word == NULL;
			} else if (mail->kind == MAIL_WORD) {
				ck_assert_msg(word != NULL && !seen, "a word too many: %s", ((struct word *)(void *)mail)->text);
				snprintf(word, WORD_SIZE, "%s", ((struct word *)(void *)mail)->text);
				seen = true;
				free(mail);
			}
		}
	}
	return seen;
}

static void say(unsigned number, char word[WORD_SIZE])
{
	snprintf(word, WORD_SIZE, "%0120u", number);
	ck_assert_int_eq(natsConnection_PublishString(direct, SUBJECT, word), NATS_OK);
	ck_assert_int_eq(natsConnection_Flush(direct), NATS_OK);
}

START_TEST(half_a_message_is_dropped)
{
	char said[WORD_SIZE], heard[WORD_SIZE];
	ck_assert(nats_fixture_start(&nats, NULL));
	ledger = ledger_create(1);
	proxy = proxy_create(PROXY_LOOPBACK, &nats.port, 1, ledger, 1);
	proxy_endpoint(proxy, 0, endpoint);
	const struct broker_address address = {.endpoint = endpoint};
	ck_assert_int_eq(natsConnection_ConnectTo(&direct, nats.url), NATS_OK);
	mailbox_init(&mailbox);
	bus = bus_create(&(struct bus_options){.address = &address,
	                                       .name = "test",
	                                       .log = &quiet,
	                                       .mailbox = &mailbox,
	                                       .prepare = prepare_nothing,
	                                       .listen = SUBJECT});
	ck_assert_ptr_nonnull(bus);
	ck_assert(receive(NULL));
	for (unsigned i = 0; i < 3; i++) {
		proxy_take(proxy, 0)->cut = true;
		proxy_give_back(proxy);
		say(0, said);
		ck_assert(receive(NULL)); /* again */
		for (unsigned j = 1; j <= WORDS; j++) {
			say(j, said);
			ck_assert_msg(receive(heard), "a word is missing");
			ck_assert_str_eq(heard, said);
		}
	}
	bus_destroy(bus);
	for (struct mail *mail = mailbox_receive(&mailbox, 0), *next; mail != NULL; mail = next) {
		next = mail->next;
		free(mail);
	}
	mailbox_destroy(&mailbox);
	natsConnection_Destroy(direct);
	proxy_destroy(proxy);
	ledger_free(ledger);
	nats_fixture_end(&nats);
	nats_Close();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {half_a_message_is_dropped};
	signal(SIGPIPE, SIG_IGN);
	return suite_run("bus_cut", tests, sizeof tests / sizeof tests[0], 120);
}
