/* SPDX-License-Identifier: Apache-2.0
 * What an instance remembers of the cache: never more than its limits, and never for longer. */
#include "core/base/cache_memory.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/suite.h"

static struct cache_memory *memory;

static void assert_has(const char *key, const char *text)
{
	char *found = cache_memory_recall(memory, key, 0);
	ck_assert_msg(found != NULL, "%s is not known", key);
	ck_assert_str_eq(found, text);
	free(found);
}

static void assert_lacks(const char *key)
{
	ck_assert_ptr_null(cache_memory_recall(memory, key, 0));
}

START_TEST(one_text_for_each_key)
{
	memory = cache_memory_create(&(struct cache_memory_limits){8, 4096}, NULL);
	assert_lacks("a");
	cache_memory_keep(memory, "a", "one", 10);
	cache_memory_keep(memory, "b", "", 10);
	assert_has("a", "one");
	assert_has("b", "");
	cache_memory_keep(memory, "a", "another one", 10);
	assert_has("a", "another one");
	cache_memory_destroy(memory);
	cache_memory_destroy(NULL);
}
END_TEST

static bool is_known(const char *key, nanos now)
{
	char *found = cache_memory_recall(memory, key, now);
	bool known = found != NULL;
	free(found);
	return known;
}

START_TEST(until_its_time)
{
	struct metrics *metrics = metrics_create();
	struct counter *recalled = metrics_counter(metrics, "recalled_total", "help", NULL);
	memory = cache_memory_create(&(struct cache_memory_limits){8, 4096}, recalled);
	cache_memory_keep(memory, "a", "text", 10);
	ck_assert(is_known("a", 9));
	ck_assert(!is_known("a", 10));
	ck_assert(!is_known("a", 9));
	cache_memory_keep(memory, "a", "text", 20);
	ck_assert(is_known("a", 19));
	ck_assert_uint_eq(counter_value(recalled), 2);
	cache_memory_destroy(memory);
	metrics_destroy(metrics);
}
END_TEST

START_TEST(so_many_at_most)
{
	memory = cache_memory_create(&(struct cache_memory_limits){3, 4096}, NULL);
	cache_memory_keep(memory, "a", "1", 10);
	cache_memory_keep(memory, "b", "2", 10);
	cache_memory_keep(memory, "c", "3", 10);
	/* It was used last, and stays. */
	assert_has("a", "1");
	cache_memory_keep(memory, "d", "4", 10);
	assert_lacks("b");
	cache_memory_keep(memory, "c", "5", 10);
	cache_memory_keep(memory, "e", "6", 10);
	assert_lacks("a");
	assert_has("c", "5");
	assert_has("d", "4");
	assert_has("e", "6");
	cache_memory_destroy(memory);
	memory = cache_memory_create(&(struct cache_memory_limits){0, 4096}, NULL);
	cache_memory_keep(memory, "a", "1", 10);
	assert_lacks("a");
	cache_memory_destroy(memory);
}
END_TEST

START_TEST(so_many_bytes_at_most)
{
	static char large[2001], text[301];
	memset(large, 'x', sizeof large - 1);
	memset(text, 'y', sizeof text - 1);
	memory = cache_memory_create(&(struct cache_memory_limits){100, 2000}, NULL);
	for (unsigned i = 0; i < 50; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%u", i);
		cache_memory_keep(memory, key, text, 10);
		assert_has(key, text);
	}
	assert_has("k46", text);
	assert_lacks("k43");
	/* What never fits takes nothing away, but an older text of its key. */
	cache_memory_keep(memory, "large", large, 10);
	assert_lacks("large");
	assert_has("k49", text);
	cache_memory_keep(memory, "k49", large, 10);
	assert_lacks("k49");
	assert_has("k48", text);
	cache_memory_destroy(memory);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {one_text_for_each_key, until_its_time, so_many_at_most, so_many_bytes_at_most};
	return suite_run("cache_memory", tests, sizeof tests / sizeof tests[0], 30);
}
