/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct alloc_handler *_Atomic handler;

void alloc_set_handler(const struct alloc_handler *wanted)
{
	atomic_store(&handler, wanted);
}

static _Noreturn void end_process(void)
{
	static const char line[] = "postprocessing: out of memory; the process ends\n";
	const struct alloc_handler *set = atomic_load(&handler);
	ssize_t written = set == NULL ? write(STDERR_FILENO, line, sizeof line - 1) : 0;
	(void)written;
	if (set != NULL)
		set->function(set->closure);
	_exit(ALLOC_EXIT_STATUS);
}

void *alloc_checked(void *block)
{
	if (block == NULL)
		end_process();
	return block;
}

void *alloc_zeroed(size_t count, size_t size)
{
	return alloc_checked(calloc(count, size));
}

void *alloc_resized(void *old, size_t size)
{
	return alloc_checked(realloc(old, size));
}

void *alloc_bytes(size_t size)
{
	return alloc_checked(malloc(size));
}

char *alloc_text(const char *text)
{
	return alloc_checked(strdup(text));
}

char *alloc_text_part(const char *text, size_t length)
{
	return alloc_checked(strndup(text, length));
}
