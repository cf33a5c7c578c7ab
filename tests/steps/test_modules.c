/* SPDX-License-Identifier: Apache-2.0
 * Modules that are refused, and why; and how the return values of modules are interpreted. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/abi/host.h"
#include "core/steps/steps.h"
#include "core/steps/thread_run.h"
#include "tests/config/config_fixture.h"
#include "tests/harness/folder.h"
#include "tests/steps/worker_fixture.h"

static struct config_fixture fixture;
static char folder[FOLDER_PATH_SIZE];
static struct modules *modules;
static struct steps *steps;
static char why[1024];

static void setup(void)
{
	fixture_open(&fixture);
	ck_assert(folder_create(folder));
}

static void teardown(void)
{
	steps_destroy(steps);
	modules_destroy(modules);
	folder_remove(folder);
	fixture_close(&fixture);
}

static void open_modules(void)
{
	static char *folders[3];
	folders[0] = folder;
	folders[1] = (char *)(uintptr_t)FIXTURES;
	folders[2] = NULL;
	modules = modules_create(folders, worker_fixture());
	ck_assert_ptr_nonnull(modules);
}

static void refuse(const char *name, const char *reason, const char *second)
{
	why[0] = '\0';
	ck_assert_msg(modules_load(modules, name, why, sizeof why) == NULL, "%s was loaded", name);
	ck_assert_msg(strstr(why, reason) != NULL, "%s: %s", name, why);
	ck_assert_msg(second == NULL || strstr(why, second) != NULL, "%s: %s", name, why);
}

START_TEST(a_valid_module)
{
	open_modules();
	const struct module *module = modules_load(modules, "good", why, sizeof why);
	ck_assert_msg(module != NULL, "%s", why);
	ck_assert_str_eq(module->name, "good");
	ck_assert_int_eq(module->path[0], '/');
	ck_assert_ptr_nonnull(module->table.check);
	ck_assert_ptr_eq(modules_load(modules, "good", why, sizeof why), module);
}
END_TEST

START_TEST(files_that_are_not_modules)
{
	char path[FOLDER_PATH_SIZE + 16];
	static const char text[4096] = "no ELF file, though as large as one";
	open_modules();
	refuse("missing", "not found. Modules in /", folder);
	refuse("missing", ": cacher, good, keeps, moody, mortal, narrow_keys, ", NULL);
	refuse("missing", FIXTURES, ". For a step that another service on the bus performs, set module = remote");
	refuse("Goood", "not found; did you mean good? Modules in /",
	       ": cacher, good, keeps, moody, mortal, narrow_keys, ");
	ck_assert(folder_write(folder, "text.so", text, sizeof text));
	refuse("text", "text.so", "text.so: not a shared object");
	ck_assert(folder_write(folder, "empty.so", "", 0));
	refuse("empty", "empty.so", "not a shared object: the file is empty");
	snprintf(path, sizeof path, "%s/dir.so", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	refuse("dir", "dir.so", "not a regular file");
	refuse("no_symbol", "no_symbol.so", "pp_step_module");
	refuse("unresolved", "unresolved.so", "fixture_that_nobody_has");
}
END_TEST

START_TEST(tables_that_are_wrong)
{
	open_modules();
	refuse("wrong_magic", "wrong_magic.so", "magic");
	refuse("other_major", "other_major.so: built for step ABI 2.0", "has 1.1");
	refuse("newer_minor", "newer_minor.so: built for step ABI 1.2", "has 1.1");
	refuse("tiny_table", "tiny_table.so", "40 bytes");
	refuse("torn_table", "torn_table.so", "75 bytes");
	refuse("no_run", "no_run.so", "run");
	refuse("wrong_name", "wrong_name.so", "another");
	refuse("narrow_keys", "narrow_keys.so", "56 bytes");
}
END_TEST

START_TEST(an_older_one)
{
	open_modules();
	const struct module *module = modules_load(modules, "short_table", why, sizeof why);
	ck_assert_msg(module != NULL, "%s", why);
	ck_assert_ptr_null(module->table.check);
	ck_assert_ptr_nonnull(module->table.destroy);
}
END_TEST

static void note(void *closure, const char *name, const char *path)
{
	char *list = closure;
	size_t length = strlen(list);
	ck_assert(path[0] == '/' || strcmp(path, "built in") == 0);
	snprintf(list + length, 1024 - length, "%s%s", name, strncmp(path, folder, strlen(folder)) == 0 ? "! " : " ");
}

START_TEST(listing)
{
	char list[1024] = "";
	ck_assert(folder_write(folder, "good.so", "x", 1) && folder_write(folder, ".so", "x", 1) &&
	          folder_write(folder, "a.txt", "x", 1));
	open_modules();
	modules_list(modules, note, list);
	ck_assert_str_eq(
		list,
		"delay remote good! cacher keeps moody mortal narrow_keys newer_minor no_run no_symbol notes nothing other_major reader rejects short_table spawns tiny_table torn_table unresolved versions versions2 "
		"wicked wide_keys wrong_magic wrong_name ");
	refuse("good", "good.so", "not a shared object"); /* the first folder's module counts */
}
END_TEST

