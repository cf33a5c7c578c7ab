/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ABREAST_LIMIT 16

/* A test that runs in a process of its own. */
struct child {
	pid_t pid; /* 0: none */
	FILE *output;
};

int suite_run_with(const char *name, SFun setup, SFun teardown, const TTest *const *test, size_t count, double seconds)
{
	Suite *suite = suite_create(name);
	TCase *cases = tcase_create(name);
	tcase_set_timeout(cases, seconds);
	tcase_add_checked_fixture(cases, setup, teardown);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(cases, test[i]);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

int suite_run(const char *name, const TTest *const *test, size_t count, double seconds)
{
	return suite_run_with(name, NULL, NULL, test, count, seconds);
}

static bool child_start(struct child *child, const char *name, const TTest *const *test, double seconds)
{
	child->output = tmpfile();
	if (child->output == NULL)
		return false;
	fflush(NULL);
	child->pid = fork();
	if (child->pid == 0) {
		int output = fileno(child->output);
		if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
			_exit(EXIT_FAILURE);
		int status = suite_run(name, test, 1, seconds);
		fflush(NULL);
		_exit(status);
	}
	if (child->pid > 0)
		return true;
	child->pid = 0;
	fclose(child->output);
	return false;
}

/* Prints what it wrote. */
static void child_end(struct child *child)
{
	char buffer[4096];
	size_t length;
	rewind(child->output);
	while ((length = fread(buffer, 1, sizeof buffer, child->output)) > 0)
		fwrite(buffer, 1, length, stdout);
	fclose(child->output);
	*child = (struct child){0};
}

/* Waits for one of them. False: it failed, or there is none. */
static bool wait_for_one(struct child *child, size_t abreast)
{
	int status = 0;
	pid_t pid = wait(&status);
	for (size_t i = 0; i < abreast; i++)
		if (pid > 0 && child[i].pid == pid)
			child_end(&child[i]);
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static struct child *find_free(struct child *child, size_t abreast)
{
	for (size_t i = 0; i < abreast; i++)
		if (child[i].pid == 0)
			return &child[i];
	return NULL;
}

int suite_run_abreast(const char *name, const TTest *const *test, size_t count, double seconds, size_t abreast)
{
	struct child child[ABREAST_LIMIT] = {0};
	const char *fork_mode = getenv("CK_FORK");
	size_t running = 0;
	bool good = true;
	if (abreast > ABREAST_LIMIT)
		abreast = ABREAST_LIMIT;
	if (abreast < 2 || (fork_mode != NULL && strcmp(fork_mode, "no") == 0)) /* for example under a debugger */
		return suite_run(name, test, count, seconds);
	for (size_t next = 0; next < count || running > 0;) {
		struct child *free_child = find_free(child, abreast);
		if (next == count || free_child == NULL) {
			good = wait_for_one(child, abreast) && good;
			running--;
			continue;
		}
		if (child_start(free_child, name, &test[next++], seconds))
			running++;
		else
			good = false;
	}
	return good ? 0 : 1;
}
