/* SPDX-License-Identifier: Apache-2.0
 * Finds the structure that contains a member. */
#ifndef CORE_BASE_CONTAINER_OF_H
#define CORE_BASE_CONTAINER_OF_H

#include <stddef.h>

/* `pointer` points at the member `member` of a `type`. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
