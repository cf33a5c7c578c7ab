/* SPDX-License-Identifier: Apache-2.0
 * A hash table of objects with an ID. Each object begins with a struct entry and contains its terminated ID at the same
 * offset. The table does not own the objects. */
#ifndef CORE_BASE_TABLE_H
#define CORE_BASE_TABLE_H

#include <stddef.h>

struct entry {
	struct entry *next; /* in the chain */
};

struct table {
	struct entry **chain;
	size_t chains; /* a power of two */
	size_t count;
	size_t id_at;
};

void table_init(struct table *table, size_t id_at);
void table_free(struct table *table);

/* NULL: not found. */
struct entry *table_find(const struct table *table, const char *id);
/* The table must not contain an object with the same ID. */
void table_add(struct table *table, struct entry *entry);
void table_remove(struct table *table, struct entry *entry);

/* The object after `entry`, or the first one for NULL; NULL: there are no more. The order changes when the table
 * changes. */
struct entry *table_next(const struct table *table, const struct entry *entry);

#endif
