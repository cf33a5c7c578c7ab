/* SPDX-License-Identifier: Apache-2.0 */

#include "core/http/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"

/* Milliseconds before the next attempt to get a descriptor. */
#define SCARCITY_PAUSE 200

struct listener {
	struct MHD_Daemon *daemon;
	struct connections *connections;
	struct listener_handler handler;
};

/* getaddrinfo() would take 65536 for 0. */
static bool port_valid(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	return digits >= 1 && digits <= 5 && text[digits] == '\0' && strtol(text, NULL, 10) <= 65535;
}

/* Splits HOST:PORT; the host is "" for all addresses. */
static bool split_address(const char *addr, char *host, size_t host_size, const char **port)
{
	const char *colon = strrchr(addr, ':');
	if (colon == NULL || !port_valid(colon + 1))
		return false;
	size_t length = (size_t)(colon - addr);
	*port = colon + 1;
	if (length >= 2 && addr[0] == '[' && addr[length - 1] == ']') {
		addr++;
		length -= 2;
	} else if (memchr(addr, ':', length) != NULL) {
		return false;
	}
	if (length >= host_size)
		return false;
	memcpy(host, addr, length);
	host[length] = '\0';
	return true;
}

static int listen_on(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
	if (fd < 0)
		return -1;
	int on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	int reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

static int listener_open(const char *addr, char *why, size_t size)
{
	char host[256];
	const char *port;
	if (!split_address(addr, host, sizeof host, &port)) {
		snprintf(why, size, "\"%s\" is not a valid address to listen on (HOST:PORT)", addr);
		return -1;
	}
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	int code = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found);
	if (code != 0) {
		snprintf(why, size, "%s: %s", addr, code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
		return -1;
	}
	int fd = -1;
	for (const struct addrinfo *next = found; next != NULL && fd < 0; next = next->ai_next)
		fd = listen_on(next);
	if (fd < 0)
		snprintf(why, size, "cannot listen on %s: %s", addr, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

static bool listener_name(int fd, char text[LISTENER_TEXT_SIZE])
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof address;
	char host[INET6_ADDRSTRLEN], port[8];
	if (getsockname(fd, (struct sockaddr *)&address, &length) != 0 ||
	    getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
	                NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	snprintf(text, LISTENER_TEXT_SIZE, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return true;
}

bool listener_is_everywhere(const char *text)
{
	static const char *const hosts[] = {"0.0.0.0:", "[::]:", "[::ffff:0.0.0.0]:"};
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
		if (strncmp(text, hosts[i], strlen(hosts[i])) == 0)
			return true;
	return false;
}

/* The daemon's messages are dropped, because they contain URLs, which may be secret. If there is no descriptor for a
 * connection, the daemon logs this and retries at once in a busy loop. Therefore it is delayed here until a descriptor
 * may be available. */
static void hear(void *closure, const char *format, va_list arguments)
{
	(void)closure;
	(void)format;
	(void)arguments;
	int reason = errno;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else if (errno == EMFILE || errno == ENFILE)
		poll(NULL, 0, SCARCITY_PAUSE);
	errno = reason;
}

/* libmicrohttpd calls this once for the headers, then for each part of a body (which is ignored), and then for the
 * answer. */
static enum MHD_Result handle_request(void *closure, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version, const char *body, size_t *body_size,
                                      void **state)
{
	struct listener *listener = closure;
	const struct listener_handler *handler = &listener->handler;
	(void)version;
	(void)body;
	bool answering = *state != NULL && *body_size == 0;
	if (answering)
		connections_answering(listener->connections, connection);
	if (!handler->knows(handler->closure, url))
		return listener_refuse(connection, MHD_HTTP_NOT_FOUND, NULL, NULL);
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return listener_refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	*state = listener;
	*body_size = 0;
	return answering ? handler->answer(handler->closure, connection, url) : MHD_YES;
}

static struct MHD_Daemon *start_daemon(struct listener *listener, int fd, const struct listener_limits *limits)
{
	/* Connections beyond the limit are accepted too; one connection is then dropped, not necessarily the newest. */
	unsigned count = 2 * limits->connections.count;
	return MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle_request, listener,
	                        MHD_OPTION_EXTERNAL_LOGGER, hear, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
	                        MHD_OPTION_CONNECTION_LIMIT, count, MHD_OPTION_CONNECTION_TIMEOUT, limits->timeout,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits->memory, MHD_OPTION_NOTIFY_CONNECTION,
	                        connections_notify, listener->connections, MHD_OPTION_NOTIFY_COMPLETED,
	                        connections_completed, listener->connections, MHD_OPTION_END);
}

struct listener *listener_start(const char *addr, const struct listener_limits *limits,
                                const struct listener_handler *handler, char text[LISTENER_TEXT_SIZE], char *why,
                                size_t size)
{
	int fd = listener_open(addr, why, size);
	if (fd < 0)
		return NULL;
	struct stat own = {0}, after;
	struct listener *listener = alloc_zeroed(1, sizeof *listener);
	listener->handler = *handler;
	listener->connections = connections_create(&limits->connections);
	if (listener->connections != NULL && fstat(fd, &own) == 0 && listener_name(fd, text))
		listener->daemon = start_daemon(listener, fd, limits);
	if (listener->daemon != NULL)
		return listener;
	snprintf(why, size, "cannot serve HTTP on %s: %s", addr, strerror(errno));
	listener_stop(listener);
	/* Depending on where it failed, the daemon has closed the socket or not. */
	if (fstat(fd, &after) == 0 && (own.st_ino == 0 || (own.st_dev == after.st_dev && own.st_ino == after.st_ino)))
		close(fd);
	return NULL;
}

void listener_stop(struct listener *listener)
{
	if (listener == NULL)
		return;
	if (listener->daemon != NULL)
		MHD_stop_daemon(listener->daemon);
	connections_destroy(listener->connections);
	free(listener);
}

enum MHD_Result listener_reply(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
                               const char *type, const char *header, const char *value)
{
	if (response == NULL)
		return MHD_NO;
	enum MHD_Result result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (result == MHD_YES && header != NULL)
		result = MHD_add_response_header(response, header, value);
	if (result == MHD_YES)
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result listener_refuse(struct MHD_Connection *connection, unsigned status, const char *header,
                                const char *value)
{
	char text[64];
	int length = snprintf(text, sizeof text, "%s\n", MHD_get_reason_phrase_for(status));
	struct MHD_Response *response = MHD_create_response_from_buffer((size_t)length, text, MHD_RESPMEM_MUST_COPY);
	return listener_reply(connection, status, response, "text/plain", header, value);
}
