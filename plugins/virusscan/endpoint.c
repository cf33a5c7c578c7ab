/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NANOS INT64_C(1000000000)
#define MILLISECOND_NANOS INT64_C(1000000)
/* Limit for one address while there are others to try. */
#define ADDRESS_TIME (3 * SECOND_NANOS)
#define BACKLOG_PAUSE (20 * MILLISECOND_NANOS)

int64_t monotonic_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND_NANOS + now.tv_nsec;
}

enum waited socket_wait(int fd, short events, const struct limits *limits)
{
	struct pollfd wait[2] = {{.fd = fd, .events = events}, {.fd = limits->cancel_fd, .events = POLLIN}};
	for (;;) {
		int64_t left = limits->until - monotonic_now();
		int timeout = left <= 0 ? 0 : left > 3600 * SECOND_NANOS ? 3600000 : (int)(left / MILLISECOND_NANOS) + 1;
		int ready = poll(wait, 2, timeout);
		if (ready < 0 && errno != EINTR)
			return WAIT_ERROR;
		if (ready > 0 && wait[1].revents != 0)
			return WAIT_CANCELLED;
		if (ready > 0)
			return WAIT_READY;
		if (ready == 0 && left <= 0)
			return WAIT_TIMEOUT;
	}
}

bool limits_cancelled(const struct limits *limits)
{
	const struct limits now = {.until = 0, .cancel_fd = limits->cancel_fd};
	return socket_wait(-1, 0, &now) == WAIT_CANCELLED;
}

static bool copy(char *to, size_t size, const char *from, size_t length)
{
	if (length == 0 || length >= size)
		return false;
	memcpy(to, from, length);
	to[length] = '\0';
	return true;
}

static bool parse_local(const char *path, struct endpoint *endpoint)
{
	endpoint->local = true;
	return copy(endpoint->path, sizeof endpoint->path, path, strlen(path));
}

static bool valid_port(const char *port)
{
	long value = 0;
	for (const char *digit = port; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '9' || value > 65535)
			return false;
		value = value * 10 + (*digit - '0');
	}
	return value >= 1 && value <= 65535;
}

/* host:port or [v6]:port; `fallback` NULL: the port has to be there. */
static bool parse_remote(const char *text, const char *fallback, struct endpoint *endpoint)
{
	size_t length = strlen(text);
	if (fallback != NULL && length > 0 && text[length - 1] == '/')
		length--;
	const char *host = text, *host_end, *rest;
	if (*text == '[') {
		host++;
		host_end = memchr(text, ']', length);
		rest = host_end == NULL ? NULL : host_end + 1;
	} else {
		host_end = memchr(text, ':', length);
		if (host_end == NULL)
			host_end = text + length;
		rest = host_end;
	}
	if (rest == NULL || !copy(endpoint->host, sizeof endpoint->host, host, (size_t)(host_end - host)) ||
	    strpbrk(endpoint->host, "/ \t@?#") != NULL)
		return false;
	size_t left = length - (size_t)(rest - text);
	if (left == 0)
		return fallback != NULL && copy(endpoint->port, sizeof endpoint->port, fallback, strlen(fallback));
	return *rest == ':' && copy(endpoint->port, sizeof endpoint->port, rest + 1, left - 1) &&
	       valid_port(endpoint->port);
}

bool endpoint_parse(const char *text, struct endpoint *endpoint)
{
	memset(endpoint, 0, sizeof *endpoint);
	bool valid;
	if (strncmp(text, "unix://", 7) == 0)
		valid = text[7] == '/' && parse_local(text + 7, endpoint);
	else if (strncmp(text, "tcp://", 6) == 0)
		valid = parse_remote(text + 6, "3310", endpoint);
	else if (*text == '/' || *text == '.')
		valid = parse_local(text, endpoint);
	else
		valid = parse_remote(text, NULL, endpoint);
	if (!valid)
		return false;
	if (endpoint->local)
		snprintf(endpoint->text, sizeof endpoint->text, "%s", endpoint->path);
	else
		snprintf(endpoint->text, sizeof endpoint->text, strchr(endpoint->host, ':') != NULL ? "[%s]:%s" : "%s:%s",
		         endpoint->host, endpoint->port);
	return true;
}

bool endpoint_is_local(const struct endpoint *endpoint)
{
	struct in_addr four;
	struct in6_addr six;
	if (endpoint->local || strcasecmp(endpoint->host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, endpoint->host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, endpoint->host, &six) == 1 &&
	       (IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127));
}

static int wait_text(enum waited waited)
{
	return waited == WAIT_CANCELLED ? ECANCELED : waited == WAIT_TIMEOUT ? ETIMEDOUT : EIO;
}

