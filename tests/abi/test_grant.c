/* SPDX-License-Identifier: Apache-2.0
 * Which needs of a module exist, by the values of its keys. */
#include "core/abi/grant.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/suite.h"

#define UNIX_ADDRESS "/ unix:"

static const char *items[SETUP_ITEMS_MAX];
static struct setup_value value = {.key = "hosts"};
static const struct pp_setup setup = {.step = "s", .value = &value, .count = 1};

static void set_text(const char *text)
{
	value.text = text;
	value.number = 0;
	value.item = NULL;
}

/* The list of these items, up to a NULL. */
static void set_list(const char *const *list)
{
	value.number = 0;
	for (; list[value.number] != NULL; value.number++)
		items[value.number] = list[value.number];
	value.text = value.number > 0 ? "a list" : "";
	value.item = items;
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static uint32_t declared(struct pp_need need)
{
	const struct pp_need needs[] = {need, {.kind = 0}};
	const struct pp_step_module table = {.needs = needs};
	return grants_declared(&table, &setup);
}

static bool when(const char *words)
{
	return declared((struct pp_need){.kind = PP_NEED_UNIX, .key = "hosts", .when = words}) == GRANT_UNIX;
}

static bool unless(const char *words)
{
	return declared((struct pp_need){.kind = PP_NEED_NETWORK, .key = "hosts", .unless = words}) == GRANT_NETWORK;
}

START_TEST(of_one_value)
{
	set_text("/run/clamd.ctl");
	ck_assert(when(UNIX_ADDRESS));
	ck_assert(!unless(UNIX_ADDRESS));
	set_text("localhost:3310");
	ck_assert(!when(UNIX_ADDRESS));
	ck_assert(unless(UNIX_ADDRESS));
	set_text(NULL);
	ck_assert(!when(UNIX_ADDRESS));
	ck_assert(unless(UNIX_ADDRESS));
	ck_assert_uint_eq(declared((struct pp_need){.kind = PP_NEED_EXEC, .key = "hosts"}), GRANT_EXEC);
	ck_assert_uint_eq(declared((struct pp_need){.kind = PP_NEED_FILES}), GRANT_FILES);
}
END_TEST

/* One item that fits is enough, whatever the others are. */
START_TEST(of_a_list)
{
	set_list(LIST("/run/one.ctl", "unix:///run/two.ctl"));
	ck_assert(when(UNIX_ADDRESS));
	ck_assert(!unless(UNIX_ADDRESS));
	set_list(LIST("localhost:3310", "/run/one.ctl"));
	ck_assert(when(UNIX_ADDRESS));
	ck_assert(unless(UNIX_ADDRESS));
	set_list(LIST("localhost:3310", "tcp://other:3310"));
	ck_assert(!when(UNIX_ADDRESS));
	ck_assert(unless(UNIX_ADDRESS));
	set_list(LIST(NULL));
	ck_assert(!when(UNIX_ADDRESS));
	ck_assert(!unless(UNIX_ADDRESS));
}
END_TEST

/* Both conditions must be true of the same item. */
START_TEST(both_of_one_item)
{
	const struct pp_need need = {.kind = PP_NEED_UNIX, .key = "hosts", .when = "icap", .unless = "icaps"};
	set_list(LIST("icaps://a", "http://b"));
	ck_assert_uint_eq(declared(need), 0);
	set_list(LIST("icaps://a", "icap://b"));
	ck_assert_uint_eq(declared(need), GRANT_UNIX);
}
END_TEST

static void assert_paths(const char *words, const char *const *expected)
{
	const struct pp_need needs[] = {{.kind = PP_NEED_NETWORK},
	                                {.kind = PP_NEED_PATH, .key = "other"},
	                                {.kind = PP_NEED_PATH, .key = "hosts", .unless = words},
	                                {.kind = PP_NEED_PATH, .key = "hosts", .when = "/twice"},
	                                {.kind = 0}};
	const struct pp_step_module table = {.needs = needs};
	const char *path;
	size_t next = 0;
	while ((path = grants_next_path(&table, &setup, &next)) != NULL) {
		ck_assert_ptr_nonnull(*expected);
		ck_assert_str_eq(path, *expected++);
	}
	ck_assert_ptr_null(*expected);
}

START_TEST(paths)
{
	set_text("/one path");
	assert_paths(NULL, LIST("/one path"));
	assert_paths("/", LIST(NULL));
	set_text("relative");
	assert_paths(NULL, LIST(NULL));
	set_text(NULL);
	assert_paths(NULL, LIST(NULL));
	set_list(LIST("/a", "host:1", "/b", "/twice"));
	assert_paths(NULL, LIST("/a", "/b", "/twice", "/twice"));
	assert_paths("/a /t", LIST("/b", "/twice"));
	set_list(LIST(NULL));
	assert_paths(NULL, LIST(NULL));
}
END_TEST

/* A list has at most as many items as this. */
START_TEST(paths_of_the_longest_list)
{
	const char *expected[SETUP_ITEMS_MAX + 1] = {NULL};
	value = (struct setup_value){.key = "hosts", .text = "many", .number = SETUP_ITEMS_MAX, .item = items};
	for (size_t i = 0; i < SETUP_ITEMS_MAX; i++)
		items[i] = expected[i] = "/a";
	assert_paths(NULL, expected);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {of_one_value, of_a_list, both_of_one_item, paths, paths_of_the_longest_list};
	return suite_run("grant", tests, sizeof tests / sizeof tests[0], 60);
}
