/* SPDX-License-Identifier: Apache-2.0 */
#include "core/position.h"

#include <check.h>
#include <string.h>

#include "tests/harness/folder.h"
#include "tests/harness/suite.h"

START_TEST(what_is_written_is_read)
{
	char folder[FOLDER_PATH_SIZE];
	const struct position written = {.stream = 1795374249439047919, .sequence = 18446744073709551615u};
	struct position read;
	ck_assert(folder_create(folder));
	ck_assert(!position_read(folder, "postprocessing-pull", &read));
	ck_assert(position_write(folder, "postprocessing-pull", &written));
	ck_assert(position_read(folder, "postprocessing-pull", &read));
	ck_assert_int_eq(read.stream, written.stream);
	ck_assert_uint_eq(read.sequence, written.sequence);
	/* Another consumer stands elsewhere. */
	ck_assert(!position_read(folder, "postprocessing", &read));
	ck_assert_uint_eq(read.sequence, 0);
	folder_remove(folder);
}
END_TEST

START_TEST(nonsense_is_no_position)
{
	static const char *const texts[] = {"", "12", "12 34", "a b c", "\n\n"};
	char folder[FOLDER_PATH_SIZE];
	struct position read;
	ck_assert(folder_create(folder));
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		ck_assert(folder_write(folder, "position", texts[i], strlen(texts[i])));
		ck_assert(!position_read(folder, "c", &read));
		ck_assert_int_eq(read.stream, 0);
	}
	folder_remove(folder);
	ck_assert(!position_write("/nowhere/at/all", "c", &(struct position){1, 1}));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {what_is_written_is_read, nonsense_is_no_position};
	return suite_run("position", tests, sizeof tests / sizeof tests[0], 10);
}
