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

void incoming_init(struct incoming *incoming, uint64_t run, const struct run_message *message)
{
	*incoming = (struct incoming){.run = run, .deadline = message->facts.deadline, .pipe = -1};
	if (message->with_bytes) {
		incoming->state = INCOMING_HERE;
		incoming->bytes = message->bytes;
		incoming->length = message->length;
	}
}

void incoming_free(struct incoming *incoming)
{
	if (incoming->pipe >= 0)
		close(incoming->pipe);
	free(incoming->chunk);
	channel_buffer_free(&incoming->buffer);
}

static ssize_t fail(struct incoming *incoming, const char *why)
{
	incoming->state = INCOMING_FAILED;
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

/* Takes the next packet for this run. */
static ssize_t receive(struct incoming *incoming)
{
	struct packet packet;
	int descriptor;
	const char *error;
	if (!await(incoming, WORKER_CONTROL))
		return -1;
	if (incoming->buffer.bytes == NULL)
		channel_buffer_init(&incoming->buffer);
	if (channel_receive(WORKER_CONTROL, &incoming->buffer, &packet, &descriptor, true) != RECEIVED_PACKET ||
	    packet.run != incoming->run)
		return fail(incoming, "the service sent something unexpected");
	if (packet.kind == MESSAGE_END && end_decode(&packet, &error)) {
		incoming->state = INCOMING_ENDED;
		return error == NULL ? 0 : fail(incoming, error);
	}
	if (packet.kind != MESSAGE_BYTES)
		return fail(incoming, "the service sent something unexpected");
	incoming->bytes = packet_rest(&packet, &incoming->length);
	incoming->pipe = descriptor;
	incoming->state = descriptor >= 0 ? INCOMING_PIPE : INCOMING_HERE;
	return 0;
}

/* 0: the pipe has ended, and a packet says why. */
static ssize_t read_pipe(struct incoming *incoming, const void **bytes)
{
	if (incoming->chunk == NULL)
		incoming->chunk = alloc_bytes(CHUNK);
	for (;;) {
		ssize_t count = read(incoming->pipe, incoming->chunk, CHUNK);
		*bytes = incoming->chunk;
		if (count >= 0)
			return count;
		if (errno == EAGAIN && !await(incoming, incoming->pipe))
			return -1;
		if (errno != EAGAIN && errno != EINTR)
			return fail(incoming, strerror(errno));
	}
}

static void ask(struct incoming *incoming)
{
	struct text packet = {0};
	plain_encode(&packet, MESSAGE_READ, incoming->run);
	if (!channel_send(WORKER_CONTROL, &packet, NULL, 0, -1, true))
		fail(incoming, "the service does not answer");
	text_free(&packet);
}

ssize_t incoming_read(struct incoming *incoming, const void **bytes)
{
	bool asked = false;
	incoming->read = true;
	for (;;) {
		ssize_t count = 0;
		switch (incoming->state) {
		case INCOMING_ASK:
			if (!asked)
				ask(incoming);
			asked = true;
			if (incoming->state == INCOMING_FAILED || receive(incoming) < 0)
				return -1;
			break;
		case INCOMING_HERE:
			/* All there was. */
			*bytes = incoming->bytes;
			count = (ssize_t)incoming->length;
			incoming->state = INCOMING_ENDED;
			return count;
		case INCOMING_PIPE:
			count = read_pipe(incoming, bytes);
			if (count != 0)
				return count;
			close(incoming->pipe);
			incoming->pipe = -1;
			if (receive(incoming) < 0)
				return -1;
			break;
		case INCOMING_ENDED:
			*bytes = "";
			return 0;
		case INCOMING_FAILED:
			return -1;
		}
	}
}

const char *incoming_error(const struct incoming *incoming)
{
	return incoming->error;
}