static void create_steps(const char *text)
{
	char whole[4096];
	snprintf(whole, sizeof whole, "[postprocessing]\nplugin_dir = %s:%s\n%s", folder, FIXTURES, text);
	fixture_read(&fixture, whole, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	modules = modules_create(fixture.config->plugin_dir, worker_fixture());
	ck_assert_ptr_nonnull(modules);
	steps = steps_create(fixture.config, modules, worker_fixture(), &fixture.problems);
	ck_assert_ptr_nonnull(steps);
}

START_TEST(all_that_is_wrong_at_once)
{
	create_steps("steps = one, two, three, four, five, six\n" /* line 3 */
	             "[step:one]\nmodule = missing\n"
	             "[step:two]\nmodule = rejects\nsocket = /x/y\n" /* socket: line 8 */
	             "[step:three]\nmodule = good\nreturns = many\n" /* line 11 */
	             "[step:four]\nmodule = good\nunknown = 1\n"     /* line 14 */
	             "[step:five]\nmodule = other_major\n"
	             "[step:six]\nmodule = rejects\nsilent = yes\n");
	assert_problem(&fixture, "step one: module missing: not found. Modules in ");
	assert_problem(&fixture, "main.ini:8: socket: cannot use \"/x/y\"");
	assert_problem(&fixture, "two is no step of ours");
	assert_problem(&fixture, "main.ini:11: returns: ");
	assert_problem(&fixture, "main.ini:14: unknown: ");
	assert_problem(&fixture, "step five: module other_major: ");
	assert_problem(&fixture, "step six: ");
	assert_problems(&fixture, 7);
}
END_TEST

START_TEST(keys_that_are_longer_than_ours)
{
	create_steps("steps = wide_keys\n");
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(steps->step[0].setup), "first"), "one");
	ck_assert_int_eq(host_services.number(step_setup_host(steps->step[0].setup), "second"), 2 * SECOND);
}
END_TEST

START_TEST(steps_make_a_pipeline)
{
	create_steps(
		"steps = a, b\n[step:a]\nisolation = thread\nmodule = good\nworkers = 3\nmax_retries = 2\nretry_backoff = 7s\ndeadline = 9m\n"
		"[step:b]\nisolation = thread\nmodule = good\nreturns = 2\non_exhausted = continue\n");
	assert_sound(&fixture);
	struct pipeline pipeline = steps_pipeline(steps->limits, steps->count);
	ck_assert_uint_eq(pipeline.count, 2);
	ck_assert_ptr_eq(steps->step[0].module, steps->step[1].module);
	ck_assert_ptr_ne(steps->step[0].instance, steps->step[1].instance);
	ck_assert_str_eq(pipeline.step[0].name, "a");
	ck_assert_uint_eq(steps->workers[0], 3);
	ck_assert_uint_eq(pipeline.step[0].max_retries, 2);
	ck_assert_int_eq(pipeline.step[0].retry_backoff, 7 * SECOND);
	ck_assert_int_eq(pipeline.step[0].deadline, 9 * MINUTE);
	ck_assert(!pipeline.step[0].continue_when_exhausted && pipeline.step[1].continue_when_exhausted);
	ck_assert_str_eq(steps->name[1], "b");
}
END_TEST

