/* SPDX-License-Identifier: Apache-2.0
 * The input is a storage's answer, preceded by three bytes: bits of `enum option`, the number of bytes of the
 * upload, and the number of bytes per read. Two uploads are read one after the other, on one connection if it is
 * kept. An upload is read to its end only if exactly its bytes came with a 200, memory stays within bounds, and
 * every read ends.
 *
 * Linked with --wrap, so that libcurl gets our sockets, the storage runs whenever libcurl waits, and time passes
 * only then. */
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/content/content.h"
#include "core/content/content_http.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"

enum option {
	OPTION_SILENT = 1,   /* the storage is silent at the end of the input, instead of closing */
	OPTION_DEADLINE = 2, /* there is a deadline, and the silence lasts until then */
	OPTION_CANCEL = 4,   /* cancelled at the end of the input */
	OPTION_ZEROS = 8     /* a body of zeros follows, larger than the reader's buffer */
};

#define SECRET "SeCrEt"
#define ZEROS ((size_t)600 * 1024)
/* libcurl's: a header of 100 KiB, two buffers for the body, and what it keeps between transfers. */
#define MEMORY_LIMIT ((size_t)1024 * 1024)
#define TURNS_LIMIT 2000000u

static struct {
	int peer; /* -1: none */
	const uint8_t *data;
	size_t left, zeros, piece;
	unsigned options, turns;
	bool closed;
	int cancel[2];
	nanos time;
	char *said; /* since the upload began */
	size_t said_length;
} storage;

static size_t allocated;

CURLMcode __real_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode __real_curl_multi_poll(CURLM *multi, struct curl_waitfd *extra, unsigned count, int milliseconds, int *ready);
CURLMcode __wrap_curl_multi_poll(CURLM *multi, struct curl_waitfd *extra, unsigned count, int milliseconds, int *ready);
nanos __wrap_clock_monotonic(void);
nanos __wrap_clock_now(void);

nanos __wrap_clock_monotonic(void)
{
	return storage.time;
}

nanos __wrap_clock_now(void)
{
	return storage.time;
}

/* Counts libcurl's memory; the size is stored before each block. */
static void *resize(void *old, size_t size)
{
	size_t *block = old == NULL ? NULL : (size_t *)old - 2, before = block == NULL ? 0 : *block;
	block = realloc(block, size + 2 * sizeof *block);
	REQUIRE(block != NULL);
	*block = size;
	allocated += size - before;
	REQUIRE(allocated < MEMORY_LIMIT);
	return block + 2;
}

static void *take(size_t size)
{
	return resize(NULL, size);
}

static void give(void *block)
{
	if (block == NULL)
		return;
	allocated -= ((size_t *)block)[-2];
	free((size_t *)block - 2);
}

static char *copy(const char *text)
{
	size_t size = strlen(text) + 1;
	return memcpy(take(size), text, size);
}

static void *take_zeros(size_t count, size_t size)
{
	return memset(take(count * size), 0, count * size);
}

static void hang_up(void)
{
	if (storage.peer >= 0)
		close(storage.peer);
	storage.peer = -1;
}

/* The storage listens on a socket whose name the kernel has chosen. */
static int listener(struct sockaddr_un *address, socklen_t *length)
{
	static int fd = -1;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	*length = sizeof *address;
	if (fd < 0) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		REQUIRE(fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof address->sun_family) == 0 &&
		        listen(fd, 8) == 0);
	}
	REQUIRE(getsockname(fd, (struct sockaddr *)address, length) == 0);
	return fd;
}

/* All connections of libcurl go to the storage. */
static curl_socket_t open_socket(void *closure, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)closure;
	(void)purpose;
	struct sockaddr_un here;
	socklen_t length;
	listener(&here, &length);
	hang_up();
	storage.closed = false;
	address->family = AF_UNIX;
	address->addrlen = length;
	memcpy(&address->addr, &here, length);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy)
{
	REQUIRE(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK);
	return __real_curl_multi_add_handle(multi, easy);
}

/* False: no output is left. */
static bool speak(void)
{
	static const uint8_t zeros[16 * 1024];
	size_t more = storage.left > 0 ? storage.left : storage.zeros < sizeof zeros ? storage.zeros : sizeof zeros;
	const uint8_t *bytes = storage.left > 0 ? storage.data : zeros;
	if (storage.left > 0 && more > storage.piece)
		more = storage.piece;
	if (more == 0 || storage.closed)
		return false;
	ssize_t sent = send(storage.peer, bytes, more, MSG_NOSIGNAL);
	if (sent < 0 && errno == EAGAIN)
		return true; /* not read yet */
	if (sent < 0)
		return false;
	memcpy(storage.said + storage.said_length, bytes, (size_t)sent);
	storage.said_length += (size_t)sent;
	if (storage.left > 0) {
		storage.data += sent;
		storage.left -= (size_t)sent;
	} else {
		storage.zeros -= (size_t)sent;
	}
	return true;
}

