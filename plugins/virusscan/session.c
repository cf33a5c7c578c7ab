/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int64_t opened(const void *session)
{
	return ((const struct session *)session)->opened;
}

/* Between commands clamd says nothing: whatever can be read is the end of the session. */
static bool is_alive(void *session)
{
	struct pollfd look = {.fd = ((struct session *)session)->fd, .events = POLLIN};
	return poll(&look, 1, 0) == 0;
}

static void close_kept(void *session)
{
	session_close(session);
}

static const struct idle_kind kind = {.opened = opened, .alive = is_alive, .close = close_kept};

bool session_pool_init(struct session_pool *pool, const struct endpoint *endpoint)
{
	pool->endpoint = *endpoint;
	pool->idle = idle_create(&kind);
	return pool->idle != NULL;
}

void session_pool_destroy(struct session_pool *pool)
{
	idle_destroy(pool->idle);
}

void session_close(struct session *session)
{
	close(session->fd);
	free(session);
}

struct session *session_take(struct session_pool *pool)
{
	return idle_take(pool->idle);
}

struct session *session_open(const struct session_pool *pool, const struct limits *limits, struct cause *cause)
{
	struct session *session = calloc(1, sizeof *session);
	if (session == NULL) {
		cause_set(cause, "", "out of memory");
		return NULL;
	}
	session->fd = endpoint_connect(&pool->endpoint, limits, cause);
	if (session->fd < 0) {
		free(session);
		return NULL;
	}
	session->opened = monotonic_now();
	return session;
}

void session_keep(struct session_pool *pool, struct session *session)
{
	idle_keep(pool->idle, session);
}

static enum exchange of_wait(enum waited waited)
{
	return waited == WAIT_READY       ? EXCHANGE_OK
	       : waited == WAIT_TIMEOUT   ? EXCHANGE_TIMEOUT
	       : waited == WAIT_CANCELLED ? EXCHANGE_CANCELLED
	                                  : EXCHANGE_ERROR;
}

/* Drops `sent` bytes from the front. */
static void advance(struct msghdr *message, size_t sent)
{
	while (message->msg_iovlen > 0 && sent >= message->msg_iov->iov_len) {
		sent -= message->msg_iov->iov_len;
		message->msg_iov++;
		message->msg_iovlen--;
	}
	if (message->msg_iovlen > 0) {
		message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + sent;
		message->msg_iov->iov_len -= sent;
	}
}

static enum exchange send_all(struct session *session, struct msghdr *message, const struct limits *limits)
{
	while (message->msg_iovlen > 0) {
		ssize_t sent = sendmsg(session->fd, message, MSG_NOSIGNAL);
		if (sent >= 0) {
			advance(message, (size_t)sent);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET)
			return EXCHANGE_ANSWERED;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return EXCHANGE_ERROR;
		/* While there is no room, an answer may come: clamd wants it read before it takes more. */
		struct pollfd look = {.fd = session->fd, .events = POLLIN};
		if (poll(&look, 1, 0) > 0)
			return EXCHANGE_ANSWERED;
		enum exchange waited = of_wait(socket_wait(session->fd, POLLOUT | POLLIN, limits));
		if (waited != EXCHANGE_OK)
			return waited;
	}
	return EXCHANGE_OK;
}

enum exchange session_send(struct session *session, const char *command, const void *bytes, size_t length,
                           const struct limits *limits)
{
	static const char begin[] = "zIDSESSION";
	struct iovec part[4];
	struct msghdr message = {.msg_iov = part};
	uint32_t size = htonl((uint32_t)length);
	if (length > UINT32_MAX) {
		errno = EMSGSIZE;
		return EXCHANGE_ERROR;
	}
#define ADD(start, count) \
	(part[message.msg_iovlen++] = (struct iovec){.iov_base = (void *)(uintptr_t)(start), .iov_len = (count)})
	if (command != NULL) {
		if (session->number++ == 0)
			ADD(begin, sizeof begin);
		ADD(command, strlen(command) + 1);
	}
	if (bytes != NULL) {
		ADD(&size, sizeof size);
		ADD(bytes, length);
	}
#undef ADD
	return send_all(session, &message, limits);
}

/* Takes the number off an answer; false: it is not the last command's. */
static bool take_number(const struct session *session, char *text)
{
	char expected[32];
	int length = snprintf(expected, sizeof expected, "%lu: ", session->number);
	if (strncmp(text, expected, (size_t)length) != 0)
		return false;
	memmove(text, text + length, strlen(text) - (size_t)length + 1);
	return true;
}

enum exchange session_answer(struct session *session, char text[ANSWER_SIZE], const struct limits *limits)
{
	for (size_t used = 0;;) {
		/* Waits first: the answer is hardly ever there yet. */
		enum exchange waited = of_wait(socket_wait(session->fd, POLLIN, limits));
		if (waited != EXCHANGE_OK)
			return waited;
		ssize_t got = recv(session->fd, text + used, ANSWER_SIZE - used, 0);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return EXCHANGE_CLOSED;
		if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
			continue;
		if (got < 0)
			return EXCHANGE_ERROR;
		used += (size_t)got;
		char *end = memchr(text, '\0', used);
		/* There is one command at a time, so nothing may follow its answer. */
		if (end == text + used - 1)
			return take_number(session, text) ? EXCHANGE_OK : EXCHANGE_MALFORMED;
		if (end != NULL || used == ANSWER_SIZE)
			return EXCHANGE_MALFORMED;
	}
}
