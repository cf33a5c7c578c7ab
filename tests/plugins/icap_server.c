/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/plugins/icap_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAIL 16

/* A connection, and the last bytes that came. */
struct session {
	struct icap_server *server;
	int fd;
	char tail[TAIL + 1];
	size_t length, total; /* of the request so far; of the connection since the last request */
};

static bool send_text(const struct session *session, const char *text)
{
	return text != NULL && send(session->fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* Reads one byte; false: the connection is over, or the test. */
static bool read_byte(struct session *session)
{
	struct pollfd wait[2] = {{.fd = session->fd, .events = POLLIN}, {.fd = session->server->stop[0], .events = POLLIN}};
	char byte;
	if (poll(wait, 2, -1) < 0 || wait[1].revents != 0 || recv(session->fd, &byte, 1, 0) != 1)
		return false;
	memmove(session->tail, session->tail + 1, TAIL - 1);
	session->tail[TAIL - 1] = byte;
	if (session->length < sizeof session->server->request - 1)
		session->server->request[session->length] = byte;
	session->length++;
	session->total++;
	return true;
}

static bool ends_with(const struct session *session, const char *text)
{
	return session->length >= strlen(text) && memcmp(session->tail + TAIL - strlen(text), text, strlen(text)) == 0;
}

/* Reads up to one of the texts. */
static bool read_up_to(struct session *session, const char *text, const char *other)
{
	while (read_byte(session)) {
		if (session->server->early > 0 && session->total >= session->server->early)
			return true;
		if (ends_with(session, text) || (other != NULL && ends_with(session, other)))
			return true;
	}
	return false;
}

/* Serves one request. False: the connection is over. */
static bool serve_one(struct session *session)
{
	struct icap_server *server = session->server;
	session->length = session->total = 0;
	if (!read_up_to(session, "\r\n\r\n", NULL))
		return false;
	server->request[session->length < sizeof server->request ? session->length : sizeof server->request - 1] = '\0';
	if (strncmp(server->request, "OPTIONS", 7) == 0) {
		atomic_fetch_add(&server->asked, 1);
		return send_text(session, server->options);
	}
	atomic_fetch_add(&server->requests, 1);
	bool preview = strstr(server->request, "\r\nPreview: ") != NULL;
	if (!read_up_to(session, "\r\n0\r\n\r\n", "0; ieof\r\n\r\n"))
		return false;
	bool cut = server->early > 0 && session->total >= server->early;
	if (preview && !cut && !ends_with(session, "ieof\r\n\r\n") && server->preview != NULL) {
		if (!send_text(session, server->preview))
			return false;
		if (strstr(server->preview, " 100 ") == NULL)
			return !server->closes;
		if (!read_up_to(session, "\r\n0\r\n\r\n", NULL))
			return false;
	}
	return send_text(session, server->answer) && !server->closes && !cut;
}

static void *serve(void *closure)
{
	struct icap_server *server = closure;
	for (;;) {
		struct pollfd wait[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
		if (poll(wait, 2, -1) < 0 || wait[1].revents != 0)
			return NULL;
		struct session session = {.server = server, .fd = accept(server->listener, NULL, NULL)};
		if (session.fd < 0)
			continue;
		atomic_fetch_add(&server->connections, 1);
		while (serve_one(&session))
			;
		/* What was sent is to arrive, although not all was read. */
		shutdown(session.fd, SHUT_WR);
		char rest[4096];
		struct pollfd look[2] = {{.fd = session.fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
		while (poll(look, 2, -1) > 0 && look[1].revents == 0 && recv(session.fd, rest, sizeof rest, 0) > 0)
			;
		close(session.fd);
	}
}

void icap_server_start(struct icap_server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(server->listener, 0);
	ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(server->listener, 16), 0);
	ck_assert_int_eq(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
	ck_assert_int_eq(pipe(server->stop), 0);
	snprintf(server->url, sizeof server->url, "icap_url=icap://127.0.0.1:%u/scan", ntohs(address.sin_port));
	ck_assert_int_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

void icap_server_stop(struct icap_server *server)
{
	ck_assert_int_eq(write(server->stop[1], "", 1), 1);
	pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->stop[0]);
	close(server->stop[1]);
}
