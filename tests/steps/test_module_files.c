/* SPDX-License-Identifier: Apache-2.0
 * Files that harm the process that loads them, and files that others can change: they are refused, with the path and
 * the reason. */
#include <check.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file_access.h"
#include "core/base/text_file.h"
#include "core/steps/module_file.h"
#include "core/steps/modules.h"
#include "core/steps/trial.h"
#include "tests/harness/folder.h"
#include "tests/harness/suite.h"
#include "tests/steps/worker_fixture.h"

#define PATH_SIZE (FOLDER_PATH_SIZE + 64)
#define NOBODY 65534

static char folder[FOLDER_PATH_SIZE];
static char why[1024];

static void setup(void)
{
	ck_assert(folder_create(folder));
}

static void teardown(void)
{
	folder_remove(folder);
}

static enum trial_result describe(const char *path, const char *name, nanos limit,
                                  struct module_description **description, char *reason, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(file, 0);
	enum trial_result result = trial_describe(worker_fixture(), file, path, name, limit, description, reason, size);
	close(file);
	return result;
}

/* The reason why a module is not loaded, or NULL. */
static const char *refusal(const char *first_folder, const char *name)
{
	char *folders[] = {(char *)(uintptr_t)first_folder, NULL};
	struct modules *modules = modules_create(folders, worker_fixture());
	snprintf(why, sizeof why, "no reason");
	bool described = modules_find(modules, name, why, sizeof why) != NULL;
	bool loaded = modules_load(modules, name, why, sizeof why) != NULL;
	ck_assert_int_eq(described, loaded);
	modules_destroy(modules);
	return loaded ? NULL : why;
}

static void assert_refused(const char *name, const char *reason)
{
	char start[PATH_SIZE];
	snprintf(start, sizeof start, "%s/%s.so: ", HARMFUL, name);
	ck_assert_msg(refusal(HARMFUL, name) != NULL, "%s was loaded", name);
	ck_assert_msg(strncmp(why, start, strlen(start)) == 0 && strstr(why, reason) != NULL, "%s: %s", name, why);
}

START_TEST(modules_that_end_the_process)
{
	assert_refused("crashes", "loading it crashed: SIGSEGV (Segmentation fault)");
	assert_refused("exits", "loading it exited with status 0");
	assert_refused("wild_name", "loading it crashed: SIGSEGV");
}
END_TEST

START_TEST(modules_that_do_not_answer)
{
	static const struct {
		const char *name, *reason;
	} table[] = {{"hangs", "loading it did not finish within 300ms"}, {"mute", "loading it broke its connection"}};
	for (size_t i = 0; i < 2; i++) {
		char path[PATH_SIZE];
		struct module_description *description = NULL;
		snprintf(path, sizeof path, "%s/%s.so", HARMFUL, table[i].name);
		nanos start = clock_monotonic();
		ck_assert_int_eq(describe(path, table[i].name, 300 * MILLISECOND, &description, why, sizeof why), TRIAL_BROKEN);
		ck_assert_int_lt(clock_monotonic() - start, 5 * SECOND);
		ck_assert_msg(strstr(why, table[i].reason) != NULL, "%s", why);
	}
}
END_TEST

/* Side effects of loading a module do not matter: its output does not reach ours, and its processes do not delay us. */
START_TEST(modules_that_do_too_much)
{
	char path[PATH_SIZE], text[64] = "";
	struct module_description *description = NULL;
	snprintf(path, sizeof path, "%s/out", folder);
	fflush(stdout);
	int kept = dup(STDOUT_FILENO);
	ck_assert_ptr_nonnull(freopen(path, "w", stdout));
	snprintf(path, sizeof path, "%s/talks.so", HARMFUL);
	enum trial_result result = describe(path, "talks", 10 * SECOND, &description, why, sizeof why);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	ck_assert_int_eq(result, TRIAL_GOOD);
	description_free(description);
	folder_read(folder, "out", text, sizeof text);
	ck_assert_str_eq(text, "");
	snprintf(path, sizeof path, "%s/leaves_child.so", HARMFUL);
	nanos start = clock_monotonic();
	ck_assert_int_eq(describe(path, "leaves_child", 15 * SECOND, &description, why, sizeof why), TRIAL_GOOD);
	ck_assert_int_lt(clock_monotonic() - start, 10 * SECOND);
	description_free(description);
}
END_TEST

