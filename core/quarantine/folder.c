/* SPDX-License-Identifier: Apache-2.0 */
#include "core/quarantine/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"

#define DRAFT_SUFFIX ".tmp"
/* A note may be there this long before its sealed file. */
#define NOTE_ALONE HOUR

bool entry_name(const char *id, const char *step, char name[ENTRY_NAME_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	/* The ID with its terminator: no other pair of texts gives the same bytes. */
	bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
	            EVP_DigestUpdate(context, id, strlen(id) + 1) == 1 &&
	            EVP_DigestUpdate(context, step, strlen(step)) == 1 && EVP_DigestFinal_ex(context, digest, &length) == 1;
	EVP_MD_CTX_free(context);
	if (good)
		hex_encode(name, digest, (ENTRY_NAME_SIZE - 1) / 2);
	return good;
}

const char *entry_file(const char *name, const char *suffix, char file[ENTRY_FILE_SIZE])
{
	snprintf(file, ENTRY_FILE_SIZE, "%.32s%s", name, suffix);
	return file;
}

/* Whether it is the file of an entry with this suffix. */
static bool is_entry(const char *file, const char *suffix)
{
	return strspn(file, "0123456789abcdef") == ENTRY_NAME_SIZE - 1 && strcmp(file + ENTRY_NAME_SIZE - 1, suffix) == 0;
}

static bool is_draft(const char *file)
{
	size_t length = strlen(file), suffix = strlen(DRAFT_SUFFIX);
	return length > suffix && strcmp(file + length - suffix, DRAFT_SUFFIX) == 0 &&
	       strspn(file, "0123456789abcdef") == ENTRY_NAME_SIZE - 1;
}

/* Reads the folder from its beginning, with a position of its own. */
static DIR *open_listing(int folder)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = copy >= 0 ? fdopendir(copy) : NULL;
	if (listing == NULL && copy >= 0)
		close(copy);
	return listing;
}