/* Connects `fd`; 0 or an errno. */
static int connect_socket(int fd, const struct sockaddr *address, socklen_t length, const struct limits *limits)
{
	while (connect(fd, address, length) != 0) {
		if (errno == EISCONN)
			return 0;
		if (errno == EAGAIN) {
			/* A local socket whose queue of connections is full says so instead of waiting. */
			struct limits pause = {.until = monotonic_now() + BACKLOG_PAUSE, .cancel_fd = limits->cancel_fd};
			enum waited waited = socket_wait(-1, 0, &pause);
			if (waited != WAIT_TIMEOUT || monotonic_now() >= limits->until)
				return wait_text(waited);
			continue;
		}
		if (errno != EINPROGRESS && errno != EINTR)
			return errno;
		enum waited waited = socket_wait(fd, POLLOUT, limits);
		if (waited != WAIT_READY)
			return wait_text(waited);
		int number = 0;
		socklen_t size = sizeof number;
		return getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0 ? errno : number;
	}
	return 0;
}

/* A socket, or -1 with errno. */
static int open_socket(int family, const struct sockaddr *address, socklen_t length, const struct limits *limits)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int on = 1;
	int number = 0;
	if (family != AF_UNIX && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
		number = errno;
	if (number == 0)
		number = connect_socket(fd, address, length, limits);
	if (number != 0) {
		close(fd);
		errno = number;
		return -1;
	}
	return fd;
}

static int connect_local(const struct endpoint *endpoint, const struct limits *limits)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, endpoint->path, sizeof address.sun_path);
	return open_socket(AF_UNIX, (const struct sockaddr *)&address, sizeof address, limits);
}

/* How long one of several addresses gets that follow each other. */
static struct limits share_of(const struct limits *limits, int64_t addresses)
{
	int64_t now = monotonic_now(), share = addresses > 1 ? (limits->until - now) / addresses : limits->until - now;
	if (addresses > 1 && share > ADDRESS_TIME)
		share = ADDRESS_TIME;
	return (struct limits){.until = now + share, .cancel_fd = limits->cancel_fd};
}

/* The first of the addresses that answers; -1 with errno. */
static int connect_first(const struct addrinfo *list, const struct limits *limits)
{
	int64_t left = 0;
	int fd = -1;
	for (const struct addrinfo *entry = list; entry != NULL; entry = entry->ai_next)
		left++;
	for (const struct addrinfo *entry = list; entry != NULL && fd < 0; entry = entry->ai_next, left--) {
		struct limits share = share_of(limits, left);
		fd = open_socket(entry->ai_family, entry->ai_addr, entry->ai_addrlen, &share);
		if (fd < 0 && errno == ECANCELED)
			break;
	}
	return fd;
}

/* In a sandbox without network, socket() fails with EPERM, and the lookup of a name with a reason that misleads. */
static bool is_denied(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool denied = fd < 0 && errno == EPERM;
	if (fd >= 0)
		close(fd);
	return denied;
}

/* Sets the cause: the connection could not be made. Returns -1. */
static int refuse(const struct endpoint *endpoint, int number, struct cause *cause)
{
	char prefix[sizeof endpoint->text + 32], error[ERROR_TEXT_SIZE];
	snprintf(prefix, sizeof prefix, "cannot connect to %s: ", endpoint->text);
	cause_set(cause, prefix, "%s", format_error(number, error));
	if (number == EACCES && endpoint->local)
		cause_wrap(cause, "", "see LocalSocketMode and LocalSocketGroup in clamd.conf");
	if (number == EPERM)
		cause_wrap(cause, "",
		           endpoint->local ? "the sandbox does not allow Unix sockets (key allow)"
		                           : "the sandbox does not allow the network (key allow)");
	return -1;
}

static int connect_remote(const struct endpoint *endpoint, const struct limits *limits, struct cause *cause)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int failure = getaddrinfo(endpoint->host, endpoint->port, &hints, &list);
	if (failure != 0 && is_denied())
		return refuse(endpoint, EPERM, cause);
	if (failure != 0) {
		cause_set(cause, "", "cannot look up %s: %s", endpoint->host,
		          failure == EAI_SYSTEM ? strerror(errno) : gai_strerror(failure));
		return -1;
	}
	int fd = connect_first(list, limits), number = errno;
	freeaddrinfo(list);
	return fd >= 0 ? fd : refuse(endpoint, number, cause);
}

int endpoint_connect(const struct endpoint *endpoint, const struct limits *limits, struct cause *cause)
{
	if (!endpoint->local)
		return connect_remote(endpoint, limits, cause);
	int fd = connect_local(endpoint, limits);
	return fd >= 0 ? fd : refuse(endpoint, errno, cause);
}