START_TEST(a_valid_description)
{
	char path[PATH_SIZE];
	struct module_description *description = NULL;
	snprintf(path, sizeof path, "%s/wide_keys.so", FIXTURES);
	ck_assert_int_eq(describe(path, "wide_keys", 10 * SECOND, &description, why, sizeof why), TRIAL_GOOD);
	const struct pp_step_module *table = &description->table;
	ck_assert_str_eq(table->name, "wide_keys");
	ck_assert_ptr_null(table->version);
	ck_assert_uint_eq(table->abi_major, PP_STEP_ABI_MAJOR);
	ck_assert(!description->has_check && !description->has_check_run && table->run == NULL);
	ck_assert_uint_eq(table->key_size, sizeof(struct pp_key));
	ck_assert_str_eq(table->keys[0].name, "first");
	ck_assert_str_eq(table->keys[0].fallback, "one");
	ck_assert_str_eq(table->keys[1].name, "second");
	ck_assert_uint_eq(table->keys[1].type, PP_KEY_DURATION);
	ck_assert_ptr_null(table->keys[2].name);
	description_free(description);
	snprintf(path, sizeof path, "%s/good.so", FIXTURES);
	ck_assert_int_eq(describe(path, "good", 10 * SECOND, &description, why, sizeof why), TRIAL_GOOD);
	ck_assert(description->has_check && !description->has_check_run);
	ck_assert_int_eq(description->table.keys[0].max, 4294967295);
	description_free(description);
}
END_TEST

/* The end of the mapped parts of the object. */
static size_t end_of_object(const char *bytes)
{
	const ElfW(Ehdr) *head = (const void *)bytes;
	const ElfW(Phdr) *part = (const void *)(bytes + head->e_phoff);
	size_t end = 0;
	for (size_t i = 0; i < head->e_phnum; i++)
		if (part[i].p_type == PT_LOAD && part[i].p_offset + part[i].p_filesz > end)
			end = part[i].p_offset + part[i].p_filesz;
	return end;
}

/* Wherever a file was cut, it is refused, and loading it ends no process. */
START_TEST(files_that_were_cut)
{
	char path[PATH_SIZE];
	size_t length;
	snprintf(path, sizeof path, "%s/good.so", FIXTURES);
	char *bytes = text_file_read(path, 1024 * 1024, &length, &(struct stat){0});
	ck_assert_ptr_nonnull(bytes);
	size_t end = end_of_object(bytes);
	ck_assert_uint_gt(end, 3000);
	for (size_t cut = 0; cut < end; cut += cut + 701 < end ? 701 : end - cut) {
		ck_assert(folder_write(folder, "good.so", bytes, cut));
		ck_assert_msg(refusal(folder, "good") != NULL, "loaded with %zu of %zu bytes", cut, length);
		ck_assert_msg(strstr(why, "/good.so: truncated: the file has") != NULL ||
		                  strstr(why, "/good.so: not a shared object") != NULL,
		              "%s", why);
	}
	ck_assert(folder_write(folder, "good.so", bytes, end - 1));
	ck_assert_ptr_nonnull(refusal(folder, "good"));
	ck_assert(folder_write(folder, "good.so", bytes, length));
	ck_assert_ptr_null(refusal(folder, "good"));
	free(bytes);
}
END_TEST

START_TEST(names_that_leave_the_folder)
{
	static const char *const names[] = {"../.libs/good", "..", ".", "", "/good", "a/b", ".good", "good\n"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		ck_assert_msg(refusal(FIXTURES, names[i]) != NULL, "%s", names[i]);
		ck_assert_msg(strstr(why, "is not a valid module name") != NULL, "%s", why);
	}
	ck_assert_ptr_nonnull(refusal("tests/modules/.libs", "good"));
}
END_TEST

/* A folder with a module in it, as root may have it. */
static void make_tree(char module[PATH_SIZE], char plugins[PATH_SIZE])
{
	snprintf(plugins, PATH_SIZE, "%s/above", folder);
	ck_assert_int_eq(mkdir(plugins, 0755), 0);
	snprintf(plugins, PATH_SIZE, "%s/above/plugins", folder);
	ck_assert_int_eq(mkdir(plugins, 0755), 0);
	snprintf(module, PATH_SIZE, "%s/above/plugins/x.so", folder);
	ck_assert(folder_write(plugins, "x.so", "x", 1));
	ck_assert_int_eq(chmod(module, 0644), 0);
}

static void assert_untrusted(const char *path, const char *culprit, const char *reason)
{
	ck_assert(!file_is_trusted(path, 0, why, sizeof why));
	ck_assert_msg(strncmp(why, culprit, strlen(culprit)) == 0 && strncmp(why + strlen(culprit), ": ", 2) == 0, "%s",
	              why);
	ck_assert_msg(strstr(why, reason) != NULL, "%s", why);
	ck_assert(file_is_trusted(path, NOBODY, why, sizeof why));
}

