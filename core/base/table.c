/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"

#define CHAINS_FIRST 1024

void table_init(struct table *table, size_t id_at)
{
	*table = (struct table){
		.chain = alloc_zeroed(CHAINS_FIRST, sizeof *table->chain), .chains = CHAINS_FIRST, .id_at = id_at};
}

void table_free(struct table *table)
{
	free(table->chain);
	*table = (struct table){0};
}

static const char *id_of(const struct table *table, const struct entry *entry)
{
	return (const char *)entry + table->id_at;
}

/* FNV-1a. IDs are chosen by storage, not by users. */
static size_t hash(const char *id)
{
	uint64_t value = 14695981039346656037u;
	for (; *id != '\0'; id++)
		value = (value ^ (unsigned char)*id) * 1099511628211u;
	return (size_t)(value ^ value >> 32);
}

static struct entry **chain_of(const struct table *table, const char *id)
{
	return &table->chain[hash(id) & (table->chains - 1)];
}

static void link_entry(struct table *table, struct entry *entry)
{
	struct entry **chain = chain_of(table, id_of(table, entry));
	entry->next = *chain;
	*chain = entry;
}

static void grow(struct table *table)
{
	struct table larger = {.chain = alloc_zeroed(table->chains * 2, sizeof *larger.chain),
	                       .chains = table->chains * 2,
	                       .id_at = table->id_at};
	for (size_t i = 0; i < table->chains; i++) {
		while (table->chain[i] != NULL) {
			struct entry *entry = table->chain[i];
			table->chain[i] = entry->next;
			link_entry(&larger, entry);
		}
	}
	larger.count = table->count;
	free(table->chain);
	*table = larger;
}

struct entry *table_find(const struct table *table, const char *id)
{
	struct entry *entry = *chain_of(table, id);
	while (entry != NULL && strcmp(id_of(table, entry), id) != 0)
		entry = entry->next;
	return entry;
}

void table_add(struct table *table, struct entry *entry)
{
	link_entry(table, entry);
	if (++table->count > table->chains)
		grow(table);
}

void table_remove(struct table *table, struct entry *entry)
{
	struct entry **link = chain_of(table, id_of(table, entry));
	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	table->count--;
}

struct entry *table_next(const struct table *table, const struct entry *entry)
{
	if (entry != NULL && entry->next != NULL)
		return entry->next;
	struct entry **chain = entry != NULL ? chain_of(table, id_of(table, entry)) + 1 : table->chain;
	while (chain < table->chain + table->chains && *chain == NULL)
		chain++;
	return chain < table->chain + table->chains ? *chain : NULL;
}
