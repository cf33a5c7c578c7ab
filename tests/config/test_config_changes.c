/* SPDX-License-Identifier: Apache-2.0
 * What is found to be different in a configuration that was read again. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/config/config_fixture.h"
#include "tests/harness/suite.h"

#define MINIMUM "[postprocessing]\nsteps = one, two\n"

static struct config_fixture fixture;
static struct config *before;

/* Reads one text after the other. */
static void read_both(const char *first, const char *second, char *const *environment)
{
	fixture_open(&fixture);
	fixture_read(&fixture, first, environment);
	assert_sound(&fixture);
	before = fixture.config;
	fixture.config = NULL;
	fixture_read(&fixture, second, environment);
	assert_sound(&fixture);
}

static void end(void)
{
	config_free(before);
	fixture_close(&fixture);
}

static void add(void *closure, const char *key)
{
	char *list = closure;
	size_t length = strlen(list);
	snprintf(list + length, 1024 - length, "%s%s", length > 0 ? ", " : "", key);
}

static const struct {
	const char *first, *second, *keys;
} changes[] = {
	{MINIMUM, MINIMUM, ""},
	/* These are applied. */
	{MINIMUM,
     "[postprocessing]\nsteps = two\nplugin_dir = /p\nshutdown_grace = 5s\nlog_level = debug\nworkers = 7\n"
     "max_retries = 3\nretry_backoff = 1s\n[events]\nannounce_steps = false\n[content]\ntls_insecure = true\nca_file = "
     "/ca\nfile_roots = /f\n[step:two]\nworkers = 3\n",
     ""},
	{MINIMUM "state_dir = /a\nretention = 1h\nmax_in_flight = 5\nworker_user = root\nworker_program = /w\n", MINIMUM,
     "[postprocessing] worker_program, [postprocessing] worker_user, [postprocessing] state_dir, [postprocessing] "
     "max_in_flight, [postprocessing] retention, [content] copy_dir"},
	/* What the store has from the events is said once. */
	{MINIMUM "[events]\nendpoint = a:1\nenable_tls = true\n", MINIMUM "[events]\nendpoint = b:1\n",
     "[events] endpoint, [events] enable_tls"},
	{MINIMUM "[events]\nendpoint = a:1\n[store]\nnodes = a:2\n",
     MINIMUM "[events]\nendpoint = a:1\n[store]\nnodes = a:3\n", "[store] nodes"},
	{MINIMUM "[events]\nendpoint = nats://S3cret@a:1\n", MINIMUM "[events]\nendpoint = nats://0ther@a:1\n",
     "[events] endpoint"},
	{MINIMUM "[events]\nendpoint = a:1\nusername = u\npassword = S3cret\n",
     MINIMUM "[events]\nendpoint = a:1\nusername = u\npassword = 0ther\n", "[events] password"},
	{MINIMUM "[http]\ntoken = S3cret\n", MINIMUM "[http]\naddr = 127.0.0.1:1\n", "[http] addr, [http] token"},
	{MINIMUM "[content]\ncopy_space = 1MiB\n", MINIMUM "[content]\ncopy_memory = 1MiB\ncopy_dir = /copies\n",
     "[content] copy_memory, [content] copy_dir, [content] copy_space"},
};

START_TEST(settings_of_the_start)
{
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		char keys[1024] = "";
		read_both(changes[i].first, changes[i].second, ENVIRONMENT("HOME=/h"));
		config_each_fixed_change(before, fixture.config, add, keys);
		ck_assert_str_eq(keys, changes[i].keys);
		end();
	}
}
END_TEST

START_TEST(settings_of_steps)
{
	read_both(MINIMUM "[step:one]\nenable = first\n[step:two]\n",
	          "[postprocessing]\nsteps = two, one\n[step:one]\n[step:two]\nallow = network\n", ENVIRONMENT("HOME=/h"));
	ck_assert_str_eq(before->step[0].name, "one");
	ck_assert_str_eq(fixture.config->step[1].name, "one");
	ck_assert(config_step_same(&before->step[0], &fixture.config->step[1]));
	ck_assert(!config_step_same(&before->step[1], &fixture.config->step[0]));
	ck_assert(!config_step_same(&before->step[0], &fixture.config->step[0]));
	end();
}
END_TEST

START_TEST(files_that_change_meanwhile)
{
	struct problems problems = {0};
	read_both(MINIMUM, MINIMUM, ENVIRONMENT("HOME=/h"));
	config_check_settled(fixture.config, &problems);
	ck_assert_uint_eq(problems.count, 0);
	fixture_write(&fixture, "steps.d/new.ini", "", 0);
	config_check_settled(fixture.config, &problems);
	ck_assert_uint_eq(problems.count, 1);
	ck_assert_ptr_nonnull(strstr(problems.line[0], "steps.d: changed while it was being read"));
	problems_free(&problems);
	problems = (struct problems){0};
	ck_assert_int_eq(unlink(fixture.path), 0);
	config_check_settled(fixture.config, &problems);
	ck_assert_uint_eq(problems.count, 2);
	problems_free(&problems);
	end();
}
END_TEST

START_TEST(copies_of_the_service_manager)
{
	char folder[96];
	fixture_open(&fixture);
	fixture_read(&fixture, MINIMUM, ENVIRONMENT("HOME=/h"));
	ck_assert_ptr_null(config_copy(fixture.config));
	fixture_read(&fixture, MINIMUM, ENVIRONMENT("HOME=/h", "CREDENTIALS_DIRECTORY=/run/credentials/a"));
	ck_assert_ptr_null(config_copy(fixture.config));
	snprintf(folder, sizeof folder, "CREDENTIALS_DIRECTORY=%s", fixture.folder);
	fixture_read(&fixture, MINIMUM, ENVIRONMENT("HOME=/h", folder));
	ck_assert_str_eq(config_copy(fixture.config), fixture.path);
	fixture_close(&fixture);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {settings_of_the_start, settings_of_steps, files_that_change_meanwhile,
	                              copies_of_the_service_manager};
	return suite_run("config_changes", tests, sizeof tests / sizeof tests[0], 60);
}
