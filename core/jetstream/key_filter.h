/* SPDX-License-Identifier: Apache-2.0
 * Which keys a bucket may have: two Bloom filters, a newer and an older one. Keys are added to the newer one. When that
 * is full, it becomes the older one, and the keys of the one before it are forgotten. No clock, no threads. */
#ifndef CORE_JETSTREAM_KEY_FILTER_H
#define CORE_JETSTREAM_KEY_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct key_filter;

/* At least the last `keys` keys are known, at 16 bits for each of them. A Bloom filter has at most this many bytes,
 * though: if that is too small for so many keys, at least the last bytes / 2 keys are known. */
struct key_filter *key_filter_create(size_t keys, size_t bytes);
/* NULL is fine. */
void key_filter_destroy(struct key_filter *filter);

/* A key is a SHA-256 in hex digits: any part of it is as good as random. */
void key_filter_add(struct key_filter *filter, const char *key);
/* False: the key was not added, or is forgotten. True: it was added, or, with a chance of one in 400 and less, not. */
bool key_filter_may_have(const struct key_filter *filter, const char *key);

#endif
