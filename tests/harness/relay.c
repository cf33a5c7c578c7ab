/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/relay.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAIRS 64
#define BLOCK 65536
#define SLOW_BLOCK 1000
#define SLOW_PAUSE 5 /* milliseconds */

/* A connection from a client, and one to the server. */
struct pair {
	int client, server;
};

static int connect_server(const struct relay *relay)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr_in remote = {
		.sin_family = AF_INET, .sin_port = htons(relay->to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(relay->path != NULL ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected;
	if (relay->path != NULL) {
		strncpy(local.sun_path, relay->path, sizeof local.sun_path - 1);
		connected = connect(fd, (struct sockaddr *)&local, sizeof local) == 0;
	} else {
		connected = connect(fd, (struct sockaddr *)&remote, sizeof remote) == 0;
	}
	if (connected)
		return fd;
	close(fd);
	return -1;
}

static void close_pair(struct pair *pair)
{
	close(pair->client);
	close(pair->server);
	*pair = (struct pair){-1, -1};
}

static void accept_pair(struct relay *relay, struct pair *pairs)
{
	struct pair pair = {.client = accept(relay->listener, NULL, NULL), .server = connect_server(relay)};
	for (size_t i = 0; i < PAIRS && pair.client >= 0 && pair.server >= 0; i++) {
		if (pairs[i].client < 0) {
			pairs[i] = pair;
			return;
		}
	}
	close_pair(&pair);
}

static void spoil(char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(bytes[i] ^ 0x15);
}

/* Passes one piece on. False: the connection is over. */
static bool pass(struct relay *relay, int from, int to, bool answer)
{
	static char bytes[BLOCK];
	enum relay_mode mode = atomic_load(&relay->mode);
	ssize_t length = recv(from, bytes, mode == RELAY_SLOW ? SLOW_BLOCK : sizeof bytes, MSG_DONTWAIT);
	if (length <= 0)
		return length < 0;
	if (mode == RELAY_SLOW || (answer && (mode == RELAY_GARBAGE || mode == RELAY_CUT)))
		atomic_fetch_add(&relay->spoiled, 1);
	if (answer && mode == RELAY_GARBAGE)
		spoil(bytes, (size_t)length);
	bool cut = answer && mode == RELAY_CUT;
	if (cut)
		length /= 2;
	for (ssize_t sent = 0, count; sent < length; sent += count)
		if ((count = send(to, bytes + sent, (size_t)(length - sent), MSG_NOSIGNAL)) < 0)
			return false;
	return !cut;
}

static void serve_pairs(struct relay *relay, struct pair *pairs, const struct pollfd *look)
{
	for (size_t i = 0; i < PAIRS; i++) {
		if (pairs[i].client < 0)
			continue;
		if ((look[2 * i].revents != 0 && !pass(relay, pairs[i].client, pairs[i].server, false)) ||
		    (look[2 * i + 1].revents != 0 && !pass(relay, pairs[i].server, pairs[i].client, true)))
			close_pair(&pairs[i]);
	}
}

static void *serve(void *closure)
{
	struct relay *relay = closure;
	struct pair pairs[PAIRS];
	struct pollfd look[2 * PAIRS + 2];
	memset(pairs, -1, sizeof pairs);
	for (;;) {
		enum relay_mode mode = atomic_load(&relay->mode);
		for (size_t i = 0; i < PAIRS; i++) {
			look[2 * i] = (struct pollfd){.fd = mode == RELAY_HOLD ? -1 : pairs[i].client, .events = POLLIN};
			look[2 * i + 1] = (struct pollfd){.fd = mode == RELAY_HOLD ? -1 : pairs[i].server, .events = POLLIN};
		}
		look[2 * PAIRS] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
		look[2 * PAIRS + 1] = (struct pollfd){.fd = relay->stop[0], .events = POLLIN};
		if (mode == RELAY_SLOW)
			poll(look + 2 * PAIRS + 1, 1, SLOW_PAUSE);
		/* The mode may change meanwhile. */
		poll(look, 2 * PAIRS + 2, 20);
		if (look[2 * PAIRS + 1].revents != 0)
			break;
		serve_pairs(relay, pairs, look);
		if (look[2 * PAIRS].revents != 0)
			accept_pair(relay, pairs);
	}
	for (size_t i = 0; i < PAIRS; i++)
		if (pairs[i].client >= 0)
			close_pair(&pairs[i]);
	return NULL;
}

void relay_start(struct relay *relay, const char *path, uint16_t to)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	*relay = (struct relay){.path = path, .to = to, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	ck_assert_int_ge(relay->listener, 0);
	ck_assert_int_eq(bind(relay->listener, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(relay->listener, PAIRS), 0);
	ck_assert_int_eq(getsockname(relay->listener, (struct sockaddr *)&address, &size), 0);
	relay->port = ntohs(address.sin_port);
	ck_assert_int_eq(pipe(relay->stop), 0);
	ck_assert_int_eq(pthread_create(&relay->thread, NULL, serve, relay), 0);
}

void relay_stop(struct relay *relay)
{
	ck_assert_int_eq(write(relay->stop[1], "", 1), 1);
	pthread_join(relay->thread, NULL);
	close(relay->listener);
	close(relay->stop[0]);
	close(relay->stop[1]);
}