static const struct {
	const char *returns, *calls;
	enum returned returned;
	enum outcome outcome;
	nanos until;
	const char *reason; /* NULL: not checked */
} endings[] = {
	{"0", "", RETURNED_VERDICT, OUTCOME_RETRY, 0, NULL},
	{"1", "", RETURNED_VERDICT, OUTCOME_CONTINUE, 0, NULL},
	{"2", "", RETURNED_VERDICT, OUTCOME_ABORT, 0, NULL},
	{"3", "", RETURNED_VERDICT, OUTCOME_DELETE, 0, NULL},
	{"4", "wait", RETURNED_WAIT, OUTCOME_RETRY, 4711, NULL},
	{"5", "hold, await", RETURNED_AWAIT, OUTCOME_RETRY, 4712, NULL},
	/* A missing or incomplete return value is a failure. */
	{"4", "", RETURNED_VERDICT, OUTCOME_RETRY, 0, "run() returned PP_WAIT without wait_until()"},
	{"4", "reason", RETURNED_VERDICT, OUTCOME_RETRY, 0, "run() returned PP_WAIT without wait_until()"},
	{"5", "", RETURNED_VERDICT, OUTCOME_RETRY, 0, "run() returned PP_AWAIT without await_event()"},
	{"6", "", RETURNED_HOLD, OUTCOME_RETRY, 0, NULL},
	{"7", "", RETURNED_VERDICT, OUTCOME_RETRY, 0, "module good returned 7, which is not a valid result"},
	{"255", "", RETURNED_VERDICT, OUTCOME_RETRY, 0, NULL},
	{"4294967295", "wait", RETURNED_VERDICT, OUTCOME_RETRY, 4711, NULL},
	{"1", "wait", RETURNED_VERDICT, OUTCOME_CONTINUE, 4711, NULL},
};

START_TEST(what_a_module_returns)
{
	char text[256];
	struct log log = {.fd = -1, .level = LOG_ERROR};
	struct upload *upload = upload_create(&(struct upload){.id = "u", .filename = "n"});
	snprintf(text, sizeof text, "steps = good\n[step:good]\nisolation = thread\nreturns = %s\ncalls = %s\n",
	         endings[_i].returns, endings[_i].calls);
	create_steps(text);
	assert_sound(&fixture);
	struct run *run = run_create(upload);
	struct copies *copies = copies_create(&(struct content_options){0});
	run->allowed = MINUTE;
	thread_run(&steps->step[0], run, NULL, copies, -1, &log, NULL, NULL, NULL);
	ck_assert_int_eq(run->returned, endings[_i].returned);
	ck_assert_int_eq(run->outcome, endings[_i].outcome);
	if (run->returned != RETURNED_VERDICT)
		ck_assert_int_eq(run->until, endings[_i].until);
	ck_assert_int_ne(atomic_load(&run->started), 0);
	bool understood = strtoul(endings[_i].returns, NULL, 10) < PP_WAIT || run->returned != RETURNED_VERDICT;
	ck_assert_msg((run->reason[0] == '\0') == understood, "\"%s\"", run->reason);
	if (endings[_i].reason != NULL)
		ck_assert_str_eq(run->reason, endings[_i].reason);
	copies_destroy(copies);
	run_free(run);
	upload_release(upload);
}
END_TEST

START_TEST(what_a_module_reports)
{
	struct log log = {.fd = -1, .level = LOG_ERROR};
	struct upload *upload = upload_create(&(struct upload){.id = "u", .filename = "\xc3\xbc"});
	create_steps("steps = good\n[step:good]\nisolation = thread\nreturns = 2\ncalls = result nonsense reason\n");
	struct run *run = run_create(upload);
	struct copies *copies = copies_create(&(struct content_options){0});
	thread_run(&steps->step[0], run, NULL, copies, -1, &log, NULL, NULL, NULL);
	ck_assert_int_eq(run->outcome, OUTCOME_ABORT);
	ck_assert_str_eq(run->result, "{\"a\":[1]}");
	ck_assert_str_eq(run->reason, "for \xc3\xbc");
	copies_destroy(copies);
	run_free(run);
	upload_release(upload);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("modules");
	TCase *cases = tcase_create("modules");
	const TTest *const tests[] = {a_valid_module,
	                              files_that_are_not_modules,
	                              tables_that_are_wrong,
	                              an_older_one,
	                              listing,
	                              all_that_is_wrong_at_once,
	                              keys_that_are_longer_than_ours,
	                              steps_make_a_pipeline,
	                              what_a_module_reports};
	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		tcase_add_test(cases, tests[i]);
	tcase_add_loop_test(cases, what_a_module_returns, 0, (int)(sizeof endings / sizeof endings[0]));
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
