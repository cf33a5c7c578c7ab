/* SPDX-License-Identifier: Apache-2.0
 * A name with several addresses, of which the first ones accept no connections. Everything that connects gives each
 * of them a few seconds at most, and reaches the last one. The names exist only in this test, whose getaddrinfo()
 * replaces the system's. */
#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/content/content.h"
#include "core/nats/bus_connect.h"
#include "tests/harness/fixture_nats.h"
#include "tests/harness/raw_server.h"
#include "tests/plugins/fake_clamd.h"
#include "tests/plugins/scan.h"

/* Far less than the sum of all limits, and more than two addresses may take. */
#define TIMEOUT (20 * SECOND)
#define FILLERS 4

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* "two.test" is 127.0.0.2 and 127.0.0.1, "three.test" 127.0.0.3, 127.0.0.2 and 127.0.0.1. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	static const char *const addresses[] = {"127.0.0.3", "127.0.0.2", "127.0.0.1"};
	resolver real = (resolver)(uintptr_t)dlsym(RTLD_NEXT, "getaddrinfo");
	size_t first = name != NULL && strcmp(name, "three.test") == 0 ? 0
	               : name != NULL && strcmp(name, "two.test") == 0 ? 1
	                                                               : 3;
	if (first == 3)
		return real(name, service, hints, list);
	int failure = EAI_NONAME;
	for (struct addrinfo **at = list; first < 3; first++, at = &(*at)->ai_next) {
		*at = NULL;
		failure = real(addresses[first], service, hints, at);
		if (failure != 0)
			break;
	}
	return failure;
}

static int bound(const char *host, unsigned port)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = inet_addr(host)};
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

/* Listens and answers nobody: its queue of connections is full. */
struct swallower {
	int listener, filler[FILLERS];
};

static void swallow(struct swallower *swallower, const char *host, unsigned port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = inet_addr(host)};
	swallower->listener = bound(host, port);
	ck_assert_int_eq(listen(swallower->listener, 0), 0);
	bool full = false;
	for (size_t i = 0; i < FILLERS; i++) {
		swallower->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		struct pollfd wait = {.fd = swallower->filler[i], .events = POLLOUT};
		if (connect(wait.fd, (const struct sockaddr *)&address, sizeof address) != 0)
			full = errno == EINPROGRESS && poll(&wait, 1, 200) == 0;
	}
	ck_assert(full);
}

static void stop_swallowing(struct swallower *swallower)
{
	close(swallower->listener);
	for (size_t i = 0; i < FILLERS; i++)
		close(swallower->filler[i]);
}

static struct swallower second, third;

static void swallow_at(unsigned port)
{
	swallow(&second, "127.0.0.2", port);
	swallow(&third, "127.0.0.3", port);
}

static void stop_both(void)
{
	stop_swallowing(&second);
	stop_swallowing(&third);
}

static const char *const names[] = {"two.test", "three.test"};

START_TEST(scanner)
{
	struct fake_clamd clamd;
	char address[64], why[256] = "";
	fake_clamd_start_tcp(&clamd, MANNER_ANSWER, "stream: OK");
	unsigned port = (unsigned)strtoul(strrchr(clamd.socket, ':') + 1, NULL, 10);
	swallow_at(port);
	snprintf(address, sizeof address, "tcp://%s:%u", names[_i], port);
	void *instance = create_at(address, "timeout=50s", NULL);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	nanos start = clock_monotonic();
	ck_assert_msg(scan(instance, &run) == PP_CONTINUE, "%s", run.reason);
	ck_assert_int_lt(clock_monotonic() - start, TIMEOUT);
	pp_step_module.destroy(instance);
	/* The check has less time in all. */
	clamd.answer = "ClamAV 1.4";
	instance = create_at(address, NULL, NULL);
	ck_assert_msg(check(instance, why, sizeof why), "%s", why);
	pp_step_module.destroy(instance);
	stop_both();
	fake_clamd_stop(&clamd);
}
END_TEST

/* After a cancellation the next address is not tried. */
START_TEST(scanner_cancelled)
{
	struct swallower first;
	int cancel[2], free_port = bound("127.0.0.1", 0);
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	char text[64];
	ck_assert_int_eq(getsockname(free_port, (struct sockaddr *)&address, &length), 0);
	close(free_port);
	unsigned port = ntohs(address.sin_port);
	swallow(&first, "127.0.0.1", port);
	swallow_at(port);
	ck_assert_int_eq(pipe(cancel), 0);
	ck_assert_int_eq(write(cancel[1], "", 1), 1);
	snprintf(text, sizeof text, "tcp://three.test:%u", port);
	void *instance = create_at(text, "timeout=50s", NULL);
	struct pp_run run;
	stub_run_init(&run, "x", 1);
	run.cancel_fd = cancel[0];
	ck_assert_uint_eq(scan(instance, &run), PP_RETRY);
	assert_holds(run.reason, "canceled");
	pp_step_module.destroy(instance);
	stop_both();
	stop_swallowing(&first);
}
END_TEST

START_TEST(storage)
{
	static const struct content_options options;
	struct raw_server server;
	struct content *content = content_create(&options);
	char url[64];
	const void *bytes;
	raw_server_start(&server);
	swallow_at(server.port);
	server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
	snprintf(url, sizeof url, "http://%s:%u/", names[_i], server.port);
	nanos start = clock_monotonic();
	content_open(content, url, 3, 0, -1);
	ck_assert_msg(content_read(content, &bytes) == 3, "%s", content_error(content));
	ck_assert_int_lt(clock_monotonic() - start, TIMEOUT);
	content_destroy(content);
	stop_both();
	raw_server_stop(&server);
}
END_TEST

START_TEST(broker)
{
	struct nats_fixture nats;
	char endpoint[64];
	natsConnection *connection;
	if (!nats_fixture_start(&nats, NULL))
		return; /* none here */
	swallow_at(nats.port);
	snprintf(endpoint, sizeof endpoint, "%s:%u", names[_i], nats.port);
	nanos start = clock_monotonic();
	natsStatus status = bus_connect(&connection, &(struct broker_address){.endpoint = endpoint}, "test");
	ck_assert_msg(status == NATS_OK, "%s", natsStatus_GetText(status));
	ck_assert_int_lt(clock_monotonic() - start, TIMEOUT);
	natsConnection_Destroy(connection);
	stop_both();
	nats_fixture_end(&nats);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("addresses");
	TCase *cases = tcase_create("addresses");
	tcase_set_timeout(cases, 120);
	tcase_add_loop_test(cases, scanner, 0, 2);
	tcase_add_test(cases, scanner_cancelled);
	tcase_add_loop_test(cases, storage, 0, 2);
	tcase_add_loop_test(cases, broker, 0, 2);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
