/* SPDX-License-Identifier: Apache-2.0
 * Sends and receives packets on a connected SOCK_SEQPACKET socket. */
#ifndef CORE_ABI_CHANNEL_H
#define CORE_ABI_CHANNEL_H

#include "core/abi/packet.h"

/* A packet that is larger than PACKET_LIMIT travels in a sealed memory file, up to this. Only the service sends such.
 */
#define CHANNEL_LIMIT ((size_t)8 << 20)

/* Sends the packet with `rest` behind its fields, and a descriptor (-1: none), which stays the caller's. With `wait`
 * it waits for room. False: it could not be sent (errno). */
bool channel_send(int socket, const struct text *packet, const void *rest, size_t length, int descriptor, bool wait);

/* Room for a packet that was received. */
struct channel_buffer {
	char *bytes; /* CHANNEL_BUFFER */
	char *large; /* a packet in a memory file; freed with the next call, or by channel_buffer_free() */
	bool small;  /* a packet in a memory file is broken: the service takes none from a worker */
};
#define CHANNEL_BUFFER (PACKET_LIMIT + 1)

void channel_buffer_init(struct channel_buffer *buffer);
void channel_buffer_free(struct channel_buffer *buffer);

enum received {
	RECEIVED_PACKET,
	RECEIVED_NOTHING, /* without `wait`: there is none now */
	RECEIVED_CLOSED,  /* the other side has closed the socket, or died */
	RECEIVED_BROKEN   /* too long, not a packet, or an error */
};

/* Receives a packet, which is valid until the next call with this buffer. *descriptor: one that came with it, which is
 * the caller's now; -1: none. */
enum received channel_receive(int socket, struct channel_buffer *buffer, struct packet *packet, int *descriptor,
                              bool wait);

#endif
