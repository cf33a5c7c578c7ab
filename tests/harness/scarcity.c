/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/scarcity.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long left, blocks; /* `blocks`: allocated and not freed */
static bool begun, paused, failed;
static pid_t process; /* a child process does not count its allocations */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
char *__real_realpath(const char *path, char *resolved);
FILE *__real_open_memstream(char **text, size_t *size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
char *__wrap_realpath(const char *path, char *resolved);
FILE *__wrap_open_memstream(char **text, size_t *size);
void __wrap_free(void *block);

static bool fails(void)
{
	if (!begun || paused || failed || getpid() != process)
		return false;
	failed = left-- == 0;
	return failed;
}

/* Counts an allocated block. */
static void *had(void *block)
{
	blocks += block != NULL;
	return block;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : had(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : had(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fails())
		return NULL;
	return old == NULL ? had(__real_realloc(NULL, size)) : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : had(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t length)
{
	return fails() ? NULL : had(__real_strndup(text, length));
}

char *__wrap_realpath(const char *path, char *resolved)
{
	return fails() ? NULL : had(__real_realpath(path, resolved));
}

/* The stream itself is not counted: its fclose() ends it. */
FILE *__wrap_open_memstream(char **text, size_t *size)
{
	return fails() ? NULL : had(__real_open_memstream(text, size));
}

void __wrap_free(void *block)
{
	blocks -= block != NULL;
	__real_free(block);
}

void scarcity_begin(long count)
{
	json_set_alloc_funcs(__wrap_malloc, __wrap_free);
	left = count;
	process = getpid();
	begun = true;
	paused = failed = false;
}

bool scarcity_end(void)
{
	begun = false;
	return failed;
}

bool scarcity_pause(bool pause)
{
	bool before = paused;
	paused = pause;
	return before;
}

long each_fails(enum came (*work)(const void *closure), const void *closure)
{
	ck_assert_int_eq(work(closure), CAME_RIGHT);
	long count = 0;
	for (bool some = true; some; count++) {
		long before = blocks;
		scarcity_begin(count);
		enum came came = work(closure);
		some = scarcity_end();
		ck_assert_msg(came != CAME_WRONG, "allocation %ld: wrong", count);
		ck_assert_msg(some || came == CAME_RIGHT, "failed although every allocation succeeded");
		ck_assert_msg(blocks == before, "allocation %ld: %ld blocks are left", count, blocks - before);
	}
	return count - 1;
}
