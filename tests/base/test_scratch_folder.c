/* SPDX-License-Identifier: Apache-2.0
 * Folders for temporary files of a process that does its worst. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/scratch_folder.h"
#include "tests/harness/folder.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

static char parent[FOLDER_PATH_SIZE];
static char *scratch;

static void setup(void)
{
	ck_assert(folder_create(parent));
	ck_assert_int_eq(setenv("TMPDIR", parent, 1), 0);
	scratch = scratch_folder_make((uid_t)-1, (gid_t)-1);
	ck_assert_ptr_nonnull(scratch);
}

static void teardown(void)
{
	free(scratch);
	folder_remove(parent);
}

static bool is_gone(void *closure)
{
	return access(closure, F_OK) != 0;
}

static void assert_removed(void)
{
	scratch_folder_remove(scratch);
	ck_assert(wait_until(is_gone, scratch, TEST_LIMIT));
}

START_TEST(new_and_empty)
{
	struct stat status;
	ck_assert_int_eq(strncmp(scratch, parent, strlen(parent)), 0);
	ck_assert_int_eq(stat(scratch, &status), 0);
	ck_assert_int_eq(status.st_mode & 07777, 0700);
	ck_assert_int_eq(scratch_folder_size(scratch), 0);
	scratch_folder_remove(scratch);
	ck_assert(is_gone(scratch));
	ck_assert_int_eq(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
	ck_assert_ptr_null(scratch_folder_make((uid_t)-1, (gid_t)-1));
}
END_TEST

/* Nothing outside is touched, neither by links nor by names. */
START_TEST(links)
{
	char path[512], target[512];
	ck_assert(folder_write(parent, "kept", "kept", 4));
	snprintf(target, sizeof target, "%s/kept", parent);
	snprintf(path, sizeof path, "%s/link", scratch);
	ck_assert_int_eq(symlink(target, path), 0);
	snprintf(path, sizeof path, "%s/folder", scratch);
	ck_assert_int_eq(symlink(parent, path), 0);
	snprintf(path, sizeof path, "%s/fifo", scratch);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof path, "%s/hard", scratch);
	ck_assert_int_eq(link(target, path), 0);
	ck_assert_int_lt(scratch_folder_size(scratch), 1 << 20);
	assert_removed();
	ck_assert_int_eq(access(target, F_OK), 0);
}
END_TEST

START_TEST(sizes)
{
	static char bytes[1 << 20];
	memset(bytes, 'x', sizeof bytes);
	ck_assert(folder_write(scratch, "one", bytes, sizeof bytes));
	char inner[512];
	snprintf(inner, sizeof inner, "%s/inner", scratch);
	ck_assert_int_eq(mkdir(inner, 0700), 0);
	ck_assert(folder_write(inner, "two", bytes, sizeof bytes));
	int64_t size = scratch_folder_size(scratch);
	ck_assert_msg(size >= 2 << 20 && size < 3 << 20, "%lld", (long long)size);
	assert_removed();
}
END_TEST

/* Deeper than paths can be long, and without permissions. */
START_TEST(folders_in_folders)
{
	char name[101];
	memset(name, 'd', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	int folder = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < 3000; i++) {
		ck_assert_int_eq(mkdirat(folder, name, 0700), 0);
		int file = openat(folder, ".moved-0", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		ck_assert_int_ge(file, 0);
		close(file);
		int next = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(next, 0);
		fchmod(folder, 0);
		close(folder);
		folder = next;
	}
	close(folder);
	chmod(scratch, 0700);
	ck_assert(scratch_folder_size(scratch) == INT64_MAX);
	chmod(scratch, 0);
	assert_removed();
}
END_TEST

START_TEST(many_files)
{
	char path[512];
	int folder = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(path, sizeof path, "file-%u", i);
		int file = openat(folder, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0);
		ck_assert_int_ge(file, 0);
		close(file);
	}
	close(folder);
	ck_assert(scratch_folder_size(scratch) == INT64_MAX);
	assert_removed();
}
END_TEST

/* For folders without permissions, root is no test. */
static void become_nobody(void)
{
	setup();
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(parent, 65534, 65534), 0);
	ck_assert_int_eq(chown(scratch, 65534, 65534), 0);
	ck_assert_int_eq(setgid(65534), 0);
	ck_assert_int_eq(setuid(65534), 0);
}

int main(void)
{
	const TTest *const tests[] = {new_and_empty, links, sizes, folders_in_folders, many_files};
	return suite_run_with("scratch folder", become_nobody, teardown, tests, sizeof tests / sizeof tests[0], 60);
}
