/* SPDX-License-Identifier: Apache-2.0
 * Connections that send no request, or read no reply, do not keep others out. */
#include "core/http/listener.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/http/http.h"
#include "tests/harness/fetch.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

#define LIMIT 8
/* More than the sockets buffer. */
#define LARGE ((size_t)64 << 20)

static char address[LISTENER_TEXT_SIZE], why[256];

static bool knows(void *closure, const char *path)
{
	(void)closure;
	(void)path;
	return true;
}

static enum MHD_Result answer_one(void *closure, struct MHD_Connection *connection, const char *url)
{
	if (strcmp(url, "/large") != 0)
		return listener_refuse(connection, MHD_HTTP_OK, NULL, NULL);
	struct MHD_Response *response = MHD_create_response_from_buffer(LARGE, closure, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

static struct listener *start(nanos request, nanos reply, char *bytes)
{
	const struct listener_limits limits = {
		.connections = {.count = LIMIT, .request = request, .reply = reply}, .timeout = 60, .memory = 8192};
	const struct listener_handler handler = {knows, answer_one, bytes};
	struct listener *listener = listener_start("127.0.0.1:0", &limits, &handler, address, why, sizeof why);
	ck_assert_msg(listener != NULL, "%s", why);
	return listener;
}

/* A connection from one of the loopback's addresses. */
static int open_from(const char *from, const char *to)
{
	struct sockaddr_in own = {.sin_family = AF_INET},
					   other = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ck_assert_int_eq(inet_pton(AF_INET, from, &own.sin_addr), 1);
	other.sin_port = htons((uint16_t)strtoul(strrchr(to, ':') + 1, NULL, 10));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&other, sizeof other), 0);
	return fd;
}