/* What root may run. Only root could make root own the files: for others, one case is left. */
START_TEST(files_that_others_can_change)
{
	char module[PATH_SIZE], plugins[PATH_SIZE], above[PATH_SIZE];
	make_tree(module, plugins);
	snprintf(above, sizeof above, "%s/above", folder);
	if (geteuid() != 0) {
		assert_untrusted(module, module, "owned by another user (owner ");
		return;
	}
	ck_assert_msg(file_is_trusted(module, 0, why, sizeof why), "%s", why);
	ck_assert_int_eq(chmod(module, 0646), 0);
	assert_untrusted(module, module, "writable by everybody (owner root, group root, mode 0646)");
	ck_assert_int_eq(chmod(module, 0664), 0);
	ck_assert_msg(file_is_trusted(module, 0, why, sizeof why), "%s", why);
	ck_assert_int_eq(chown(module, 0, NOBODY), 0);
	assert_untrusted(module, module, "writable by its group (owner root, group nogroup, mode 0664)");
	ck_assert_int_eq(chmod(module, 0644), 0);
	ck_assert_msg(file_is_trusted(module, 0, why, sizeof why), "%s", why);
	ck_assert_int_eq(chown(module, NOBODY, 0), 0);
	assert_untrusted(module, module, "owned by another user (owner nobody, ");
	ck_assert_int_eq(chown(module, 54321, 0), 0);
	assert_untrusted(module, module, "owned by another user (owner 54321, ");
	ck_assert_int_eq(chown(module, 0, 0), 0);
	ck_assert_int_eq(chmod(plugins, 0777), 0);
	assert_untrusted(module, plugins, "writable by everybody");
	ck_assert_int_eq(chmod(plugins, 01777), 0); /* they could not replace it, but they could add others */
	assert_untrusted(module, plugins, "writable by everybody");
	ck_assert_int_eq(chmod(plugins, 0755), 0);
	ck_assert_int_eq(chown(plugins, NOBODY, 0), 0);
	assert_untrusted(module, plugins, "owned by another user (owner nobody");
	ck_assert_int_eq(chown(plugins, 0, 0), 0);
	ck_assert_int_eq(chmod(above, 0777), 0);
	assert_untrusted(module, above, "writable by everybody");
	ck_assert_int_eq(chmod(above, 01777), 0);
	ck_assert_msg(file_is_trusted(module, 0, why, sizeof why), "%s", why);
}
END_TEST

/* The same by a link: others must be able to change neither the path to the file nor the file's own place. */
START_TEST(links_to_what_others_can_change)
{
	char module[PATH_SIZE], plugins[PATH_SIZE], link[PATH_SIZE + 16], other[PATH_SIZE];
	if (geteuid() != 0)
		return;
	make_tree(module, plugins);
	snprintf(other, sizeof other, "%s/other", folder);
	ck_assert_int_eq(mkdir(other, 0755), 0);
	snprintf(link, sizeof link, "%s/other/good.so", folder);
	snprintf(module, sizeof module, "%s/good.so", FIXTURES);
	ck_assert_int_eq(symlink(module, link), 0);
	ck_assert_msg(refusal(other, "good") == NULL, "%s", why);
	ck_assert_int_eq(chmod(other, 0777), 0);
	ck_assert_ptr_nonnull(refusal(other, "good"));
	ck_assert_msg(strncmp(why, other, strlen(other)) == 0 && strstr(why, "writable by everybody") != NULL, "%s", why);
	ck_assert_int_eq(chmod(other, 0755), 0);
	snprintf(link, sizeof link, "%s/other/x.so", folder);
	snprintf(module, sizeof module, "%s/above/plugins/x.so", folder);
	ck_assert_int_eq(symlink(module, link), 0);
	ck_assert_int_eq(chmod(plugins, 0777), 0);
	ck_assert_ptr_nonnull(refusal(other, "x"));
	ck_assert_msg(strncmp(why, plugins, strlen(plugins)) == 0 && strstr(why, "writable by everybody") != NULL, "%s",
	              why);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {modules_that_end_the_process, modules_that_do_not_answer,
	                              modules_that_do_too_much,     a_valid_description,
	                              files_that_were_cut,          names_that_leave_the_folder,
	                              files_that_others_can_change, links_to_what_others_can_change};
	return suite_run_with("module_files", setup, teardown, tests, sizeof tests / sizeof tests[0], 120);
}
