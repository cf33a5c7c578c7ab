/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/scratch_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"

#define ENTRIES_LIMIT 10000
#define DEPTH_LIMIT 32
/* As many are removed at once, by the calling thread. */
#define AT_ONCE 1000
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

char *scratch_folder_make(uid_t uid, gid_t gid)
{
	const char *parent = getenv("TMPDIR");
	static const char name[] = "/postprocessing-XXXXXX";
	if (parent == NULL || parent[0] != '/')
		parent = "/tmp";
	size_t size = strlen(parent) + sizeof name;
	char *path = alloc_bytes(size);
	snprintf(path, size, "%s%s", parent, name);
	bool made = mkdtemp(path) != NULL;
	if (made && (uid == (uid_t)-1 || chown(path, uid, gid) == 0))
		return path;
	int reason = errno;
	if (made)
		rmdir(path);
	free(path);
	errno = reason;
	return NULL;
}

static bool is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* False: there is too much, or it is hidden. */
static bool add_sizes(int above, const char *name, unsigned depth, unsigned *entries, int64_t *bytes)
{
	const struct dirent *entry;
	struct stat status;
	int folder = openat(above, name, FOLDER_FLAGS);
	DIR *listing = folder >= 0 ? fdopendir(folder) : NULL;
	bool good = listing != NULL || errno == ENOENT;
	while (listing != NULL && good && (entry = readdir(listing)) != NULL) {
		if (!is_entry(entry) || fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		*bytes += (int64_t)status.st_blocks * 512;
		good = ++*entries <= ENTRIES_LIMIT && depth < DEPTH_LIMIT;
		if (good && S_ISDIR(status.st_mode))
			good = add_sizes(folder, entry->d_name, depth + 1, entries, bytes);
	}
	if (listing != NULL)
		closedir(listing);
	else if (folder >= 0)
		close(folder);
	return good;
}

int64_t scratch_folder_size(const char *path)
{
	unsigned entries = 0;
	int64_t bytes = 0;
	return add_sizes(AT_FDCWD, path, 0, &entries, &bytes) ? bytes : INT64_MAX;
}

struct removal {
	int top;        /* the folder itself */
	unsigned moved; /* folders that were moved up */
	unsigned left;  /* how many more may be removed */
	bool stuck;
};

static bool remove_from_top(struct removal *removal, const char *name);

/* A folder in a folder is moved to the top, so that depth needs neither descriptors nor long paths. */
static void remove_inner(struct removal *removal, int folder, const char *name)
{
	char moved[32];
	if (unlinkat(folder, name, 0) == 0 || unlinkat(folder, name, AT_REMOVEDIR) == 0)
		return;
	/* A folder can be moved only if it can be written to. */
	if (fchmodat(folder, name, 0700, 0) != 0)
		removal->stuck = true;
	for (unsigned i = 0; i < AT_ONCE && !removal->stuck; i++) {
		snprintf(moved, sizeof moved, ".moved-%u", removal->moved++);
		if (renameat(folder, name, removal->top, moved) == 0)
			return;
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			break;
	}
	removal->stuck = true;
}

/* Calls a function for each entry until it returns false. */
static void empty_folder(struct removal *removal, int folder, bool top)
{
	const struct dirent *entry;
	DIR *listing = fdopendir(folder);
	if (listing == NULL) {
		close(folder);
		removal->stuck = true;
		return;
	}
	while (removal->left > 0 && !removal->stuck && (entry = readdir(listing)) != NULL) {
		if (!is_entry(entry))
			continue;
		removal->left--;
		if (!top)
			remove_inner(removal, folder, entry->d_name);
		else if (!remove_from_top(removal, entry->d_name))
			removal->stuck = true;
	}
	closedir(listing);
}

/* An entry of the folder itself. */
static bool remove_from_top(struct removal *removal, const char *name)
{
	if (unlinkat(removal->top, name, 0) == 0 || unlinkat(removal->top, name, AT_REMOVEDIR) == 0)
		return true;
	struct stat status;
	if (fstatat(removal->top, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode))
		return false;
	int folder = fchmodat(removal->top, name, 0700, 0) == 0 ? openat(removal->top, name, FOLDER_FLAGS) : -1;
	if (folder < 0)
		return false;
	empty_folder(removal, folder, false);
	return removal->left == 0 || unlinkat(removal->top, name, AT_REMOVEDIR) == 0;
}

/* False: there is more. */
static bool remove_some(const char *path, unsigned most)
{
	while (most > 0) {
		struct removal removal = {.top = open(path, FOLDER_FLAGS), .left = most};
		if (removal.top < 0 && chmod(path, 0700) == 0)
			removal.top = open(path, FOLDER_FLAGS);
		if (removal.top < 0)
			return true;
		int folder = dup(removal.top);
		if (folder >= 0)
			empty_folder(&removal, folder, true);
		close(removal.top);
		if (rmdir(path) == 0 || removal.stuck || removal.left == most || folder < 0)
			return true;
		most = removal.left;
	}
	return false;
}

static void *remove_rest(void *closure)
{
	while (!remove_some(closure, AT_ONCE))
		;
	free(closure);
	return NULL;
}

void scratch_folder_remove(const char *path)
{
	pthread_attr_t attributes;
	pthread_t thread;
	if (rmdir(path) == 0 || remove_some(path, AT_ONCE) || pthread_attr_init(&attributes) != 0)
		return;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	char *rest = alloc_text(path);
	if (pthread_create(&thread, &attributes, remove_rest, rest) != 0)
		free(rest);
	pthread_attr_destroy(&attributes);
}
