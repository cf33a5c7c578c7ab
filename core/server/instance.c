/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/encoding.h"
#include "core/base/private_file.h"
#include "core/base/private_folder.h"

#define INSTANCES_LIMIT 1000
#define SET_STATE_DIR "([postprocessing] state_dir, POSTPROCESSING_STATE_DIR)"

/* The name is sent in words to other instances and stored in records. */
static bool is_name_character(char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

static bool is_name(const char *text)
{
	while (is_name_character(*text))
		text++;
	return *text == '\0';
}

static bool make_name(int file, char name[OWNER_LIMIT])
{
	char host[64], random[17];
	if (gethostname(host, sizeof host) != 0 || !random_hex(random, 8))
		return false;
	host[sizeof host - 1] = '\0';
	for (char *c = host; *c != '\0'; c++)
		if (!is_name_character(*c))
			*c = '-';
	int size = snprintf(name, OWNER_LIMIT, "%s-%s", host, random);
	return ftruncate(file, 0) == 0 && pwrite(file, name, (size_t)size, 0) == size && fsync(file) == 0;
}

/* Reads the name from the file, or writes a new one to it. */
static bool read_or_make_name(int file, const char *path, const struct log *log, char name[OWNER_LIMIT])
{
	ssize_t length = pread(file, name, OWNER_LIMIT, 0);
	if (length < 0)
		return false;
	bool whole = length < OWNER_LIMIT;
	name[whole ? length : OWNER_LIMIT - 1] = '\0';
	name[strcspn(name, "\n")] = '\0';
	if (length > 1 && whole && is_name(name))
		return true;
	/* The records of the old name are taken over like those of a dead instance. */
	if (length > 1)
		log_warning(log, "%s: no instance name in this file; using a new name", path);
	return make_name(file, name);
}

/* Takes the lock. False: *taken says whether another instance holds it; otherwise errno has the reason. */
static bool take_lock(int file, bool *taken)
{
	if (flock(file, LOCK_EX | LOCK_NB) == 0)
		return true;
	*taken = errno == EWOULDBLOCK || errno == EINTR;
	return false;
}

/* Takes the first name that no other instance holds. */
static bool take_first(const char *state_dir, int folder, const struct log *log, char name[OWNER_LIMIT], int *held,
                       char *why, size_t size)
{
	for (unsigned i = 0; i < INSTANCES_LIMIT; i++) {
		char file[32], path[4200];
		bool taken = false;
		snprintf(file, sizeof file, "instance-%u", i);
		snprintf(path, sizeof path, "%s/%s", state_dir, file);
		int fd = private_file_open(folder, file);
		if (fd < 0) {
			snprintf(
				why, size,
				"%s: %s: give the files of the state folder to the user of the service, or choose another folder " SET_STATE_DIR,
				path, private_file_reason(errno));
			return false;
		}
		if (take_lock(fd, &taken)) {
			if (read_or_make_name(fd, path, log, name)) {
				*held = fd;
				return true;
			}
			snprintf(why, size, "%s: %s", path, strerror(errno));
			close(fd);
			return false;
		}
		int reason = errno;
		close(fd);
		if (!taken) { /* the file system has no locks */
			snprintf(why, size, "cannot lock %s: %s", path, strerror(reason));
			return false;
		}
	}
	snprintf(why, size, "%s: %d services already use this state folder", state_dir, INSTANCES_LIMIT);
	return false;
}

void instance_note_end(int lock, const char *name, const char *nonce)
{
	char note[WRITER_LIMIT + 2];
	size_t at = strlen(name);
	int length = snprintf(note, sizeof note, "\n%s\n", nonce);
	/* A longer file cannot contain a name. */
	if (at + (size_t)length >= OWNER_LIMIT)
		return;
	ssize_t written = pwrite(lock, note, (size_t)length, (off_t)at);
	(void)written;
}

void instance_take_note(int lock, const char *name, char nonce[WRITER_LIMIT])
{
	char note[WRITER_LIMIT + 2];
	off_t at = (off_t)strlen(name);
	ssize_t length = pread(lock, note, sizeof note - 1, at);
	nonce[0] = '\0';
	if (length <= 0 || ftruncate(lock, at) != 0) /* a note that remains would count more than once */
		return;
	note[length] = '\0';
	size_t size = strcspn(note + 1, "\n");
	if (note[0] == '\n' && size < WRITER_LIMIT && note[1 + size] == '\n')
		snprintf(nonce, WRITER_LIMIT, "%.*s", (int)size, note + 1);
}

bool instance_take(const char *state_dir, const struct log *log, char name[OWNER_LIMIT], int *lock, char *why,
                   size_t size)
{
	char reason[1024];
	if (!private_folder_make(state_dir)) {
		snprintf(why, size, "state folder %s: %s: choose another one " SET_STATE_DIR, state_dir, strerror(errno));
		return false;
	}
	int folder = private_folder_open(state_dir, reason, sizeof reason);
	if (folder < 0) {
		snprintf(why, size, "state folder %s " SET_STATE_DIR, reason);
		return false;
	}
	if (!private_folder_writable(state_dir, reason, sizeof reason)) {
		snprintf(why, size, "state folder %s " SET_STATE_DIR, reason);
		close(folder);
		return false;
	}
	if (private_folder_exposed(state_dir, reason, sizeof reason))
		log_warning(log, "state folder %s: %s; choose another one " SET_STATE_DIR, state_dir, reason);
	memset(name, 0, OWNER_LIMIT);
	bool good = take_first(state_dir, folder, log, name, lock, why, size);
	close(folder);
	return good;
}
