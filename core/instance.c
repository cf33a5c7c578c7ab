/* SPDX-License-Identifier: Apache-2.0 */
#include "core/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/encoding.h"
#include "core/private_file.h"

#define INSTANCES_LIMIT 1000

/* The name in the file, or a fresh one that is then written to it. */
static bool read_or_make_name(int file, char name[OWNER_LIMIT])
{
	ssize_t length = pread(file, name, OWNER_LIMIT - 1, 0);
	if (length > 1) {
		name[strcspn(name, "\n") < (size_t)length ? strcspn(name, "\n") : (size_t)length] = '\0';
		return true;
	}
	char host[64], random[17];
	if (gethostname(host, sizeof host) != 0 || !random_hex(random, 8))
		return false;
	host[sizeof host - 1] = '\0';
	int size = snprintf(name, OWNER_LIMIT, "%s-%s", host, random);
	return pwrite(file, name, (size_t)size, 0) == size && fsync(file) == 0;
}

bool instance_take(const char *state_dir, char name[OWNER_LIMIT], int *lock, char *why, size_t size)
{
	if (!private_folder_make(state_dir)) {
		snprintf(why, size, "state folder %s: %s: set [postprocessing] state_dir (POSTPROCESSING_STATE_DIR)", state_dir, strerror(errno));
		return false;
	}
	for (unsigned i = 0; i < INSTANCES_LIMIT; i++) {
		char path[4200];
		snprintf(path, sizeof path, "%s/instance-%u", state_dir, i);
		memset(name, 0, OWNER_LIMIT);
		int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (file < 0) {
			snprintf(why, size, "%s: %s", path, strerror(errno));
			return false;
		}
		if (flock(file, LOCK_EX | LOCK_NB) == 0) {
			*lock = file;
			if (read_or_make_name(file, name))
				return true;
			snprintf(why, size, "%s: %s", path, strerror(errno));
			close(file);
			return false;
		}
		int reason = errno;
		close(file);
		if (reason != EWOULDBLOCK && reason != EINTR) { /* not held by another: the file system has no locks */
			snprintf(why, size, "%s: cannot be locked: %s", path, strerror(reason));
			return false;
		}
	}
	snprintf(why, size, "%s: %d services run on this state folder", state_dir, INSTANCES_LIMIT);
	return false;
}
