/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/quarantine_export.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "core/base/private_file.h"
#include "core/base/terminal.h"

#define FILE_EXISTS "the file exists; choose another --output"

static bool fail(const char *about, const char *why)
{
	terminal_error("%s: %s", about, why);
	return false;
}

static bool write_all(int file, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t count = write(file, bytes, length);
		if (count == 0 || (count < 0 && errno != EINTR))
			return false;
		bytes += count > 0 ? count : 0;
		length -= count > 0 ? (size_t)count : 0;
	}
	return true;
}

/* Decrypts all of it, and compares it with what the note says. */
static bool decrypt(struct unsealer *unsealer, int output, const struct quarantine_export *export)
{
	const char *id = view_entry_id(export->entry);
	char error[SEAL_ERROR_SIZE], digits[2 * EVP_MAX_MD_SIZE + 1];
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct read_note read = {.room = NULL};
	const void *bytes;
	ssize_t count;
	int64_t size = 0;
	unsigned length = 0;
	EVP_MD_CTX *hash = alloc_checked(EVP_MD_CTX_new());
	bool good = EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
	while (good && (count = unsealer_read(unsealer, &bytes, error)) != 0) {
		good = count > 0 ? EVP_DigestUpdate(hash, bytes, (size_t)count) == 1 : fail(id, error);
		if (good && !write_all(output, bytes, (size_t)count))
			good = fail(export->output, strerror(errno));
		size += count > 0 ? count : 0;
	}
	good = good && EVP_DigestFinal_ex(hash, digest, &length) == 1;
	EVP_MD_CTX_free(hash);
	hex_encode(digits, digest, length);
	if (good && (!note_decode(unsealer_note(unsealer), &read) || read.note.size != size ||
	             strcmp(read.note.sha256, digits) != 0))
		good =
			fail(id, "its content is not what its note says, though nobody has changed either: it was sealed wrongly");
	note_clear(&read);
	return good;
}

/* The copy of the note beside the file is what people read; nobody may have changed it. */
static bool check_note(const struct quarantine_export *export, const char *note)
{
	char file[ENTRY_FILE_SIZE], *beside = alloc_zeroed(1, SEAL_NOTE_LIMIT + 2);
	entry_file(export->entry->info.name, ENTRY_NOTE, file);
	ssize_t length = private_file_read(export->folder, file, beside, SEAL_NOTE_LIMIT + 2);
	if (length > 0 && beside[length - 1] == '\n')
		beside[length - 1] = '\0';
	bool none = length < 0 && errno == ENOENT, good = none || (length >= 0 && strcmp(beside, note) == 0);
	const char *why = length < 0 ? private_file_reason(errno) : NULL, *id = view_entry_id(export->entry);
	if (!good)
		terminal_error("%s: %s%s%s. If you trust the sealed note, delete %s", id, file, why != NULL ? ": " : " ",
		               why != NULL ? why : "differs from the sealed note", file);
	free(beside);
	return good;
}

/* Opens the sealed file with the key. NULL: with a message. */
static struct unsealer *open_sealed(const struct quarantine_export *export, int file)
{
	const char *id = view_entry_id(export->entry);
	char error[SEAL_ERROR_SIZE];
	unsigned char key[SEAL_KEY];
	if (!seal_private_key_read(export->key, key, error)) {
		terminal_error("%s", error);
		return NULL;
	}
	struct unsealer *unsealer = unsealer_open(file, error);
	bool good = (unsealer != NULL && unsealer_unlock(unsealer, key, error)) || fail(id, error);
	OPENSSL_cleanse(key, sizeof key);
	if (good && check_note(export, unsealer_note(unsealer)))
		return unsealer;
	unsealer_free(unsealer);
	return NULL;
}

/* A file without a name, which is gone if this process dies; where the file system has no such files, one beside the
 * output (`draft`, otherwise ""). -1: with a message on stderr. */
static int create_draft(const char *output, char draft[PATH_MAX])
{
	char *copy = alloc_text(output);
	int file = open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	free(copy);
	draft[0] = '\0';
	if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) {
		if (file < 0)
			fail(output, strerror(errno));
		return file;
	}
	int length = snprintf(draft, PATH_MAX, "%s.XXXXXX", output);
	if (length < 0 || length >= PATH_MAX)
		errno = ENAMETOOLONG;
	else
		file = mkostemp(draft, O_CLOEXEC);
	if (file < 0)
		fail(output, strerror(errno));
	return file;
}

/* False: errno has the reason; EEXIST: there is a file of that name. */
static bool give_name(int file, const char *draft, const char *output)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	if (draft[0] == '\0')
		return linkat(AT_FDCWD, path, AT_FDCWD, output, AT_SYMLINK_FOLLOW) == 0;
	/* Some file systems, such as FAT, have no links, and some others cannot rename in this way. */
	return renameat2(AT_FDCWD, draft, AT_FDCWD, output, RENAME_NOREPLACE) == 0 ||
	       (errno == EINVAL && link(draft, output) == 0);
}

static void sync_folder_of(const char *path)
{
	char *copy = alloc_text(path);
	int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (folder >= 0) {
		fsync(folder);
		close(folder);
	}
}

/* Gives the file its name, unless there is a file of that name. */
static bool publish(int file, const char *draft, const char *output)
{
	bool good = give_name(file, draft, output) || fail(output, errno == EEXIST ? FILE_EXISTS : strerror(errno));
	if (good)
		sync_folder_of(output);
	return good;
}

bool quarantine_export(const struct quarantine_export *export)
{
	char draft[PATH_MAX] = "";
	int file = folder_open_sealed(export->folder, export->entry->info.name);
	if (file < 0)
		return fail(view_entry_id(export->entry), strerror(errno));
	int output = -1;
	struct unsealer *unsealer = NULL;
	bool good = access(export->output, F_OK) != 0 || fail(export->output, FILE_EXISTS);
	good = good && (unsealer = open_sealed(export, file)) != NULL;
	good = good && (output = create_draft(export->output, draft)) >= 0;
	good = good && decrypt(unsealer, output, export) && (fsync(output) == 0 || fail(export->output, strerror(errno))) &&
	       export->proven(export->closure, export->entry) && publish(output, draft, export->output);
	unsealer_free(unsealer);
	close(file);
	if (draft[0] != '\0')
		unlink(draft); /* unless it was renamed */
	if (output >= 0)
		close(output);
	return good;
}
