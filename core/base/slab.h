/* SPDX-License-Identifier: Apache-2.0
 * Equal cells, in blocks of their own: what stays for long does not lie scattered among what comes and goes, all of which
 * would stay with it. A block goes when its last cell is given back. */
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
