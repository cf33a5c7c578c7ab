/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"

/* The kind of the packet that comes with a larger one in a memory file. */
#define KIND_ENVELOPE 0u

struct control {
	_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(int))];
};

static bool send_parts(int socket, const struct text *packet, const void *rest, size_t length, int descriptor,
                       bool wait)
{
	struct control control;
	struct iovec parts[2] = {{packet->data, packet->length}, {(void *)(uintptr_t)rest, length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = length > 0 ? 2 : 1};
	if (descriptor >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof descriptor);
		memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
	}
	ssize_t sent;
	do {
		sent = sendmsg(socket, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	} while (sent < 0 && errno == EINTR);
	return sent >= 0;
}

static bool write_all(int file, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t count = write(file, bytes, length);
		if (count < 0 && errno != EINTR)
			return false;
		bytes += count > 0 ? count : 0;
		length -= count > 0 ? (size_t)count : 0;
	}
	return true;
}

static bool send_enveloped(int socket, const struct text *packet, const void *rest, size_t length, bool wait)
{
	int file = memfd_create("packet", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct text envelope = {0};
	packet_begin(&envelope, KIND_ENVELOPE, 0);
	bool sent = file >= 0 && !envelope.failed && write_all(file, packet->data, packet->length) &&
	            write_all(file, rest, length) &&
	            fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0 &&
	            send_parts(socket, &envelope, NULL, 0, file, wait);
	int reason = errno;
	if (file >= 0)
		close(file);
	text_free(&envelope);
	errno = reason;
	return sent;
}

bool channel_send(int socket, const struct text *packet, const void *rest, size_t length, int descriptor, bool wait)
{
	errno = ENOMEM;
	if (packet->failed)
		return false;
	if (packet->length + length <= PACKET_LIMIT)
		return send_parts(socket, packet, rest, length, descriptor, wait);
	errno = EMSGSIZE;
	return packet->length + length <= CHANNEL_LIMIT && descriptor < 0 &&
	       send_enveloped(socket, packet, rest, length, wait);
}

void channel_buffer_init(struct channel_buffer *buffer)
{
	*buffer = (struct channel_buffer){.bytes = alloc_bytes(CHANNEL_BUFFER)};
}

void channel_buffer_free(struct channel_buffer *buffer)
{
	free(buffer->bytes);
	free(buffer->large);
	*buffer = (struct channel_buffer){0};
}

/* The descriptor that came along; further ones are closed. */
static int take_descriptor(struct msghdr *message)
{
	int kept = -1;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int descriptor;
			memcpy(&descriptor, CMSG_DATA(head) + i * sizeof descriptor, sizeof descriptor);
			if (kept < 0)
				kept = descriptor;
			else
				close(descriptor);
		}
	}
	return kept;
}

/* Reads the packet in a memory file, and closes the file. */
static bool open_envelope(struct channel_buffer *buffer, int file, struct packet *packet)
{
	struct stat status;
	bool good = file >= 0 && fstat(file, &status) == 0 && status.st_size > 0 && status.st_size <= (off_t)CHANNEL_LIMIT;
	size_t length = good ? (size_t)status.st_size : 0;
	buffer->large = good ? malloc(length) : NULL;
	good = buffer->large != NULL && pread(file, buffer->large, length, 0) == (ssize_t)length &&
	       packet_open(packet, buffer->large, length) && packet->kind != KIND_ENVELOPE;
	if (file >= 0)
		close(file);
	return good;
}

enum received channel_receive(int socket, struct channel_buffer *buffer, struct packet *packet, int *descriptor,
                              bool wait)
{
	struct control control;
	struct iovec part = {buffer->bytes, CHANNEL_BUFFER};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t length;
	free(buffer->large);
	buffer->large = NULL;
	*descriptor = -1;
	/* If the other end did not read all before it closed the socket, that is an error once, before what it has sent. */
	do {
		length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	} while (length < 0 && (errno == EINTR || errno == ECONNRESET));
	if (length < 0)
		return errno == EAGAIN ? RECEIVED_NOTHING : RECEIVED_BROKEN;
	*descriptor = take_descriptor(&message);
	if (length == 0)
		return RECEIVED_CLOSED;
	bool whole = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
	if (!whole || !packet_open(packet, buffer->bytes, (size_t)length))
		return RECEIVED_BROKEN;
	if (packet->kind != KIND_ENVELOPE)
		return RECEIVED_PACKET;
	if (buffer->small)
		return RECEIVED_BROKEN;
	int file = *descriptor;
	*descriptor = -1;
	return open_envelope(buffer, file, packet) ? RECEIVED_PACKET : RECEIVED_BROKEN;
}
