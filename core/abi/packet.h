/* SPDX-License-Identifier: Apache-2.0
 * The packets between the service and a worker process, on a socket of type SOCK_SEQPACKET.
 *
 * A packet is a head (version, kind, number of the run it belongs to; 0: none) and fields: numbers of 8 bytes, and
 * strings with their length before and a terminator behind them, in host byte order. Both programs are of one build,
 * and the version makes sure of it. The reader trusts nothing: what does not fit marks it as broken. */
#ifndef CORE_ABI_PACKET_H
#define CORE_ABI_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/text.h"

#define PACKET_VERSION 1u
/* The longest packet. The default limit of the kernel (net.core.wmem_default, 212,992) has room for it. */
#define PACKET_LIMIT ((size_t)160 << 10)

/* Writing; a text that failed is not sent. */
void packet_begin(struct text *packet, uint32_t kind, uint64_t run);
void packet_add_number(struct text *packet, int64_t number);
void packet_add_string(struct text *packet, const char *string); /* NULL stays NULL */

struct packet {
	const char *at, *end;
	uint32_t kind;
	uint64_t run;
	bool broken;
};

/* Begins to read; the bytes are borrowed. False: not a packet of this version. */
bool packet_open(struct packet *packet, const void *bytes, size_t length);
/* The next field; 0 or NULL once the packet is broken. A string points into the bytes. */
int64_t packet_number(struct packet *packet);
int64_t packet_number_within(struct packet *packet, int64_t least, int64_t most); /* beyond them: broken */
const char *packet_string(struct packet *packet);                                 /* may be NULL */
const char *packet_text(struct packet *packet);                                   /* never NULL: broken, "" */
/* All that is left. */
const void *packet_rest(struct packet *packet, size_t *length);
/* Whether all was read and nothing was wrong. */
bool packet_end(const struct packet *packet);

#endif
