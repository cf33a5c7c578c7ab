/* SPDX-License-Identifier: Apache-2.0 */
#include "core/content/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/disk_room.h"
#include "core/base/encoding.h"
#include "core/base/private_folder.h"
#include "core/content/content_http.h"

#define CHUNK ((size_t)256 << 10)
/* The limits are checked after this number of bytes. */
#define LIMITS_EVERY (INT64_C(8) << 20)

struct copy {
	enum copy_place place;
	int file; /* for reading and writing; once it is complete, for reading only */
	int64_t size;
};

static bool fail(char error[COPY_ERROR_SIZE], const char *what, int reason)
{
	snprintf(error, COPY_ERROR_SIZE, "%s: %s%s", what, strerror(reason),
	         reason == ENOSPC || reason == EDQUOT || reason == EFBIG ? " ([content] copy_dir)" : "");
	return false;
}

char *copy_default_folder(void)
{
	const char *above = getenv("TMPDIR");
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/postprocessing-copies-%u", above != NULL && above[0] == '/' ? above : "/var/tmp",
	         (unsigned)geteuid());
	return alloc_text(path);
}

int copy_folder_open(const char *folder, char error[COPY_ERROR_SIZE])
{
	char why[COPY_ERROR_SIZE - 64];
	int opened = -1;
	if (!private_folder_make(folder))
		snprintf(why, sizeof why, "%.256s: %s", folder, strerror(errno));
	else
		opened = private_folder_open(folder, why, sizeof why);
	if (opened < 0)
		snprintf(error, COPY_ERROR_SIZE, "cannot copy the upload to a file: [content] copy_dir: %s", why);
	return opened;
}

/* Not every file system can make a file without a name. */
static int open_nameless(int folder)
{
	char name[64];
	int file = openat(folder, ".", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0400);
	for (unsigned i = 0; file < 0 && i < 100 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EEXIST); i++) {
		snprintf(name, sizeof name, "copy-%d-%llx", (int)getpid(), (unsigned long long)clock_monotonic() + i);
		file = openat(folder, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0400);
		if (file >= 0)
			unlinkat(folder, name, 0);
	}
	return file;
}

/* Whether so many more bytes leave enough room for others. */
static bool has_room(int file, int64_t more, char error[COPY_ERROR_SIZE])
{
	char why[128];
	if (disk_has_room(file, more, why, sizeof why))
		return true;
	snprintf(error, COPY_ERROR_SIZE, "no room on the disk for a copy of the upload: %s ([content] copy_dir)", why);
	return false;
}

static bool open_on_disk(struct copy *copy, const char *folder, int64_t expected, char error[COPY_ERROR_SIZE])
{
	int opened = copy_folder_open(folder, error);
	if (opened < 0)
		return false;
	copy->file = open_nameless(opened);
	int reason = errno;
	close(opened);
	if (copy->file < 0)
		return fail(error, "cannot copy the upload to a file", reason);
	if (!has_room(copy->file, expected > 0 ? expected : 0, error))
		return false;
	/* A disk that is full is noticed before anything is transferred. Some file systems cannot do this. */
	if (expected > 0 && fallocate(copy->file, 0, 0, expected) != 0 && errno != EOPNOTSUPP && errno != EINTR)
		return fail(error, "no room for a copy of the upload", errno);
	return true;
}

