/* SPDX-License-Identifier: Apache-2.0
 * Whether a disk has room for large files, with some left for others, such as an embedded broker. */
#ifndef CORE_BASE_DISK_ROOM_H
#define CORE_BASE_DISK_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* This part of the file system stays free, but never more than that many bytes. */
#define DISK_SPARE 16
#define DISK_SPARE_MOST (INT64_C(1) << 30)

/* Whether `more` bytes can be written to the file system of an open file. False: why[size] has the reason. */
bool disk_has_room(int file, int64_t more, char *why, size_t size);

#endif
