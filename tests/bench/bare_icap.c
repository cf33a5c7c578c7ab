/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bare_icap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/bench/files.h"

#define CHUNK 262144
#define HEAD_SIZE 8192
#define WAIT_MS 60000
/* Between two chunks, and at the end. */
#define CHUNK_HEAD 16
#define LAST "\r\n0\r\n\r\n"

/* An answer as it arrives. */
struct answer {
	enum { ANSWER_HEAD, ANSWER_SKIP, ANSWER_SIZE, ANSWER_DATA, ANSWER_LAST, ANSWER_DONE, ANSWER_WRONG } state;
	char head[HEAD_SIZE]; /* ANSWER_HEAD; or the line of a chunk's size */
	size_t length;
	size_t left; /* ANSWER_SKIP, ANSWER_DATA */
	int status;
	size_t body; /* bytes of it */
};

static int connect_to(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	fprintf(stderr, "bare ICAP: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The head is complete. */
static void take_head(struct answer *answer)
{
	const char *body = strstr(answer->head, "-body="), *null = strstr(answer->head, "null-body=");
	answer->status = (int)strtol(answer->head + strlen("ICAP/1.0 "), NULL, 10);
	answer->length = 0;
	answer->state = ANSWER_DONE;
	if (answer->status != 200 || body == NULL || null != NULL)
		return;
	answer->left = strtoul(body + strlen("-body="), NULL, 10);
	answer->state = answer->left > 0 ? ANSWER_SKIP : ANSWER_SIZE;
}

static void take_size(struct answer *answer)
{
	size_t size = strtoul(answer->head, NULL, 16);
	answer->length = 0;
	answer->body += size;
	answer->left = size + 2;
	answer->state = size > 0 ? ANSWER_DATA : ANSWER_LAST;
}

/* A byte of a head or a line; `end` says where it ends. */
static bool take_byte(struct answer *answer, char byte, const char *end)
{
	size_t length = strlen(end);
	if (answer->length + 1 == HEAD_SIZE) {
		answer->state = ANSWER_WRONG;
		return false;
	}
	answer->head[answer->length++] = byte;
	answer->head[answer->length] = '\0';
	return answer->length >= length && memcmp(answer->head + answer->length - length, end, length) == 0;
}

static void take(struct answer *answer, const char *bytes, size_t count)
{
	while (count > 0 && answer->state != ANSWER_DONE && answer->state != ANSWER_WRONG) {
		size_t taken = 1;
		switch (answer->state) {
		case ANSWER_HEAD:
			if (take_byte(answer, *bytes, "\r\n\r\n"))
				take_head(answer);
			break;
		case ANSWER_SIZE:
			if (take_byte(answer, *bytes, "\r\n"))
				take_size(answer);
			break;
		case ANSWER_LAST:
			if (take_byte(answer, *bytes, "\r\n"))
				answer->state = ANSWER_DONE;
			break;
		case ANSWER_SKIP:
		case ANSWER_DATA:
			taken = count < answer->left ? count : answer->left;
			answer->left -= taken;
			if (answer->left == 0)
				answer->state = ANSWER_SIZE;
			break;
		case ANSWER_DONE:
		case ANSWER_WRONG:
			break;
		}
		bytes += taken;
		count -= taken;
	}
}

/* Sends the bytes while it reads the answer, which may come sooner. False: the connection is over. */
static bool exchange(int fd, const char *bytes, size_t length, struct answer *answer)
{
	static _Thread_local char chunk[CHUNK];
	while (answer->state != ANSWER_DONE && answer->state != ANSWER_WRONG) {
		struct pollfd wait = {.fd = fd, .events = (short)(length > 0 ? POLLIN | POLLOUT : POLLIN)};
		if (poll(&wait, 1, WAIT_MS) <= 0)
			return false;
		if ((wait.revents & POLLOUT) != 0) {
			ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (sent < 0 && errno != EAGAIN)
				return false;
			bytes += sent > 0 ? sent : 0;
			length -= sent > 0 ? (size_t)sent : 0;
		}
		if ((wait.revents & ~POLLOUT) != 0) {
			ssize_t count = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
			if (count == 0 || (count < 0 && errno != EAGAIN))
				return false;
			take(answer, chunk, count > 0 ? (size_t)count : 0);
		}
	}
	return answer->state == ANSWER_DONE && length == 0;
}

/* The preview that the server wants. */
static bool ask_preview(unsigned port, const char *service, size_t *preview)
{
	char request[512];
	struct answer answer = {.state = ANSWER_HEAD};
	int length = snprintf(request, sizeof request,
	                      "OPTIONS icap://127.0.0.1:%u/%s ICAP/1.0\r\nHost: 127.0.0.1:%u\r\n"
	                      "Encapsulated: null-body=0\r\n\r\n",
	                      port, service, port);
	int fd = connect_to(port);
	/* take_head() keeps the text of the head. */
	bool good = fd >= 0 && exchange(fd, request, (size_t)length, &answer) && answer.status == 200;
	const char *wanted = good ? strstr(answer.head, "\r\nPreview: ") : NULL;
	if (wanted != NULL)
		*preview = strtoul(wanted + strlen("\r\nPreview: "), NULL, 10);
	else
		fprintf(stderr, "bare ICAP: %s offers no preview\n", service);
	if (fd >= 0)
		close(fd);
	return wanted != NULL;
}

/* The request, up to its preview. */
static bool make_begin(struct bare_icap *icap, const char *service, const char *bytes, size_t preview)
{
	static const char get[] = "GET http://upload/bench.dat HTTP/1.1\r\nHost: upload\r\n\r\n";
	char answer[256], head[1024];
	int reply = snprintf(answer, sizeof answer,
	                     "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n",
	                     icap->size);
	int used = snprintf(
		head, sizeof head,
		"RESPMOD icap://127.0.0.1:%u/%s ICAP/1.0\r\nHost: 127.0.0.1:%u\r\nAllow: 204\r\nPreview: %zu\r\n"
		"Encapsulated: req-hdr=0, res-hdr=%zu, res-body=%zu\r\n\r\n%s%s%zx\r\n",
		icap->port, service, icap->port, preview, strlen(get), strlen(get) + (size_t)reply, get, answer, preview);
	icap->begin = malloc((size_t)used + preview + sizeof LAST);
	if (icap->begin == NULL)
		return false;
	memcpy(icap->begin, head, (size_t)used);
	memcpy(icap->begin + used, bytes, preview);
	memcpy(icap->begin + used + preview, LAST, sizeof LAST);
	icap->begin_length = (size_t)used + preview + strlen(LAST);
	return true;
}

/* The other bytes, in chunks. */
static bool make_rest(struct bare_icap *icap, const char *bytes, size_t length)
{
	icap->rest = malloc(length + (length / CHUNK + 1) * (CHUNK_HEAD + 2) + sizeof LAST);
	size_t used = 0;
	if (icap->rest == NULL)
		return false;
	for (size_t at = 0; at < length; at += CHUNK) {
		size_t count = length - at < CHUNK ? length - at : CHUNK;
		used += (size_t)snprintf(icap->rest + used, CHUNK_HEAD, "%s%zx\r\n", at > 0 ? "\r\n" : "", count);
		memcpy(icap->rest + used, bytes + at, count);
		used += count;
	}
	memcpy(icap->rest + used, LAST, sizeof LAST);
	icap->rest_length = used + strlen(LAST);
	return true;
}

bool bare_icap_begin(struct bare_icap *icap, unsigned port, const char *service, size_t size)
{
	size_t preview = 0;
	*icap = (struct bare_icap){.port = port, .size = size};
	if (!ask_preview(port, service, &preview))
		return false;
	int fd = memfd_create("file", MFD_CLOEXEC);
	char *bytes = MAP_FAILED;
	if (fd >= 0 && preview < size && bench_files_write(fd, (int64_t)size))
		bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	bool good = bytes != MAP_FAILED && make_begin(icap, service, bytes, preview) &&
	            make_rest(icap, bytes + preview, size - preview);
	if (!good)
		fprintf(stderr, "bare ICAP: no memory for a file of %zu bytes\n", size);
	if (bytes != MAP_FAILED)
		munmap(bytes, size);
	if (fd >= 0)
		close(fd);
	return good;
}

void bare_icap_end(struct bare_icap *icap)
{
	free(icap->begin);
	free(icap->rest);
}

/* False: the connection is over. */
static bool scan_on(const struct bare_icap *icap, int fd, struct answer *answer)
{
	*answer = (struct answer){.state = ANSWER_HEAD};
	if (!exchange(fd, icap->begin, icap->begin_length, answer))
		return false;
	if (answer->status != 100)
		return true;
	*answer = (struct answer){.state = ANSWER_HEAD};
	return exchange(fd, icap->rest, icap->rest_length, answer);
}

bool bare_icap_scan(const struct bare_icap *icap, int *fd)
{
	struct answer answer = {0};
	bool kept = *fd >= 0;
	if (!kept)
		*fd = connect_to(icap->port);
	bool good = *fd >= 0 && scan_on(icap, *fd, &answer);
	if (!good && kept) {
		/* The server limits the number of requests on a connection. */
		close(*fd);
		*fd = connect_to(icap->port);
		good = *fd >= 0 && scan_on(icap, *fd, &answer);
	}
	if (good && (answer.status == 204 || (answer.status == 200 && answer.body == icap->size)))
		return true;
	fprintf(stderr, "bare ICAP: status %d with %zu bytes\n", answer.status, answer.body);
	return false;
}