/* The storage runs whenever the reader waits. */
CURLMcode __wrap_curl_multi_poll(CURLM *multi, struct curl_waitfd *extra, unsigned count, int milliseconds, int *ready)
{
	char request[4096];
	struct sockaddr_un here;
	socklen_t length;
	REQUIRE(++storage.turns < TURNS_LIMIT);
	if (storage.peer < 0)
		storage.peer = accept4(listener(&here, &length), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (storage.peer >= 0 && recv(storage.peer, request, sizeof request, 0) > 0)
		continue;
	if (storage.peer >= 0 && !speak()) {
		if (storage.options & OPTION_CANCEL) {
			REQUIRE(write(storage.cancel[1], "", 1) == 1);
		} else if (storage.options & OPTION_SILENT) {
			storage.time += milliseconds * MILLISECOND;
		} else if (!storage.closed) {
			shutdown(storage.peer, SHUT_WR);
			storage.closed = true;
		} else {
			storage.time += MILLISECOND;
		}
	}
	return __real_curl_multi_poll(multi, extra, count, 0, ready);
}

/* The input contains a status line with 200. */
static bool said_200(void)
{
	const char *at = storage.said, *end = storage.said + storage.said_length;
	while ((at = memmem(at, (size_t)(end - at), "HTTP/1.", 7)) != NULL && end - at >= 12) {
		if (memcmp(at + 8, " 200", 4) == 0)
			return true;
		at++;
	}
	return false;
}

static bool said_chunked(void)
{
	for (size_t i = 0; i + 7 <= storage.said_length; i++)
		if (strncasecmp(storage.said + i, "chunked", 7) == 0)
			return true;
	return false;
}

static void check_body(const char *body, size_t length)
{
	REQUIRE(length == 0 || said_200());
	REQUIRE(length <= storage.said_length);
	/* Chunks are joined; everything else is left as it was received. */
	REQUIRE(said_chunked() || length == 0 || memmem(storage.said, storage.said_length, body, length) != NULL);
}

static void read_upload(struct content *content, size_t expected)
{
	static char body[ZEROS + (1 << 20)];
	size_t length = 0;
	ssize_t got;
	const void *bytes;
	storage.said_length = 0;
	content_open(content, "http://127.0.0.1:9/a/" SECRET "?" SECRET, (int64_t)expected,
	             storage.options & OPTION_DEADLINE ? storage.time + SECOND : 0, storage.cancel[0]);
	while ((got = content_read(content, &bytes)) > 0) {
		REQUIRE(length + (size_t)got <= sizeof body);
		memcpy(body + length, bytes, (size_t)got);
		length += (size_t)got;
	}
	check_body(body, length);
	if (got == 0) {
		REQUIRE(length == expected && said_200());
		REQUIRE(content_read(content, &bytes) == 0);
	} else {
		const char *why = content_error(content);
		REQUIRE(why[0] != '\0' && strstr(why, SECRET) == NULL && strlen(why) < CONTENT_ERROR_SIZE);
		REQUIRE(content_read(content, &bytes) == -1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	static const struct content_options options = {.stall = MINUTE};
	if (!begun)
		REQUIRE(curl_global_init_mem(CURL_GLOBAL_ALL, take, give, resize, copy, take_zeros) == CURLE_OK);
	begun = true;
	if (size < 3 || size > 256 * 1024)
		return 0;
	storage.options = data[0];
	storage.piece = data[2] == 0 ? SIZE_MAX : data[2];
	storage.data = data + 3;
	storage.left = size - 3;
	storage.zeros = storage.options & OPTION_ZEROS ? ZEROS : 0;
	storage.said = malloc(storage.left + storage.zeros + 1);
	storage.said_length = 0;
	storage.turns = 0;
	storage.peer = -1;
	storage.time = 1700000000 * SECOND;
	REQUIRE(storage.said != NULL && pipe(storage.cancel) == 0);
	struct content *content = content_create(&options);
	REQUIRE(content != NULL);
	read_upload(content, data[1] == 255 ? ZEROS : data[1]);
	read_upload(content, data[1] == 255 ? ZEROS : data[1]);
	content_destroy(content);
	hang_up();
	close(storage.cancel[0]);
	close(storage.cancel[1]);
	free(storage.said);
	return 0;
}
