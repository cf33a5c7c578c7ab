/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/heap.h"

#include <stdlib.h>

#include "core/base/alloc.h"

static void place(struct heap *heap, struct heap_item *item, size_t at)
{
	heap->item[at] = item;
	item->place = at;
}

static void rise(struct heap *heap, struct heap_item *item)
{
	size_t at = item->place;
	for (; at > 1 && heap->item[at / 2]->key > item->key; at /= 2)
		place(heap, heap->item[at / 2], at);
	place(heap, item, at);
}

static void sink(struct heap *heap, struct heap_item *item)
{
	size_t at = item->place;
	for (;;) {
		size_t child = at * 2;
		if (child < heap->count && heap->item[child + 1]->key < heap->item[child]->key)
			child++;
		if (child > heap->count || heap->item[child]->key >= item->key)
			break;
		place(heap, heap->item[child], at);
		at = child;
	}
	place(heap, item, at);
}

static void grow(struct heap *heap)
{
	if (heap->count + 2 <= heap->size)
		return;
	heap->size = heap->size != 0 ? heap->size * 2 : 64;
	heap->item = alloc_resized(heap->item, heap->size * sizeof *heap->item);
}

void heap_set(struct heap *heap, struct heap_item *item, int64_t key)
{
	item->key = key;
	if (item->place == 0) {
		grow(heap);
		place(heap, item, ++heap->count);
	}
	rise(heap, item);
	sink(heap, item);
}

void heap_remove(struct heap *heap, struct heap_item *item)
{
	if (item->place == 0)
		return;
	struct heap_item *last = heap->item[heap->count--];
	if (last != item) {
		place(heap, last, item->place);
		rise(heap, last);
		sink(heap, last);
	}
	item->place = 0;
}

struct heap_item *heap_first(const struct heap *heap)
{
	return heap->count > 0 ? heap->item[1] : NULL;
}

int64_t heap_first_key(const struct heap *heap)
{
	return heap->count > 0 ? heap->item[1]->key : INT64_MAX;
}

void heap_set_all(struct heap *heap, int64_t key)
{
	for (size_t i = 1; i <= heap->count; i++)
		heap->item[i]->key = key;
}

void heap_free(struct heap *heap)
{
	free(heap->item);
	*heap = (struct heap){0};
}