static bool look(int folder, const char *file, struct entry_info *entry)
{
	struct stat info;
	if (fstatat(folder, file, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
		return false;
	entry->bytes = info.st_size;
	entry->time = info.st_mtim.tv_sec * SECOND + info.st_mtim.tv_nsec;
	return true;
}

bool folder_each(int folder, void (*each)(void *closure, const struct entry_info *entry), void *closure)
{
	DIR *listing = open_listing(folder);
	const struct dirent *found;
	if (listing == NULL)
		return false;
	while ((errno = 0, found = readdir(listing)) != NULL) {
		struct entry_info entry;
		if (!is_entry(found->d_name, ENTRY_SEALED) || !look(folder, found->d_name, &entry))
			continue;
		memcpy(entry.name, found->d_name, ENTRY_NAME_SIZE - 1);
		entry.name[ENTRY_NAME_SIZE - 1] = '\0';
		each(closure, &entry);
	}
	int reason = errno;
	closedir(listing);
	errno = reason;
	return reason == 0;
}

int folder_open_sealed(int folder, const char *name)
{
	char file[ENTRY_FILE_SIZE];
	/* Non-blocking, so that a FIFO is refused instead of waited for. */
	return openat(folder, entry_file(name, ENTRY_SEALED, file), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

char *folder_note(int folder, const char *name, char error[SEAL_ERROR_SIZE])
{
	int file = folder_open_sealed(folder, name);
	if (file < 0) {
		snprintf(error, SEAL_ERROR_SIZE, "%s", strerror(errno));
		return NULL;
	}
	struct unsealer *unsealer = unsealer_open(file, error);
	char *note = unsealer != NULL ? alloc_text(unsealer_note(unsealer)) : NULL;
	unsealer_free(unsealer);
	close(file);
	return note;
}

/* Between its check and what follows from it, a process keeps the others from giving or taking names. Some network file
 * systems cannot lock a folder: then only little time is left for another process. -1: not locked. */
static int lock_folder(int folder)
{
	int lock = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (lock >= 0 && flock(lock, LOCK_EX) != 0 && errno == EINTR)
		;
	return lock;
}

/* Keeps errno. */
static void unlock_folder(int lock)
{
	int reason = errno;
	if (lock >= 0)
		close(lock);
	errno = reason;
}

/* False: errno has the reason. */
static bool unlink_entry(int folder, const struct entry_info *entry)
{
	char file[ENTRY_FILE_SIZE];
	struct entry_info now;
	entry_file(entry->name, ENTRY_SEALED, file);
	if (look(folder, file, &now) && (now.time != entry->time || now.bytes != entry->bytes)) {
		errno = ESTALE;
		return false;
	}
	if (unlinkat(folder, file, 0) != 0)
		return false;
	unlinkat(folder, entry_file(entry->name, ENTRY_NOTE, file), 0);
	return true;
}

bool folder_remove_entry(int folder, const struct entry_info *entry)
{
	int lock = lock_folder(folder);
	bool good = unlink_entry(folder, entry);
	unlock_folder(lock);
	return good && fsync(folder) == 0;
}

/* Whether nobody writes it any more. */
static bool is_abandoned(int folder, const char *draft)
{
	int file = openat(folder, draft, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	bool abandoned = file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0;
	if (file >= 0)
		close(file);
	return abandoned;
}

/* Whether it is a note whose sealed file is gone. */
static bool is_alone(int folder, const char *file)
{
	char name[ENTRY_NAME_SIZE], sealed[ENTRY_FILE_SIZE];
	struct entry_info note, entry;
	if (!is_entry(file, ENTRY_NOTE) || !look(folder, file, &note) || clock_now() - note.time < NOTE_ALONE)
		return false;
	memcpy(name, file, ENTRY_NAME_SIZE - 1);
	name[ENTRY_NAME_SIZE - 1] = '\0';
	return !look(folder, entry_file(name, ENTRY_SEALED, sealed), &entry) && errno == ENOENT;
}

/* Removes the file if nobody needs it. */
static bool clean_file(int folder, const char *file)
{
	bool draft = is_draft(file);
	if (!draft && !is_entry(file, ENTRY_NOTE))
		return false;
	int lock = lock_folder(folder);
	bool removed = (draft ? is_abandoned(folder, file) : is_alone(folder, file)) && unlinkat(folder, file, 0) == 0;
	unlock_folder(lock);
	return removed;
}

size_t folder_clean(int folder)
{
	DIR *listing = open_listing(folder);
	const struct dirent *found;
	size_t removed = 0;
	while (listing != NULL && (found = readdir(listing)) != NULL)
		removed += clean_file(folder, found->d_name);
	if (listing != NULL)
		closedir(listing);
	return removed;
}

int draft_create(int folder, const char *file, char name[DRAFT_NAME_SIZE])
{
	char random[17];
	if (!random_hex(random, 8)) {
		errno = EAGAIN;
		return -1;
	}
	snprintf(name, DRAFT_NAME_SIZE, "%.40s.%s" DRAFT_SUFFIX, file, random);
	/* While it is there and not locked, it looks like what a crash has left. */
	int lock = lock_folder(folder);
	int draft = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (draft >= 0 && flock(draft, LOCK_EX | LOCK_NB) != 0) {
		int reason = errno;
		draft_drop(folder, draft, name);
		errno = reason;
		draft = -1;
	}
	unlock_folder(lock);
	return draft;
}

bool draft_publish(int folder, int draft, const char *name, const char *file)
{
	bool written = fsync(draft) == 0;
	int reason = errno, lock = written ? lock_folder(folder) : -1;
	bool renamed = written && renameat(folder, name, folder, file) == 0;
	reason = written ? errno : reason;
	unlock_folder(lock);
	if (renamed) {
		close(draft);
		return true;
	}
	draft_drop(folder, draft, name);
	errno = reason;
	return false;
}

void draft_drop(int folder, int draft, const char *name)
{
	unlinkat(folder, name, 0);
	close(draft);
}
