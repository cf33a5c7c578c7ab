/* SPDX-License-Identifier: Apache-2.0
 * A hash table of things that have an ID. What is in it begins with a struct entry and holds its ID, terminated, at the
 * same offset as all others; the table owns none of it. */
#ifndef CORE_BASE_TABLE_H
#define CORE_BASE_TABLE_H

#include <stddef.h>

struct entry {
	struct entry *next; /* in its chain */
};

struct table {
	struct entry **chain;
	size_t chains; /* a power of two */
	size_t count;
	size_t id_at;
};

void table_init(struct table *table, size_t id_at);
void table_free(struct table *table);

/* NULL: there is none. */
struct entry *table_find(const struct table *table, const char *id);
/* There must be none of its ID. */
void table_add(struct table *table, struct entry *entry);
void table_remove(struct table *table, struct entry *entry);

/* The one behind `entry`, of NULL the first, in an order that a change of the table changes; NULL: that was the last. */
struct entry *table_next(const struct table *table, const struct entry *entry);

#endif
