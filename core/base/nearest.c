/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/nearest.h"

#include <stdio.h>
#include <string.h>

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Computed row by row; the two previous rows are needed for swapped neighbours. */
size_t text_distance(const char *one, const char *other)
{
	size_t height = strnlen(one, NEAREST_MAX + 1), width = strnlen(other, NEAREST_MAX + 1);
	size_t rows[3][NEAREST_MAX + 1], *row = rows[0], *above = rows[1], *top = rows[2];
	if (height > NEAREST_MAX || width > NEAREST_MAX)
		return NEAREST_FAR;
	for (size_t x = 0; x <= width; x++)
		row[x] = x;
	for (size_t y = 1; y <= height; y++) {
		size_t *spare = top;
		top = above;
		above = row;
		row = spare;
		row[0] = y;
		for (size_t x = 1; x <= width; x++) {
			unsigned char a = lower(one[y - 1]), b = lower(other[x - 1]);
			row[x] = least(least(above[x], row[x - 1]) + 1, above[x - 1] + (a != b));
			if (x > 1 && y > 1 && a == lower(other[x - 2]) && lower(one[y - 2]) == b)
				row[x] = least(row[x], top[x - 2] + 1);
		}
	}
	return row[width];
}

void nearest_offer(struct nearest *nearest, const char *wrong, const char *name)
{
	size_t distance = text_distance(wrong, name), length = strlen(wrong);
	size_t limit = length < 6 ? 1 : length < 10 ? 2 : 3;
	if (distance <= limit && (nearest->name == NULL || distance < nearest->distance))
		*nearest = (struct nearest){name, distance};
}

const char *nearest_words(const struct nearest *nearest, const char *before, const char *behind,
                          char text[NEAREST_WORDS_SIZE])
{
	*text = '\0';
	if (nearest->name != NULL)
		snprintf(text, NEAREST_WORDS_SIZE, "; did you mean %s%s%s?", before, nearest->name, behind);
	return text;
}
