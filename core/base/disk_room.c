/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/disk_room.h"

#include <stdio.h>
#include <sys/statvfs.h>

bool disk_has_room(int file, int64_t more, char *why, size_t size)
{
	struct statvfs info;
	if (fstatvfs(file, &info) != 0)
		return true;
	int64_t left = (int64_t)(info.f_bavail * info.f_frsize), spare = (int64_t)(info.f_blocks * info.f_frsize);
	spare = spare / DISK_SPARE < DISK_SPARE_MOST ? spare / DISK_SPARE : DISK_SPARE_MOST;
	if (left - spare >= more)
		return true;
	snprintf(why, size, "%lld bytes are free, of which %lld stay free", (long long)left, (long long)spare);
	return false;
}
