/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/key_filter.h"

#include <stdint.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"

/* With 16 bits for each key, four of them set, a full filter takes one of 400 keys for one of its own. */
#define BITS_PER_KEY 16
#define BITS_SET 4
/* The hex digits that choose one bit. */
#define DIGITS 8

struct key_filter {
	unsigned char *newer, *older; /* older: NULL: none */
	size_t bits;
	size_t most, count; /* keys in the newer one */
};

struct key_filter *key_filter_create(size_t keys, size_t bytes)
{
	struct key_filter *filter = alloc_zeroed(1, sizeof *filter);
	size_t room = bytes / (BITS_PER_KEY / 8), most = keys < room ? keys : room;
	filter->most = most > 0 ? most : 1;
	filter->bits = filter->most * BITS_PER_KEY;
	filter->newer = alloc_zeroed(filter->bits / 8 + 1, 1);
	return filter;
}

void key_filter_destroy(struct key_filter *filter)
{
	if (filter == NULL)
		return;
	free(filter->newer);
	free(filter->older);
	free(filter);
}

/* The bits of a key. Keys of other forms, which nobody of ours has added, get some, too. */
static void choose(const struct key_filter *filter, const char *key, size_t bit[BITS_SET])
{
	for (size_t i = 0; i < BITS_SET; i++) {
		uint32_t number = 0;
		for (size_t j = 0; j < DIGITS && *key != '\0'; j++)
			number = number << 4 | (uint32_t)(hex_digit(*key++) & 15);
		bit[i] = number % filter->bits;
	}
}

static bool has(const unsigned char *bits, const size_t bit[BITS_SET])
{
	for (size_t i = 0; i < BITS_SET; i++)
		if ((bits[bit[i] / 8] >> (bit[i] % 8) & 1) == 0)
			return false;
	return true;
}

void key_filter_add(struct key_filter *filter, const char *key)
{
	size_t bit[BITS_SET];
	choose(filter, key, bit);
	if (has(filter->newer, bit))
		return;
	if (filter->count == filter->most) {
		free(filter->older);
		filter->older = filter->newer;
		filter->newer = alloc_zeroed(filter->bits / 8 + 1, 1);
		filter->count = 0;
	}
	filter->count++;
	for (size_t i = 0; i < BITS_SET; i++)
		filter->newer[bit[i] / 8] |= (unsigned char)(1 << bit[i] % 8);
}

bool key_filter_may_have(const struct key_filter *filter, const char *key)
{
	size_t bit[BITS_SET];
	choose(filter, key, bit);
	return has(filter->newer, bit) || (filter->older != NULL && has(filter->older, bit));
}
