/* SPDX-License-Identifier: Apache-2.0
 * "Did you mean …": finds the name that is most similar to an unknown name. */
#ifndef CORE_BASE_NEAREST_H
#define CORE_BASE_NEAREST_H

#include <stddef.h>

/* The edit distance: how many letters must be changed, added, removed or swapped with their neighbour to turn one text
 * into the other, ignoring case. If a text is longer than NEAREST_MAX bytes, the distance is NEAREST_FAR. */
#define NEAREST_MAX 255
#define NEAREST_FAR ((size_t)1000)
size_t text_distance(const char *one, const char *other);

/* Initially {0}. */
struct nearest {
	const char *name; /* NULL: none of the offered names is similar enough */
	size_t distance;
};
/* Offers a name (borrowed). If names are equally similar, the first one is kept. */
void nearest_offer(struct nearest *nearest, const char *wrong, const char *name);

#define NEAREST_WORDS_SIZE (NEAREST_MAX + 64)
/* "; did you mean NAME?", with `before` and `behind` around the name, or "" if there is no name. Returns text. */
const char *nearest_words(const struct nearest *nearest, const char *before, const char *behind,
                          char text[NEAREST_WORDS_SIZE]);

#endif
