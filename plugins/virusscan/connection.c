/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of one TLS record. */
#define RECORD_SIZE 16384

struct connection {
	int fd;
	SSL *ssl; /* NULL: plain */
	int64_t opened;
	/* What TLS waits for before it can receive, or send, is not always what one would think: an update of keys that was
	 * received is answered first. */
	short receive_events, send_events;
	char record[]; /* RECORD_SIZE with TLS: parts become one record */
};

/* What a call of TLS that did not succeed leads to; -1 with errno, or 0 for the end. */
static ssize_t after(struct connection *connection, int result, short *events)
{
	int number = errno;
	switch (SSL_get_error(connection->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		*events = POLLIN;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_WANT_WRITE:
		*events = POLLOUT;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		/* Without an error of the system it is an end that TLS did not announce. */
		if (result == 0 || number == 0)
			return 0;
		errno = number;
		return -1;
	default:
		errno = EPROTO;
		return -1;
	}
}

/* False: why[size] says why not, and *hint what to look at. */
static bool shake_hands(struct connection *connection, const struct limits *limits, char *why, size_t size,
                        const char **hint)
{
	static const char no_tls[] = "does this port speak TLS? if not, use icap://";
	for (;;) {
		short events = 0;
		ERR_clear_error();
		errno = 0;
		int done = SSL_connect(connection->ssl);
		if (done == 1)
			return true;
		ssize_t result = after(connection, done, &events);
		if (result == 0 || errno != EAGAIN) {
			const char *fallback = result == 0 ? "it closed the connection during the handshake" : strerror(errno);
			*hint = tls_explain(connection->ssl, fallback, why, size) ? no_tls : "";
			return false;
		}
		enum waited waited = socket_wait(connection->fd, events, limits);
		if (waited == WAIT_READY)
			continue;
		*hint = waited == WAIT_TIMEOUT ? no_tls : "";
		snprintf(why, size, "%s",
		         waited == WAIT_TIMEOUT     ? "the handshake did not end in time"
		         : waited == WAIT_CANCELLED ? "the scan was cancelled"
		                                    : strerror(errno));
		return false;
	}
}

static bool secure(struct connection *connection, const struct endpoint *endpoint, struct tls *tls,
                   const struct limits *limits, struct cause *cause)
{
	char reason[256], prefix[sizeof endpoint->text + 32];
	const char *hint = "";
	connection->ssl = tls_begin(tls, &connection->fd);
	if (connection->ssl == NULL)
		snprintf(reason, sizeof reason, "out of memory");
	else if (shake_hands(connection, limits, reason, sizeof reason, &hint))
		return true;
	snprintf(prefix, sizeof prefix, "no TLS connection to %s: ", endpoint->text);
	cause_set(cause, prefix, "%s", reason);
	cause_wrap(cause, "", hint);
	return false;
}

struct connection *connection_open(const struct endpoint *endpoint, struct tls *tls, const struct limits *limits,
                                   struct cause *cause)
{
	struct connection *connection = malloc(sizeof *connection + (tls != NULL ? RECORD_SIZE : 0));
	if (connection == NULL) {
		cause_set(cause, "", "out of memory");
		return NULL;
	}
	*connection = (struct connection){
		.fd = endpoint_connect(endpoint, limits, cause), .receive_events = POLLIN, .send_events = POLLOUT};
	if (connection->fd < 0 || (tls != NULL && !secure(connection, endpoint, tls, limits, cause))) {
		connection_close(connection);
		return NULL;
	}
	connection->opened = monotonic_now();
	return connection;
}

int64_t connection_opened(const struct connection *connection)
{
	return connection->opened;
}

void connection_close(struct connection *connection)
{
	if (connection == NULL)
		return;
	/* Tells the server, if the connection is still good for that. */
	if (connection->ssl != NULL && SSL_is_init_finished(connection->ssl))
		SSL_shutdown(connection->ssl);
	SSL_free(connection->ssl);
	ERR_clear_error();
	if (connection->fd >= 0)
		close(connection->fd);
	free(connection);
}

enum waited connection_wait(struct connection *connection, unsigned *ways, const struct limits *limits)
{
	unsigned wanted = *ways, pending = 0;
	short events = 0;
	/* What TLS has decrypted already does not show at the socket. */
	if ((wanted & CONNECTION_RECEIVE) != 0 && connection->ssl != NULL && SSL_pending(connection->ssl) > 0)
		pending = CONNECTION_RECEIVE;
	if ((wanted & CONNECTION_RECEIVE) != 0)
		events |= connection->receive_events;
	if ((wanted & CONNECTION_SEND) != 0)
		events |= connection->send_events;
	const struct limits now = {.until = 0, .cancel_fd = limits->cancel_fd};
	enum waited waited = socket_wait(connection->fd, events, pending != 0 ? &now : limits);
	if (waited == WAIT_READY && (wanted & (wanted - 1)) == 0)
		return WAIT_READY;
	*ways = pending;
	if (waited == WAIT_TIMEOUT && pending != 0)
		return WAIT_READY;
	if (waited != WAIT_READY)
		return waited;
	struct pollfd look = {.fd = connection->fd, .events = events};
	if (poll(&look, 1, 0) <= 0)
		return WAIT_READY;
	const int over = POLLHUP | POLLERR;
	if ((look.revents & (connection->receive_events | over)) != 0)
		*ways |= wanted & CONNECTION_RECEIVE;
	if ((look.revents & connection->send_events) != 0)
		*ways |= wanted & CONNECTION_SEND;
	return WAIT_READY;
}

/* The beginning of the parts as one record. Parts that were not sent come again unchanged, as TLS demands it. */
static ssize_t send_record(struct connection *connection, const struct iovec *parts, size_t count)
{
	size_t used = 0;
	for (size_t i = 0; i < count && used < RECORD_SIZE; i++) {
		size_t length = parts[i].iov_len < RECORD_SIZE - used ? parts[i].iov_len : RECORD_SIZE - used;
		memcpy(connection->record + used, parts[i].iov_base, length);
		used += length;
	}
	ERR_clear_error();
	errno = 0;
	connection->send_events = POLLOUT;
	int sent = SSL_write(connection->ssl, connection->record, (int)used);
	if (sent > 0)
		return sent;
	if (after(connection, sent, &connection->send_events) == 0)
		errno = EPIPE;
	return -1;
}

ssize_t connection_send(struct connection *connection, const struct iovec *parts, size_t count)
{
	if (connection->ssl != NULL)
		return send_record(connection, parts, count);
	const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count};
	ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && (errno == EWOULDBLOCK || errno == EINTR))
		errno = EAGAIN;
	return sent;
}

ssize_t connection_receive(struct connection *connection, void *bytes, size_t size)
{
	if (connection->ssl != NULL) {
		ERR_clear_error();
		errno = 0;
		connection->receive_events = POLLIN;
		int count = SSL_read(connection->ssl, bytes, (int)size);
		return count > 0 ? count : after(connection, count, &connection->receive_events);
	}
	ssize_t count = recv(connection->fd, bytes, size, MSG_DONTWAIT);
	if (count < 0 && (errno == EWOULDBLOCK || errno == EINTR))
		errno = EAGAIN;
	return count;
}

bool connection_is_idle(struct connection *connection)
{
	char byte;
	if (connection->ssl == NULL)
		return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	/* Takes messages of TLS itself on the way. */
	return connection_receive(connection, &byte, 1) < 0 && errno == EAGAIN;
}
