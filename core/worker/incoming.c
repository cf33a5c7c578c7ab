/* SPDX-License-Identifier: Apache-2.0 */
#include "core/worker/incoming.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"

#define CHUNK ((size_t)256 << 10)
/* So often the bytes are fetched as a stream. If the module begins once more, they come as a file. */
#define STREAMS_LIMIT 2

void incoming_init(struct incoming *incoming, uint64_t run, const struct run_message *message)
{
	*incoming = (struct incoming){.run = run, .deadline = message->facts.deadline, .pipe = -1, .file = -1};
	if (message->with_bytes) {
		incoming->state = INCOMING_HERE;
		incoming->whole = true;
		incoming->bytes = message->bytes;
		incoming->length = message->length;
	}
}

static void close_pipe(struct incoming *incoming)
{
	if (incoming->pipe >= 0)
		close(incoming->pipe);
	incoming->pipe = -1;
}

void incoming_free(struct incoming *incoming)
{
	close_pipe(incoming);
	if (incoming->file >= 0)
		close(incoming->file);
	free(incoming->chunk);
	channel_buffer_free(&incoming->buffer);
}

static int fail(struct incoming *incoming, const char *why)
{
	close_pipe(incoming);
	incoming->state = INCOMING_FAILED;
	if (why != incoming->error)
		snprintf(incoming->error, sizeof incoming->error, "%s", why);
	return -1;
}

/* Waits until the descriptor can be read. False: failed. */
static bool await(struct incoming *incoming, int descriptor)
{
	struct pollfd wait[2] = {{.fd = descriptor, .events = POLLIN}, {.fd = WORKER_CANCEL, .events = POLLIN}};
	for (;;) {
		nanos left = incoming->deadline - clock_now();
		int timeout = left <= 0 ? 0 : left > HOUR ? (int)(HOUR / MILLISECOND) : (int)(left / MILLISECOND) + 1;
		int ready = poll(wait, 2, timeout);
		if (ready > 0 && wait[1].revents != 0)
			return fail(incoming, "cancelled") == 0;
		if (ready > 0)
			return true;
		if (ready == 0 && left <= 0)
			return fail(incoming, "the bytes did not arrive before the step's deadline") == 0;
		if (ready < 0 && errno != EINTR)
			return fail(incoming, strerror(errno)) == 0;
	}
}

/* Asks the service; the request has no number yet. What was asked for before is given up. */
static int ask(struct incoming *incoming, struct request_message *request)
{
	struct text packet = {0};
	close_pipe(incoming);
	incoming->noted = false;
	if (incoming->requests == REQUESTS_LIMIT)
		return fail(incoming, "the module asked for the bytes too often");
	request->number = ++incoming->requests;
	request_encode(&packet, incoming->run, request);
	bool sent = channel_send(WORKER_CONTROL, &packet, NULL, 0, -1, true);
	text_free(&packet);
	return sent ? 0 : fail(incoming, "the service does not answer");
}

/* Receives a packet for this run. */
static int receive(struct incoming *incoming, struct channel_buffer *buffer, struct packet *packet, int *descriptor)
{
	*descriptor = -1;
	if (!await(incoming, WORKER_CONTROL))
		return -1;
	if (channel_receive(WORKER_CONTROL, buffer, packet, descriptor, true) == RECEIVED_PACKET &&
	    packet->run == incoming->run)
		return 0;
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
	return fail(incoming, "the service sent something unexpected");
}

/* Takes a packet of the stream. False: it is for an earlier request. */
static bool take_stream(struct incoming *incoming, struct packet *packet, int descriptor)
{
	const char *error;
	unsigned request = 0;
	const void *bytes;
	size_t length;
	if (packet->kind == MESSAGE_END && end_decode(packet, &request, &error)) {
		if (request == incoming->requests && error != NULL)
			fail(incoming, error);
		else if (request == incoming->requests)
			incoming->state = INCOMING_ENDED;
	} else if (packet->kind == MESSAGE_BYTES && bytes_decode(packet, &request, &bytes, &length)) {
		if (request == incoming->requests && descriptor >= 0) {
			incoming->pipe = descriptor;
			incoming->state = INCOMING_PIPE;
			return true;
		}
		if (request == incoming->requests) {
			incoming->bytes = bytes;
			incoming->length = length;
			incoming->whole = true;
			incoming->state = INCOMING_HERE;
		}
	} else if (packet->kind != MESSAGE_COPIED && packet->kind != MESSAGE_CACHED) {
		fail(incoming, "the service sent something unexpected");
		request = incoming->requests;
	}
	if (descriptor >= 0)
		close(descriptor);
	return request == incoming->requests;
}

