/* SPDX-License-Identifier: Apache-2.0 */
#include "core/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Only what was mapped from the file and cannot have been written to. */
static int forget_constants(struct dl_phdr_info *object, size_t size, void *closure)
{
	(void)size;
	uintptr_t page = *(const uintptr_t *)closure;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
			continue;
		uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~(page - 1);
		/* It is a wish: where it is not granted nothing is lost. */
		if (end > start)
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void footprint_shrink(void)
{
	long size = sysconf(_SC_PAGESIZE);
	uintptr_t page = size > 0 ? (uintptr_t)size : 4096;
	malloc_trim(0);
	dl_iterate_phdr(forget_constants, &page);
}
