/* SPDX-License-Identifier: Apache-2.0
 * Preloaded into a service: while the file that SHORTAGE_FILE names exists, the main thread gets no memory. That thread
 * makes the decisions. The other threads still get memory, so events arrive and runs end as usual. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* The C library's functions, and those of a sanitizer that replaces them. dlsym() cannot find them: a sanitizer that is
 * still starting allocates memory while its own dlsym() does not work yet. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
__attribute__((weak)) void *__interceptor_malloc(size_t size);
__attribute__((weak)) void *__interceptor_calloc(size_t count, size_t size);
__attribute__((weak)) void *__interceptor_realloc(void *old, size_t size);

static int is_short(void)
{
	int before = errno;
	const char *file = gettid() == getpid() ? getenv("SHORTAGE_FILE") : NULL;
	int is = file != NULL && access(file, F_OK) == 0;
	errno = is ? ENOMEM : before;
	return is;
}

void *malloc(size_t size)
{
	if (is_short())
		return NULL;
	return __interceptor_malloc != NULL ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	if (is_short())
		return NULL;
	return __interceptor_calloc != NULL ? __interceptor_calloc(count, size) : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	if (is_short())
		return NULL;
	return __interceptor_realloc != NULL ? __interceptor_realloc(old, size) : __libc_realloc(old, size);
}
