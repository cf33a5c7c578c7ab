/* SPDX-License-Identifier: Apache-2.0
 * Allocations that end the process when they fail. */
#include "core/base/alloc.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/suite.h"

static volatile size_t too_much = SIZE_MAX / 2;

static void fail_to_allocate(unsigned which)
{
	if (which == 0)
		free(alloc_zeroed(too_much, 2));
	else if (which == 1)
		free(alloc_bytes(too_much));
	else
		free(alloc_resized(NULL, too_much));
}

/* What a process that cannot allocate memory writes to standard error. */
static void check_end(unsigned which, const struct alloc_handler *handler, const char *words)
{
	int ends[2], status;
	char text[256];
	ck_assert_int_eq(pipe(ends), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		alloc_set_handler(handler);
		fail_to_allocate(which);
		_exit(0);
	}
	close(ends[1]);
	ssize_t length;
	size_t used = 0;
	while ((length = read(ends[0], text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)length;
	ck_assert_int_eq(length, 0);
	text[used] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), ALLOC_EXIT_STATUS);
	/* A sanitizer warns first. */
	const char *rest = strncmp(text, "==", 2) == 0 ? strchr(text, '\n') : NULL;
	ck_assert_str_eq(rest != NULL ? rest + 1 : text, words);
}

static void say(void *closure)
{
	const char *words = closure;
	ssize_t written = write(STDERR_FILENO, words, strlen(words));
	(void)written;
}

/* For the sanitizers: an allocation that is too large fails, as it does without them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

START_TEST(without_memory_the_process_ends)
{
	static char words[] = "noted";
	const struct alloc_handler handler = {say, words};
	for (unsigned which = 0; which < 3; which++) {
		check_end(which, NULL, "postprocessing: out of memory; the process ends\n");
		check_end(which, &handler, words);
	}
}
END_TEST

START_TEST(allocations_succeed)
{
	static const char none[8];
	char *bytes = alloc_zeroed(4, 2);
	ck_assert_mem_eq(bytes, none, 8);
	memcpy(bytes, "1234567", 8);
	bytes = alloc_resized(bytes, 1 << 16);
	ck_assert_str_eq(bytes, "1234567");
	free(bytes);
	bytes = alloc_bytes(1);
	bytes[0] = 1;
	free(bytes);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {without_memory_the_process_ends, allocations_succeed};
	return suite_run("alloc", tests, sizeof tests / sizeof tests[0], 30);
}
