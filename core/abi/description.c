/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/description.h"

#include <stdlib.h>
#include <string.h>

#include "core/abi/module_table.h"
#include "core/abi/protocol.h"
#include "core/base/alloc.h"

static size_t count_keys(const struct pp_step_module *table)
{
	size_t count = 0;
	const struct pp_key *key = table->keys;
	for (; key != NULL && key->name != NULL && count < MODULE_KEYS_MAX; key = module_table_next_key(table, key))
		count++;
	return count;
}

static size_t count_needs(const struct pp_step_module *table)
{
	size_t count = 0;
	while (table->needs != NULL && table->needs[count].kind != 0 && count < MODULE_NEEDS_MAX)
		count++;
	return count;
}

void description_encode(struct text *packet, const struct pp_step_module *table)
{
	size_t keys = count_keys(table), needs = count_needs(table);
	const struct pp_key *key = table->keys;
	packet_begin(packet, MESSAGE_DESCRIBED, 0);
	packet_add_number(packet, table->abi_major);
	packet_add_number(packet, table->abi_minor);
	packet_add_number(packet, table->check_run != NULL ? 2 : table->check != NULL ? 1 : 0);
	packet_add_string(packet, table->name);
	packet_add_string(packet, table->version);
	packet_add_string(packet, table->summary);
	packet_add_number(packet, (int64_t)keys);
	for (size_t i = 0; i < keys; i++, key = module_table_next_key(table, key)) {
		packet_add_string(packet, key->name);
		packet_add_string(packet, key->fallback);
		packet_add_string(packet, key->choices);
		packet_add_string(packet, key->environment);
		packet_add_string(packet, key->help);
		packet_add_number(packet, key->min);
		packet_add_number(packet, key->max);
		packet_add_number(packet, key->type);
		packet_add_number(packet, key->required);
	}
	packet_add_number(packet, (int64_t)needs);
	for (size_t i = 0; i < needs; i++) {
		packet_add_number(packet, table->needs[i].kind);
		packet_add_string(packet, table->needs[i].key);
		packet_add_string(packet, table->needs[i].when);
		packet_add_string(packet, table->needs[i].unless);
	}
}

/* Strings are copied one behind the other; together they are shorter than the packet. */
struct copier {
	struct packet *packet;
	char *at;
};

static const char *copy(struct copier *copier, const char *string)
{
	if (string == NULL)
		return NULL;
	char *copied = copier->at;
	size_t size = strlen(string) + 1;
	memcpy(copied, string, size);
	copier->at += size;
	return copied;
}

static const char *take(struct copier *copier)
{
	return copy(copier, packet_string(copier->packet));
}

/* As packet_text(). What is not in the packet takes no room either. */
static const char *take_text(struct copier *copier)
{
	const char *string = packet_text(copier->packet);
	return copier->packet->broken ? "" : copy(copier, string);
}

static struct pp_key take_key(struct copier *copier)
{
	struct packet *packet = copier->packet;
	struct pp_key key = {.name = take_text(copier)};
	key.fallback = take(copier);
	key.choices = take(copier);
	key.environment = take(copier);
	key.help = take(copier);
	key.min = packet_number(packet);
	key.max = packet_number(packet);
	key.type = (uint32_t)packet_number_within(packet, 0, UINT32_MAX);
	key.required = (uint32_t)packet_number_within(packet, 0, UINT32_MAX);
	return key;
}

static struct pp_need take_need(struct copier *copier)
{
	struct pp_need need = {.kind = (uint32_t)packet_number_within(copier->packet, 1, UINT32_MAX)};
	need.key = take(copier);
	need.when = take(copier);
	need.unless = take(copier);
	return need;
}

struct module_description *description_decode(struct packet *packet)
{
	struct module_description *description = alloc_zeroed(1, sizeof *description);
	struct pp_step_module *table = &description->table;
	description->strings = alloc_bytes((size_t)(packet->end - packet->at) + 1);
	struct copier copier = {packet, description->strings};
	*table = (struct pp_step_module){
		.magic = PP_STEP_MAGIC, .size = sizeof(struct pp_step_module), .key_size = sizeof(struct pp_key)};
	table->abi_major = (uint16_t)packet_number_within(packet, 0, UINT16_MAX);
	table->abi_minor = (uint16_t)packet_number_within(packet, 0, UINT16_MAX);
	int64_t check = packet_number_within(packet, 0, 2);
	description->has_check = check != 0;
	description->has_check_run = check == 2;
	table->name = take_text(&copier);
	table->version = take(&copier);
	table->summary = take(&copier);
	size_t keys = (size_t)packet_number_within(packet, 0, MODULE_KEYS_MAX);
	struct pp_key *key = alloc_zeroed(keys + 1, sizeof *key);
	for (size_t i = 0; i < keys; i++)
		key[i] = take_key(&copier);
	table->keys = key;
	size_t needs = (size_t)packet_number_within(packet, 0, MODULE_NEEDS_MAX);
	struct pp_need *need = alloc_zeroed(needs + 1, sizeof *need);
	for (size_t i = 0; i < needs; i++)
		need[i] = take_need(&copier);
	table->needs = need;
	if (packet_end(packet))
		return description;
	description_free(description);
	return NULL;
}

void description_free(struct module_description *description)
{
	if (description == NULL)
		return;
	free((void *)(uintptr_t)description->table.keys);
	free((void *)(uintptr_t)description->table.needs);
	free(description->strings);
	free(description);
}