static bool put(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* Whether the other side has closed it. Reads what it has sent. */
static bool is_closed(void *closure)
{
	char bytes[4096];
	int fd = *(int *)closure;
	ssize_t got;
	while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		continue;
	return got == 0 || (errno != EAGAIN && errno != EINTR);
}

static long status_of(const char *at, const char *path)
{
	struct fetch fetch;
	char url[128];
	snprintf(url, sizeof url, "http://%s%s", at, path);
	fetch_url(&fetch, url, NULL, NULL);
	return fetch.status;
}

/* A connection that sends a byte whenever it is asked whether it is closed. */
static bool trickles_in_vain(void *closure)
{
	(void)put(*(int *)closure, "x");
	return is_closed(closure);
}

START_TEST(a_request_that_trickles_is_ended)
{
	struct listener *listener = start(SECOND, 0, NULL);
	nanos before = clock_monotonic();
	int fd = open_from("127.0.0.1", address);
	ck_assert(put(fd, "GET / HTTP/1.1\r\nHost: x\r\nX-More: "));
	ck_assert(wait_until(trickles_in_vain, &fd, TEST_LIMIT));
	nanos took = clock_monotonic() - before;
	ck_assert_int_ge(took, SECOND);
	ck_assert_int_lt(took, TEST_LIMIT / 2);
	close(fd);
	/* The same for a body. */
	fd = open_from("127.0.0.1", address);
	ck_assert(put(fd, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"));
	ck_assert(wait_until(trickles_in_vain, &fd, TEST_LIMIT));
	close(fd);
	listener_stop(listener);
}
END_TEST

/* Requests a large reply, reads nothing for one and a half seconds, and then reads everything. Returns the number of
 * bytes. */
static size_t take_late(void)
{
	static char bytes[1 << 20];
	size_t taken = 0;
	ssize_t got;
	int fd = open_from("127.0.0.1", address);
	struct pollfd gone = {.fd = fd, .events = POLLERR};
	ck_assert(put(fd, "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
	(void)poll(&gone, 1, 1500);
	while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0)
		taken += (size_t)got;
	close(fd);
	return taken;
}

START_TEST(a_reply_that_nobody_reads_is_ended)
{
	char *bytes = calloc(1, LARGE);
	ck_assert_ptr_nonnull(bytes);
	struct listener *listener = start(30 * SECOND, SECOND, bytes);
	ck_assert_uint_lt(take_late(), LARGE);
	listener_stop(listener);
	free(bytes);
}
END_TEST

/* Without a limit for replies (scanners wait in their queue), reading may pause for longer than a request may take. */
START_TEST(a_slow_reader_may_take_its_time)
{
	char *bytes = calloc(1, LARGE);
	ck_assert_ptr_nonnull(bytes);
	struct listener *listener = start(SECOND / 2, 0, bytes);
	ck_assert_uint_gt(take_late(), LARGE);
	listener_stop(listener);
	free(bytes);
}
END_TEST

START_TEST(the_oldest_of_too_many_goes)
{
	int fd[4 * LIMIT];
	struct listener *listener = start(60 * SECOND, 0, NULL);
	for (size_t i = 0; i < 4 * LIMIT; i++) {
		fd[i] = open_from("127.0.0.1", address);
		ck_assert(put(fd[i], "GET / HTTP/1.1\r\n"));
	}
	nanos before = clock_monotonic();
	ck_assert_int_eq(status_of(address, "/"), 200);
	ck_assert_int_lt(clock_monotonic() - before, 10 * SECOND);
	ck_assert(wait_until(is_closed, &fd[0], TEST_LIMIT));
	ck_assert(!is_closed(&fd[4 * LIMIT - 1]));
	for (size_t i = 0; i < 4 * LIMIT; i++)
		close(fd[i]);
	listener_stop(listener);
}
END_TEST

START_TEST(one_address_does_not_drive_out_another)
{
	int fd[4 * LIMIT];
	struct listener *listener = start(60 * SECOND, 0, NULL);
	int slow = open_from("127.0.0.1", address);
	ck_assert(put(slow, "GET / HTTP/1.1\r\n"));
	for (size_t i = 0; i < 4 * LIMIT; i++)
		fd[i] = open_from("127.0.0.2", address);
	ck_assert(wait_until(is_closed, &fd[0], TEST_LIMIT));
	ck_assert(!is_closed(&slow));
	ck_assert(put(slow, "Host: x\r\nConnection: close\r\n\r\n"));
	char reply[16] = "";
	ck_assert_int_eq(recv(slow, reply, 12, MSG_WAITALL), 12);
	ck_assert_str_eq(reply, "HTTP/1.1 200");
	close(slow);
	for (size_t i = 0; i < 4 * LIMIT; i++)
		close(fd[i]);
	listener_stop(listener);
}
END_TEST

/* Connections that are kept open between requests do not count as too many. */
START_TEST(requests_on_one_connection)
{
	struct listener *listener = start(60 * SECOND, 0, NULL);
	int fd = open_from("127.0.0.1", address);
	for (unsigned i = 0; i < 3; i++) {
		char reply[2048] = "";
		ssize_t used = 0, got = 1;
		ck_assert(put(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
		while (strstr(reply, "OK\n") == NULL && got > 0) {
			got = recv(fd, reply + used, sizeof reply - 1 - (size_t)used, 0);
			used += got;
		}
		ck_assert_int_eq(strncmp(reply, "HTTP/1.1 200", 12), 0);
	}
	close(fd);
	listener_stop(listener);
}
END_TEST

static void answer(void *closure, struct http_reply *reply)
{
	(void)closure;
	fputs("ok\n", reply->body);
}

START_TEST(health_answers_beside_them)
{
	static const struct http_route route = {"/healthz", answer, false};
	const struct log log = {.fd = -1};
	struct http *http =
		http_create(&(struct http_options){.addr = "127.0.0.1:0", .route = &route, .route_count = 1, .log = &log});
	int fd[100];
	ck_assert(http_start(http));
	for (size_t i = 0; i < 100; i++) {
		fd[i] = open_from("127.0.0.1", http_address(http));
		ck_assert(put(fd[i], "GET /healthz HTTP/1.1\r\nX-Slow: "));
	}
	nanos before = clock_monotonic();
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(status_of(http_address(http), "/healthz"), 200);
	ck_assert_int_lt(clock_monotonic() - before, 5 * SECOND);
	for (size_t i = 0; i < 100; i++)
		close(fd[i]);
	http_destroy(http);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_request_that_trickles_is_ended, a_reply_that_nobody_reads_is_ended,     a_slow_reader_may_take_its_time,
		the_oldest_of_too_many_goes,      one_address_does_not_drive_out_another, requests_on_one_connection,
		health_answers_beside_them,
	};
	return suite_run("listener", tests, sizeof tests / sizeof tests[0], 60);
}