static bool open_in_memory(struct copy *copy, char error[COPY_ERROR_SIZE])
{
	copy->file = memfd_create("upload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return copy->file >= 0 || fail(error, "cannot copy the upload to memory", errno);
}

struct copy *copy_create(enum copy_place place, const char *folder, int64_t expected, char error[COPY_ERROR_SIZE])
{
	struct copy *copy = alloc_zeroed(1, sizeof *copy);
	*copy = (struct copy){.place = place, .file = -1};
	if (place == COPY_ON_DISK ? open_on_disk(copy, folder, expected, error) : open_in_memory(copy, error))
		return copy;
	copy_free(copy);
	return NULL;
}

void copy_free(struct copy *copy)
{
	if (copy == NULL)
		return;
	if (copy->file >= 0)
		close(copy->file);
	free(copy);
}

bool copy_write(struct copy *copy, const void *bytes, size_t length, char error[COPY_ERROR_SIZE])
{
	const char *next = bytes;
	while (length > 0) {
		ssize_t count = write(copy->file, next, length);
		if (count == 0 || (count < 0 && errno != EINTR))
			return fail(error, "cannot copy the upload", count == 0 ? EIO : errno);
		next += count > 0 ? count : 0;
		length -= count > 0 ? (size_t)count : 0;
		copy->size += count > 0 ? count : 0;
	}
	return true;
}

bool copy_fill(struct copy *copy, int file, char error[COPY_ERROR_SIZE])
{
	char *chunk = alloc_bytes(CHUNK);
	ssize_t count;
	bool good = true;
	while (good && (count = pread(file, chunk, CHUNK, copy->size)) != 0) {
		if (count > 0)
			good = copy_write(copy, chunk, (size_t)count, error);
		else if (errno != EINTR)
			good = fail(error, "cannot read the file", errno);
	}
	free(chunk);
	return good;
}

bool copy_complete(struct copy *copy, char error[COPY_ERROR_SIZE])
{
	/* Whoever gets a descriptor may open it again: for reading, as any user. */
	bool good = fchmod(copy->file, 0444) == 0 && ftruncate(copy->file, copy->size) == 0;
	if (good && copy->place == COPY_IN_MEMORY)
		good = fcntl(copy->file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
	int file = good ? copy_open(copy) : -1;
	if (file < 0)
		return fail(error, "cannot copy the upload", errno);
	close(copy->file);
	copy->file = file;
	return true;
}

enum copy_place copy_place(const struct copy *copy)
{
	return copy->place;
}

int64_t copy_size(const struct copy *copy)
{
	return copy->size;
}

int copy_open(const struct copy *copy)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", copy->file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

ssize_t copy_read(const struct copy *copy, void *bytes, size_t size, int64_t position)
{
	ssize_t count;
	do
		count = pread(copy->file, bytes, size, position);
	while (count < 0 && errno == EINTR);
	return count;
}

/* Feeds all bytes to the hash. */
static bool hash_all(const struct copy *copy, EVP_MD_CTX *hash, nanos deadline, int cancel_fd,
                     char error[COPY_ERROR_SIZE])
{
	unsigned char *chunk = alloc_bytes(CHUNK);
	const char *why = NULL;
	for (int64_t position = 0; why == NULL && position < copy->size;) {
		ssize_t count = copy_read(copy, chunk, CHUNK, position);
		if (count <= 0)
			why = count < 0 ? strerror(errno) : "its copy is cut short";
		else if (EVP_DigestUpdate(hash, chunk, (size_t)count) != 1)
			why = "the library refuses it";
		else if (position / LIMITS_EVERY != (position + count) / LIMITS_EVERY && deadline != 0 &&
		         clock_now() >= deadline)
			why = "it was not finished before the step's deadline";
		else if (position / LIMITS_EVERY != (position + count) / LIMITS_EVERY && content_cancelled(cancel_fd))
			why = "it was cancelled";
		position += count > 0 ? count : 0;
	}
	free(chunk);
	if (why != NULL)
		snprintf(error, COPY_ERROR_SIZE, "cannot compute the digest of the upload: %s", why);
	return why == NULL;
}

bool copy_digest(const struct copy *copy, nanos deadline, int cancel_fd, char digest[COPY_DIGEST_SIZE],
                 char error[COPY_ERROR_SIZE])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool good = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
	if (!good)
		snprintf(error, COPY_ERROR_SIZE, "cannot compute the digest of the upload: SHA-256 is not available");
	good = good && hash_all(copy, hash, deadline, cancel_fd, error) && EVP_DigestFinal_ex(hash, raw, &length) == 1;
	EVP_MD_CTX_free(hash);
	if (good)
		hex_encode(digest, raw, length);
	return good;
}
