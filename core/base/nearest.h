/* SPDX-License-Identifier: Apache-2.0
 * "Did you mean …": of several names, the one that a wrong name was most likely meant to be. */
#ifndef CORE_BASE_NEAREST_H
#define CORE_BASE_NEAREST_H

#include <stddef.h>

/* How many letters have to be changed, added, left out or swapped with their neighbour to make one text of the other; the
 * case of letters counts for nothing. Both at most NEAREST_MAX bytes; longer ones are NEAREST_FAR. */
#define NEAREST_MAX 255
#define NEAREST_FAR ((size_t)1000)
size_t text_distance(const char *one, const char *other);

/* Begin with {0}. */
struct nearest {
	const char *name; /* NULL: none of those that were offered is near enough to be meant */
	size_t distance;
};
/* Offers a name (borrowed); of names that are equally near the first one stays. */
void nearest_offer(struct nearest *nearest, const char *wrong, const char *name);

#define NEAREST_WORDS_SIZE (NEAREST_MAX + 64)
/* "; did you mean NAME?", with what stands before and behind the name, or nothing if there is none. Returns text. */
const char *nearest_words(const struct nearest *nearest, const char *before, const char *behind, char text[NEAREST_WORDS_SIZE]);

#endif
