/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/packet.h"

#include <string.h>

/* The length of a string that is NULL. */
#define NO_STRING UINT32_MAX

struct head {
	uint32_t version, kind;
	uint64_t run;
};

static void add(struct text *packet, const void *bytes, size_t length)
{
	text_add_bytes(packet, bytes, length);
}

void packet_begin(struct text *packet, uint32_t kind, uint64_t run)
{
	const struct head head = {PACKET_VERSION, kind, run};
	text_clear(packet);
	packet->failed = false;
	add(packet, &head, sizeof head);
}

void packet_add_number(struct text *packet, int64_t number)
{
	add(packet, &number, sizeof number);
}

void packet_add_string(struct text *packet, const char *string)
{
	size_t length = string != NULL ? strlen(string) : 0;
	uint32_t announced = string != NULL ? (uint32_t)length : NO_STRING;
	if (length >= NO_STRING) {
		packet->failed = true;
		return;
	}
	add(packet, &announced, sizeof announced);
	if (string != NULL)
		add(packet, string, length + 1);
}

static bool take(struct packet *packet, void *value, size_t size)
{
	if (packet->broken || (size_t)(packet->end - packet->at) < size) {
		packet->broken = true;
		return false;
	}
	memcpy(value, packet->at, size);
	packet->at += size;
	return true;
}

bool packet_open(struct packet *packet, const void *bytes, size_t length)
{
	struct head head = {0};
	*packet = (struct packet){.at = bytes, .end = (const char *)bytes + length};
	if (!take(packet, &head, sizeof head) || head.version != PACKET_VERSION)
		packet->broken = true;
	packet->kind = head.kind;
	packet->run = head.run;
	return !packet->broken;
}

int64_t packet_number(struct packet *packet)
{
	int64_t number = 0;
	return take(packet, &number, sizeof number) ? number : 0;
}

int64_t packet_number_within(struct packet *packet, int64_t least, int64_t most)
{
	int64_t number = packet_number(packet);
	if (number >= least && number <= most)
		return number;
	packet->broken = true;
	return least;
}

const char *packet_string(struct packet *packet)
{
	uint32_t length;
	if (!take(packet, &length, sizeof length) || length == NO_STRING)
		return NULL;
	const char *string = packet->at;
	if ((size_t)(packet->end - string) <= length || memchr(string, '\0', (size_t)length + 1) != string + length) {
		packet->broken = true;
		return NULL;
	}
	packet->at = string + length + 1;
	return string;
}

const char *packet_text(struct packet *packet)
{
	const char *string = packet_string(packet);
	if (string != NULL)
		return string;
	packet->broken = true;
	return "";
}

const void *packet_rest(struct packet *packet, size_t *length)
{
	const char *rest = packet->at;
	*length = packet->broken ? 0 : (size_t)(packet->end - rest);
	packet->at = packet->end;
	return rest;
}

bool packet_end(const struct packet *packet)
{
	return !packet->broken && packet->at == packet->end;
}
