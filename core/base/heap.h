/* SPDX-License-Identifier: Apache-2.0
 * A heap: finds the item with the least key. An item is a member of what it belongs to, and the heap only points to it.
 * The user of a heap says what its keys are: times at which something is due, or bytes. */
#ifndef CORE_BASE_HEAP_H
#define CORE_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_item {
	int64_t key;
	size_t place; /* in the heap, from 1; 0: not in it */
};

struct heap {
	struct heap_item **item; /* from place 1 */
	size_t count, size;
};

/* Adds the item; one that is in the heap already gets the new key. */
void heap_set(struct heap *heap, struct heap_item *item, int64_t key);
/* The item need not be in the heap. */
void heap_remove(struct heap *heap, struct heap_item *item);

/* The item with the least key; NULL: the heap is empty. */
struct heap_item *heap_first(const struct heap *heap);
/* Its key; INT64_MAX: the heap is empty. */
int64_t heap_first_key(const struct heap *heap);

/* Gives all items the same key. */
void heap_set_all(struct heap *heap, int64_t key);

void heap_free(struct heap *heap);

#endif
