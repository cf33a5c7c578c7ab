/* SPDX-License-Identifier: Apache-2.0
 * Allocations that do not fail.
 *
 * An allocation whose size comes from an input (an event, a record, a step's result) may fail: the caller uses
 * malloc(), and that input alone fails. All other allocations are made here. If one of them fails, the process ends
 * with one line on standard error and ALLOC_EXIT_STATUS. Nothing is lost by that: what the service knows of its uploads
 * is in the bucket and in the stream, and the service manager starts it again.
 *
 * The handler is global, because an allocation can fail in code that has no context to reach it by: a heap, a hash
 * table. Only the main program sets it. */
#ifndef CORE_BASE_ALLOC_H
#define CORE_BASE_ALLOC_H

#include <stddef.h>

/* EX_OSERR of sysexits.h. */
#define ALLOC_EXIT_STATUS 71

/* What to do before the process ends, instead of writing that line. The function may run in any thread, and in two at
 * once; it must not allocate. When it returns, the process ends without running exit handlers. */
struct alloc_handler {
	void (*function)(void *closure);
	void *closure;
};

/* Sets the handler, which is borrowed until the next call. NULL: there is none. */
void alloc_set_handler(const struct alloc_handler *wanted);

/* As calloc(), realloc(), malloc(), strdup() and strndup(); the caller frees the result. They never return NULL. */
void *alloc_zeroed(size_t count, size_t size);
void *alloc_resized(void *old, size_t size);
void *alloc_bytes(size_t size);
char *alloc_text(const char *text);
char *alloc_text_part(const char *text, size_t length);

/* Returns what another function has allocated, unless that is NULL. */
void *alloc_checked(void *block);

#endif
