/* SPDX-License-Identifier: Apache-2.0
 * From a member to the structure that it is part of. */
#ifndef CORE_BASE_CONTAINER_OF_H
#define CORE_BASE_CONTAINER_OF_H

#include <stddef.h>

/* `pointer` points at the member `member` of a `type`. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

#endif
