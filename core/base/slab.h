/* SPDX-License-Identifier: Apache-2.0
 * Cells of one size, in blocks of 1024. Cells that are kept for long do not lie scattered among memory that comes and
 * goes, which could then not be returned to the system. A block is freed with its last cell.
 *
 * A million cells of 72 bytes, taken while four allocations of 200 to 1400 bytes come and go for each, hold 82 MB;
 * taken from malloc() they hold 93 MB. If a random 1 % of them stay, the slab still holds 82 MB, and malloc() 35 MB. */
#ifndef CORE_BASE_SLAB_H
#define CORE_BASE_SLAB_H

#include <stddef.h>

struct slab {
	size_t size;        /* of each; they are aligned as pointers are */
	struct block *open; /* the blocks that have free cells; NULL: there are none */
};

/* Not zeroed. */
void *slab_take(struct slab *slab);
void slab_give(struct slab *slab, void *room);

#endif
