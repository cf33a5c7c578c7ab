/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/slab.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/container_of.h"

#define BLOCK_CELLS 1024u

struct cell {
	union {
		struct block *block; /* of one that is taken */
		struct cell *next;   /* of a free one */
	} of;
	char room[];
};

struct block {
	struct block *next, **link; /* among the open ones */
	struct cell *free;          /* that were taken before */
	unsigned fresh;             /* that never were, at the end */
	unsigned taken;
};

static bool is_full(const struct block *block)
{
	return block->taken == BLOCK_CELLS;
}

static void open_block(struct slab *slab, struct block *block)
{
	block->next = slab->open;
	block->link = &slab->open;
	if (block->next != NULL)
		block->next->link = &block->next;
	slab->open = block;
}

static void close_block(struct block *block)
{
	*block->link = block->next;
	if (block->next != NULL)
		block->next->link = block->link;
}

/* From one cell to the next. */
static size_t pitch(const struct slab *slab)
{
	size_t unit = sizeof(struct cell);
	return unit + (slab->size + unit - 1) / unit * unit;
}

static struct block *make_block(struct slab *slab)
{
	struct block *block = alloc_bytes(sizeof *block + BLOCK_CELLS * pitch(slab));
	*block = (struct block){.fresh = BLOCK_CELLS};
	open_block(slab, block);
	return block;
}

static struct cell *take_from(struct block *block, size_t size)
{
	struct cell *cell = block->free;
	if (cell != NULL)
		block->free = cell->of.next;
	else
		cell = (struct cell *)(void *)((char *)(block + 1) + size * (BLOCK_CELLS - block->fresh--));
	block->taken++;
	return cell;
}

void *slab_take(struct slab *slab)
{
	struct block *block = slab->open != NULL ? slab->open : make_block(slab);
	struct cell *cell = take_from(block, pitch(slab));
	if (is_full(block))
		close_block(block);
	cell->of.block = block;
	return cell->room;
}

void slab_give(struct slab *slab, void *room)
{
	struct cell *cell = CONTAINER_OF(room, struct cell, room);
	struct block *block = cell->of.block;
	if (is_full(block))
		open_block(slab, block);
	cell->of.next = block->free;
	block->free = cell;
	if (--block->taken > 0)
		return;
	close_block(block);
	free(block);
}
