/* SPDX-License-Identifier: Apache-2.0
 * What the filter knows: all of the last keys, and few others. */
#include "core/jetstream/key_filter.h"

#include <check.h>
#include <openssl/sha.h>

#include "core/base/encoding.h"
#include "tests/harness/suite.h"

#define KEYS 10000u
#define BYTES (2 * KEYS)

static struct key_filter *filter;

/* The SHA-256 of the number. */
static const char *key(unsigned number)
{
	static char text[2 * SHA256_DIGEST_LENGTH + 1];
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)&number, sizeof number, digest);
	hex_encode(text, digest, sizeof digest);
	return text;
}

static unsigned count_known(unsigned first, unsigned last)
{
	unsigned known = 0;
	for (unsigned i = first; i < last; i++)
		known += key_filter_may_have(filter, key(i));
	return known;
}

static void add(unsigned first, unsigned last)
{
	for (unsigned i = first; i < last; i++)
		key_filter_add(filter, key(i));
}

START_TEST(all_keys_are_known)
{
	filter = key_filter_create(KEYS, BYTES);
	ck_assert_uint_eq(count_known(0, KEYS), 0);
	add(0, KEYS);
	ck_assert_uint_eq(count_known(0, KEYS), KEYS);
	/* One of 400 others, and some more by chance. */
	ck_assert_uint_lt(count_known(KEYS, 2 * KEYS), KEYS / 250);
	key_filter_destroy(filter);
	key_filter_destroy(NULL);
}
END_TEST

START_TEST(the_oldest_are_forgotten)
{
	filter = key_filter_create(KEYS, BYTES);
	for (unsigned first = 0; first < 5 * KEYS; first += KEYS / 4) {
		add(first, first + KEYS / 4);
		unsigned last = first + KEYS / 4, oldest = last > KEYS ? last - KEYS : 0;
		ck_assert_uint_eq(count_known(oldest, last), last - oldest);
	}
	ck_assert_uint_lt(count_known(0, KEYS), KEYS / 100);
	/* The same keys again are no more keys. */
	for (unsigned round = 0; round < 5; round++)
		add(4 * KEYS + KEYS / 2, 5 * KEYS);
	ck_assert_uint_eq(count_known(4 * KEYS, 5 * KEYS), KEYS);
	key_filter_destroy(filter);
}
END_TEST

/* There is no room for as many keys as are asked for. The filter does not fill up. */
START_TEST(less_room_than_keys)
{
	filter = key_filter_create(100 * KEYS, BYTES);
	add(0, 9 * KEYS + KEYS / 2);
	ck_assert_uint_eq(count_known(8 * KEYS + KEYS / 2, 9 * KEYS + KEYS / 2), KEYS);
	ck_assert_uint_lt(count_known(0, KEYS), KEYS / 100);
	ck_assert_uint_lt(count_known(10 * KEYS, 11 * KEYS), KEYS / 100);
	key_filter_destroy(filter);
}
END_TEST

START_TEST(other_keys)
{
	static const char *const strange[] = {"", "a", "..", "\xff\xff\xff\xff\xff\xff\xff\xff\xff", "XYZ"};
	filter = key_filter_create(0, 0);
	for (unsigned i = 0; i < sizeof strange / sizeof strange[0]; i++) {
		key_filter_add(filter, strange[i]);
		ck_assert(key_filter_may_have(filter, strange[i]));
	}
	key_filter_destroy(filter);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {all_keys_are_known, the_oldest_are_forgotten, less_room_than_keys, other_keys};
	return suite_run("key_filter", tests, sizeof tests / sizeof tests[0], 30);
}
