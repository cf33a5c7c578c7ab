/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/raw_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* False: the server is stopping. */
static bool readable(const struct raw_server *server, int fd)
{
	struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
	return poll(wait, 2, -1) > 0 && wait[1].revents == 0;
}

/* How many bytes follow the empty line at `end`. */
static size_t body_of(const char *text, const char *end)
{
	const char *length = strcasestr(text, "\ncontent-length:");
	return length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
}

/* Takes the rest of the body. False: the connection has ended. */
static bool take_body(const struct raw_server *server, int fd, size_t left)
{
	char bytes[65536];
	while (left > 0 && readable(server, fd)) {
		ssize_t got = recv(fd, bytes, left < sizeof bytes ? left : sizeof bytes, 0);
		if (got <= 0)
			return false;
		left -= (size_t)got;
	}
	return left == 0;
}

/* Reads up to the end of a request. False: the connection has ended. */
static bool take_request(struct raw_server *server, int fd)
{
	char text[sizeof server->request];
	size_t used = 0, size = sizeof text;
	while (used < size - 1 && readable(server, fd)) {
		ssize_t got = recv(fd, text + used, size - 1 - used, 0);
		if (got <= 0)
			return false;
		used += (size_t)got;
		text[used] = '\0';
		const char *end = strstr(text, "\r\n\r\n");
		size_t whole = end == NULL ? 0 : (size_t)(end - text) + 4 + body_of(text, end);
		if (end == NULL || (whole > used && whole < size))
			continue;
		if (whole > used && !take_body(server, fd, whole - used))
			return false;
		pthread_mutex_lock(&server->lock);
		memcpy(server->request, text, used + 1);
		pthread_mutex_unlock(&server->lock);
		atomic_fetch_add(&server->requests, 1);
		return true;
	}
	return false;
}

static bool answer(const struct raw_server *server, int fd)
{
	const char *text = atomic_load(&server->answer);
	for (size_t left = strlen(text); left > 0;) {
		ssize_t sent = send(fd, text, left, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		text += sent;
		left -= (size_t)sent;
	}
	return !server->closes;
}

static void *serve(void *context)
{
	struct raw_server *server = context;
	while (readable(server, server->listener)) {
		int fd = accept(server->listener, NULL, NULL);
		if (fd < 0)
			break;
		atomic_fetch_add(&server->connections, 1);
		while (take_request(server, fd) && answer(server, fd))
			;
		close(fd);
	}
	return NULL;
}

void raw_server_start(struct raw_server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	*server = (struct raw_server){
		.answer = "", .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .lock = PTHREAD_MUTEX_INITIALIZER};
	ck_assert_int_ge(server->listener, 0);
	ck_assert_int_eq(bind(server->listener, (const struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(listen(server->listener, 8), 0);
	ck_assert_int_eq(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
	server->port = ntohs(address.sin_port);
	ck_assert_int_eq(pipe(server->stop), 0);
	ck_assert_int_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

const char *raw_server_request(struct raw_server *server)
{
	pthread_mutex_lock(&server->lock);
	memcpy(server->seen, server->request, sizeof server->seen);
	pthread_mutex_unlock(&server->lock);
	return server->seen;
}

void raw_server_stop(struct raw_server *server)
{
	ck_assert_int_eq(write(server->stop[1], "", 1), 1);
	pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->stop[0]);
	close(server->stop[1]);
}