/* Takes the next packet of the stream that was asked for. */
static int receive_stream(struct incoming *incoming)
{
	struct packet packet;
	int descriptor;
	if (incoming->noted) {
		incoming->noted = false;
		incoming->state = INCOMING_ENDED;
		return incoming->noted_error ? fail(incoming, incoming->error) : 0;
	}
	if (incoming->buffer.bytes == NULL)
		channel_buffer_init(&incoming->buffer);
	do {
		if (receive(incoming, &incoming->buffer, &packet, &descriptor) < 0)
			return -1;
	} while (!take_stream(incoming, &packet, descriptor));
	return incoming->state == INCOMING_FAILED ? -1 : 0;
}

/* 0: the pipe has ended, and a packet says why. */
static ssize_t read_pipe(struct incoming *incoming)
{
	for (;;) {
		ssize_t count = read(incoming->pipe, incoming->chunk, CHUNK);
		if (count >= 0)
			return count;
		if (errno == EAGAIN && !await(incoming, incoming->pipe))
			return -1;
		if (errno != EAGAIN && errno != EINTR)
			return fail(incoming, strerror(errno));
	}
}

static ssize_t read_file(struct incoming *incoming)
{
	ssize_t count;
	do
		count = pread(incoming->file, incoming->chunk, CHUNK, incoming->position);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return fail(incoming, strerror(errno));
	if (count == 0 && incoming->position < incoming->size)
		return fail(incoming, "the copy of the upload is cut short");
	if (count == 0)
		incoming->state = INCOMING_ENDED;
	return count;
}

/* Has a stream begun, or a copy made. */
static int begin(struct incoming *incoming)
{
	if (incoming->streams == STREAMS_LIMIT)
		return incoming_file(incoming) < 0 ? -1 : 0;
	incoming->streams++;
	struct request_message request = {.copy = false};
	return ask(incoming, &request) < 0 ? -1 : receive_stream(incoming);
}

/* As incoming_read(), but 0 may also mean that it has to be called again. */
static ssize_t read_next(struct incoming *incoming, const void **bytes)
{
	ssize_t count;
	if (incoming->chunk == NULL && (incoming->state == INCOMING_PIPE || incoming->state == INCOMING_FILE))
		incoming->chunk = alloc_bytes(CHUNK);
	*bytes = incoming->chunk;
	switch (incoming->state) {
	case INCOMING_ASK:
		return begin(incoming);
	case INCOMING_HERE:
		/* All there was. */
		*bytes = incoming->bytes;
		incoming->state = INCOMING_ENDED;
		return (ssize_t)incoming->length;
	case INCOMING_PIPE:
		count = read_pipe(incoming);
		if (count != 0)
			return count;
		close_pipe(incoming);
		return receive_stream(incoming);
	case INCOMING_FILE:
		return read_file(incoming);
	case INCOMING_ENDED:
		*bytes = "";
		return 0;
	case INCOMING_FAILED:
		break;
	}
	return -1;
}

ssize_t incoming_read(struct incoming *incoming, const void **bytes)
{
	ssize_t count = 0;
	incoming->read = true;
	while (count == 0 && incoming->state != INCOMING_ENDED)
		count = read_next(incoming, bytes);
	if (count == 0)
		*bytes = "";
	else if (count > 0)
		incoming->position += count;
	return count;
}

const char *incoming_error(const struct incoming *incoming)
{
	return incoming->error;
}

int incoming_rewind(struct incoming *incoming)
{
	close_pipe(incoming);
	incoming->position = 0;
	incoming->state = incoming->file >= 0 ? INCOMING_FILE : incoming->whole ? INCOMING_HERE : INCOMING_ASK;
	return 0;
}

/* Takes what came for COPY. False: it is for an earlier request. */
static bool take_copied(struct incoming *incoming, struct packet *packet, int descriptor)
{
	struct copied_message copied = {0};
	const char *error;
	unsigned request = 0;
	const void *bytes;
	size_t length;
	if (packet->kind == MESSAGE_COPIED && copied_decode(packet, &copied) && copied.request == incoming->requests) {
		if (copied.digest != NULL)
			snprintf(incoming->digest, sizeof incoming->digest, "%s", copied.digest);
		if (incoming->file < 0 && descriptor >= 0) {
			incoming->file = descriptor;
			incoming->size = copied.size;
			return true;
		}
		if (incoming->file < 0)
			fail(incoming, "the service sent something unexpected");
		request = copied.request;
	} else if (packet->kind == MESSAGE_END && end_decode(packet, &request, &error)) {
		if (request == incoming->requests)
			fail(incoming, error != NULL ? error : "the service sent something unexpected");
	} else if (packet->kind != MESSAGE_COPIED && packet->kind != MESSAGE_CACHED &&
	           !(packet->kind == MESSAGE_BYTES && bytes_decode(packet, &request, &bytes, &length))) {
		fail(incoming, "the service sent something unexpected");
		request = incoming->requests;
	}
	if (descriptor >= 0)
		close(descriptor);
	return request == incoming->requests;
}

/* Has the service make a copy. read() goes on in it. */
static int copy(struct incoming *incoming, bool digest)
{
	struct channel_buffer buffer;
	struct packet packet;
	int descriptor;
	/* What read() returned last may be in the other buffer. */
	channel_buffer_init(&buffer);
	struct request_message request = {.copy = true, .digest = digest};
	int state = ask(incoming, &request);
	if (state == 0)
		incoming->state = incoming->state == INCOMING_FAILED ? INCOMING_ASK : incoming->state;
	while (state == 0 && (state = receive(incoming, &buffer, &packet, &descriptor)) == 0 &&
	       !take_copied(incoming, &packet, descriptor))
		;
	channel_buffer_free(&buffer);
	if (state != 0 || incoming->state == INCOMING_FAILED)
		return -1;
	if (incoming->state != INCOMING_ENDED)
		incoming->state = INCOMING_FILE;
	return 0;
}

int incoming_file(struct incoming *incoming)
{
	return incoming->file >= 0 || copy(incoming, false) == 0 ? incoming->file : -1;
}

const char *incoming_digest(struct incoming *incoming)
{
	return incoming->digest[0] != '\0' || copy(incoming, true) == 0 ? incoming->digest : NULL;
}

/* Takes what came for QUARANTINE. False: it is for an earlier request. */
static bool take_quarantined(struct incoming *incoming, struct packet *packet)
{
	const char *error;
	unsigned request;
	if (packet->kind == MESSAGE_END && end_decode(packet, &request, &error)) {
		if (request == incoming->requests && error != NULL)
			fail(incoming, error);
		return request == incoming->requests;
	}
	if (packet->kind == MESSAGE_BYTES || packet->kind == MESSAGE_COPIED || packet->kind == MESSAGE_CACHED)
		return false;
	fail(incoming, "the service sent something unexpected");
	return true;
}

int incoming_quarantine(struct incoming *incoming, const struct run_words *words)
{
	struct request_message request = {.quarantine = true, .words = *words};
	struct channel_buffer buffer;
	struct packet packet;
	int descriptor;
	bool answered = false;
	/* With the copy here, read() goes on where it was. */
	if (incoming_file(incoming) < 0 || ask(incoming, &request) < 0)
		return -1;
	if (incoming->state == INCOMING_FAILED)
		incoming->state = INCOMING_FILE;
	/* What read() returned last may be in the other buffer. */
	channel_buffer_init(&buffer);
	while (!answered && receive(incoming, &buffer, &packet, &descriptor) == 0) {
		answered = take_quarantined(incoming, &packet);
		if (descriptor >= 0)
			close(descriptor);
	}
	channel_buffer_free(&buffer);
	return answered && incoming->state != INCOMING_FAILED ? 0 : -1;
}

/* Takes what came while the cache's answer is awaited. True: it is the answer. */
static bool take_cached(struct incoming *incoming, struct packet *packet, unsigned number, char **text)
{
	struct cache_message cached;
	unsigned request;
	const char *error;
	if (packet->run != incoming->run)
		return false;
	if (packet->kind == MESSAGE_CACHED && cache_decode(packet, &cached) && cached.number == number) {
		*text = cached.text != NULL ? alloc_text(cached.text) : NULL;
		return true;
	}
	if (packet->kind == MESSAGE_END && end_decode(packet, &request, &error) && request == incoming->requests) {
		incoming->noted = true;
		incoming->noted_error = error != NULL;
		if (error != NULL)
			snprintf(incoming->error, sizeof incoming->error, "%s", error);
	}
	return false;
}

char *incoming_cached(struct incoming *incoming, unsigned number, nanos until)
{
	struct channel_buffer buffer;
	struct packet packet;
	int descriptor;
	char *text = NULL;
	bool answered = false;
	channel_buffer_init(&buffer);
	while (!answered) {
		struct pollfd wait[2] = {{.fd = WORKER_CONTROL, .events = POLLIN}, {.fd = WORKER_CANCEL, .events = POLLIN}};
		nanos left = until - clock_monotonic();
		int ready = poll(wait, 2, left <= 0 ? 0 : (int)(left / MILLISECOND) + 1);
		if ((ready < 0 && errno != EINTR) || ready == 0 || wait[1].revents != 0)
			break;
		if (ready < 0)
			continue;
		if (channel_receive(WORKER_CONTROL, &buffer, &packet, &descriptor, true) != RECEIVED_PACKET)
			break;
		if (descriptor >= 0)
			close(descriptor);
		answered = take_cached(incoming, &packet, number, &text);
	}
	channel_buffer_free(&buffer);
	return text;
}
