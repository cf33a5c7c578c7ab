/* SPDX-License-Identifier: Apache-2.0 */
#include "core/quarantine/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/disk_room.h"
#include "core/base/private_folder.h"
#include "core/base/thread.h"

#define READ_SIZE ((size_t)256 << 10)

struct quarantine {
	pthread_mutex_t lock;
	pthread_mutex_t room; /* held while entries are counted or get their names; taken before the lock */
	char *folder, *instance;
	void (*added_one)(void *closure, const struct note *note);
	void (*failed_one)(void *closure, const struct note *note, const char *why);
	void *closure;
	struct quarantine_settings settings; /* under the lock, and so are: */
	int64_t reserved;                    /* bytes of entries that are being written */
	int64_t wanted;                      /* bytes of the last entry, if that could not be made; otherwise 0 */
};

static bool fail(char error[SEAL_ERROR_SIZE], const char *why)
{
	snprintf(error, SEAL_ERROR_SIZE, "%s", why);
	return false;
}

/* Each use opens it, as an administrator may move or mount it. */
static int open_folder(const struct quarantine *quarantine, char error[SEAL_ERROR_SIZE])
{
	if (!private_folder_make(quarantine->folder)) {
		snprintf(error, SEAL_ERROR_SIZE, "%.256s: %s", quarantine->folder, strerror(errno));
		return -1;
	}
	return private_folder_open(quarantine->folder, error, SEAL_ERROR_SIZE);
}

struct quarantine *quarantine_create(const struct quarantine_options *options, char error[SEAL_ERROR_SIZE])
{
	struct quarantine *quarantine = alloc_zeroed(1, sizeof *quarantine);
	quarantine->folder = alloc_text(options->folder);
	quarantine->instance = alloc_text(options->instance);
	quarantine->settings = options->settings;
	quarantine->added_one = options->added;
	quarantine->failed_one = options->failed;
	quarantine->closure = options->closure;
	lock_init(&quarantine->lock);
	lock_init(&quarantine->room);
	int opened = open_folder(quarantine, error);
	if (opened >= 0) {
		folder_clean(opened);
		close(opened);
		return quarantine;
	}
	quarantine_destroy(quarantine);
	return NULL;
}

void quarantine_destroy(struct quarantine *quarantine)
{
	if (quarantine == NULL)
		return;
	pthread_mutex_destroy(&quarantine->lock);
	pthread_mutex_destroy(&quarantine->room);
	free(quarantine->folder);
	free(quarantine->instance);
	free(quarantine);
}

void quarantine_set(struct quarantine *quarantine, const struct quarantine_settings *settings)
{
	pthread_mutex_lock(&quarantine->lock);
	quarantine->settings = *settings;
	pthread_mutex_unlock(&quarantine->lock);
}

static struct quarantine_settings get_settings(struct quarantine *quarantine)
{
	pthread_mutex_lock(&quarantine->lock);
	struct quarantine_settings settings = quarantine->settings;
	pthread_mutex_unlock(&quarantine->lock);
	return settings;
}

struct sum {
	uint64_t entries;
	int64_t bytes;
	const char *except; /* the name of an entry that does not count; NULL: all do */
};

static void add_up(void *closure, const struct entry_info *entry)
{
	struct sum *sum = closure;
	if (sum->except != NULL && strcmp(sum->except, entry->name) == 0)
		return;
	sum->entries++;
	sum->bytes += entry->bytes;
}

/* Whether an entry fits into what max_size leaves. */
static bool fits(int64_t bytes, int64_t used, int64_t limit, char error[SEAL_ERROR_SIZE])
{
	if (limit == 0 || bytes <= limit - used)
		return true;
	if (bytes > limit)
		snprintf(error, SEAL_ERROR_SIZE, "the copy (%" PRId64 " bytes) is larger than max_size (%" PRId64 " bytes)",
		         bytes, limit);
	else
		snprintf(error, SEAL_ERROR_SIZE,
		         "the quarantine is full: %" PRId64 " of %" PRId64 " bytes are used, and %" PRId64
		         " more are needed ([quarantine] max_size); `postprocessing quarantine purge` makes room",
		         used, limit, bytes);
	return false;
}

/* Looks for room for an entry beside all entries but that of the name `except` (NULL: all), and reserves `taken` bytes
 * if there is room. */
static bool find_room(struct quarantine *quarantine, int folder, const char *except, int64_t bytes, int64_t taken,
                      char error[SEAL_ERROR_SIZE])
{
	struct sum sum = {.except = except};
	pthread_mutex_lock(&quarantine->room);
	bool good = folder_each(folder, add_up, &sum) || fail(error, strerror(errno));
	pthread_mutex_lock(&quarantine->lock);
	good = good && fits(bytes, sum.bytes + quarantine->reserved, quarantine->settings.max_size, error);
	quarantine->reserved += good ? taken : 0;
	pthread_mutex_unlock(&quarantine->lock);
	pthread_mutex_unlock(&quarantine->room);
	return good;
}

/* Gives the sealed file its name. From then on, it is found in the folder and its room is no longer reserved. */
static bool publish(struct quarantine *quarantine, int folder, int draft, const char *draft_name, const char *file,
                    int64_t *reserved)
{
	/* Before the others have to wait. An error is told once only. */
	if (fsync(draft) != 0) {
		int reason = errno;
		draft_drop(folder, draft, draft_name);
		errno = reason;
		return false;
	}
	pthread_mutex_lock(&quarantine->room);
	bool good = draft_publish(folder, draft, draft_name, file);
	int reason = errno;
	if (good) {
		pthread_mutex_lock(&quarantine->lock);
		quarantine->reserved -= *reserved;
		pthread_mutex_unlock(&quarantine->lock);
		*reserved = 0;
	}
	pthread_mutex_unlock(&quarantine->room);
	errno = reason;
	return good;
}

/* The entry was made, or could not be. */
static void end(struct quarantine *quarantine, int64_t bytes, int64_t reserved, bool made)
{
	pthread_mutex_lock(&quarantine->lock);
	quarantine->reserved -= reserved;
	quarantine->wanted = made ? 0 : bytes;
	pthread_mutex_unlock(&quarantine->lock);
}

/* NULL: it may go on. */
static const char *find_stop(const struct quarantine_source *source)
{
	struct pollfd cancel = {.fd = source->cancel_fd, .events = POLLIN};
	if (source->cancel_fd >= 0 && poll(&cancel, 1, 0) > 0)
		return "it was cancelled";
	return source->deadline != 0 && clock_now() >= source->deadline ? "it was not finished before the step's deadline"
	                                                                : NULL;
}

/* Seals all bytes. */
static bool pump(struct sealer *sealer, const struct quarantine_source *source, char error[SEAL_ERROR_SIZE])
{
	char *chunk = alloc_bytes(READ_SIZE);
	bool good = true;
	for (int64_t position = 0; good && position < source->size;) {
		const char *stop = find_stop(source);
		ssize_t count = stop == NULL ? pread(source->file, chunk, READ_SIZE, position) : 0;
		if (stop != NULL)
			good = fail(error, stop);
		else if (count == 0 || (count < 0 && errno != EINTR))
			good = fail(error, count < 0 ? strerror(errno) : "the copy of the upload is cut short");
		else if (count > source->size - position)
			good = fail(error, "the copy of the upload is longer than it was");
		else if (count > 0)
			good = sealer_write(sealer, chunk, (size_t)count, error);
		position += count > 0 ? count : 0;
	}
	free(chunk);
	return good;
}

/* Takes room on the disk for a file. */
static bool take_room(int draft, int64_t size, char error[SEAL_ERROR_SIZE])
{
	char why[128];
	if (!disk_has_room(draft, size, why, sizeof why)) {
		snprintf(error, SEAL_ERROR_SIZE, "no room on the disk: %s ([quarantine] folder)", why);
		return false;
	}
	/* A disk that is full is noticed before anything is written. Some file systems cannot do this. */
	return fallocate(draft, 0, 0, size) == 0 || errno == EOPNOTSUPP || errno == EINTR || fail(error, strerror(errno));
}

/* Creates the file of an entry under a name of its own. -1: failed; `error` has the reason. */
static int create_sealed(int folder, const char *name, char draft_name[DRAFT_NAME_SIZE], char error[SEAL_ERROR_SIZE])
{
	char file[ENTRY_FILE_SIZE];
	int draft = draft_create(folder, entry_file(name, ENTRY_SEALED, file), draft_name);
	if (draft < 0)
		snprintf(error, SEAL_ERROR_SIZE, "no file can be created in the folder: %s", strerror(errno));
	return draft;
}

static bool write_sealed(int draft, const unsigned char key[SEAL_KEY], const char *note,
                         const struct quarantine_source *source, char error[SEAL_ERROR_SIZE])
{
	if (!take_room(draft, seal_size(strlen(note), source->size), error))
		return false;
	struct sealer *sealer = sealer_begin(draft, key, note, error);
	bool good = sealer != NULL && pump(sealer, source, error) && sealer_end(sealer, error);
	sealer_free(sealer);
	return good;
}

/* The copy of the note comes first: an entry exists once its sealed file has its name. */
static bool write_note(int folder, const char *name, const char *note)
{
	char file[ENTRY_FILE_SIZE], draft_name[DRAFT_NAME_SIZE];
	int draft = draft_create(folder, entry_file(name, ENTRY_NOTE, file), draft_name);
	if (draft < 0)
		return false;
	size_t length = strlen(note);
	/* A text as short as this is written whole, or there is no room. */
	if (write(draft, note, length) == (ssize_t)length && write(draft, "\n", 1) == 1)
		return draft_publish(folder, draft, draft_name, file);
	draft_drop(folder, draft, draft_name);
	errno = ENOSPC;
	return false;
}

/* What an entry is made of. */
struct making {
	const char *name, *note;
	const unsigned char *key;
	int64_t reserved;
};

static bool write_entry(struct quarantine *quarantine, int folder, struct making *making,
                        const struct quarantine_source *source, char error[SEAL_ERROR_SIZE])
{
	char file[ENTRY_FILE_SIZE], draft_name[DRAFT_NAME_SIZE];
	int draft = create_sealed(folder, making->name, draft_name, error);
	if (draft < 0)
		return false;
	entry_file(making->name, ENTRY_SEALED, file);
	if (!write_sealed(draft, making->key, making->note, source, error)) {
		draft_drop(folder, draft, draft_name);
		return false;
	}
	if (!write_note(folder, making->name, making->note)) {
		int reason = errno;
		draft_drop(folder, draft, draft_name);
		return fail(error, strerror(reason));
	}
	return (publish(quarantine, folder, draft, draft_name, file, &making->reserved) && fsync(folder) == 0) ||
	       fail(error, strerror(errno));
}

/* With the folder open. */
static bool add(struct quarantine *quarantine, int folder, const char *name, const struct note *note,
                const struct quarantine_source *source, char error[SEAL_ERROR_SIZE])
{
	const struct quarantine_settings settings = get_settings(quarantine);
	struct note whole = *note;
	whole.size = source->size;
	whole.time = clock_now();
	whole.instance = quarantine->instance;
	char *text = note_encode(&whole, settings.key);
	if (text == NULL)
		return fail(error, "out of memory");
	struct making making = {name, text, settings.key, seal_size(strlen(text), source->size)};
	const int64_t bytes = making.reserved;
	/* The entry that this one replaces does not count, as it goes. */
	bool reserved = find_room(quarantine, folder, name, bytes, bytes, error);
	bool good = reserved && write_entry(quarantine, folder, &making, source, error);
	end(quarantine, bytes, reserved ? making.reserved : 0, good);
	if (good && quarantine->added_one != NULL)
		quarantine->added_one(quarantine->closure, &whole);
	free(text);
	return good;
}

bool quarantine_add(struct quarantine *quarantine, const struct note *note, const struct quarantine_source *source,
                    char error[SEAL_ERROR_SIZE])
{
	char name[ENTRY_NAME_SIZE], why[SEAL_ERROR_SIZE];
	int folder = open_folder(quarantine, why);
	bool good = folder >= 0;
	if (good && !entry_name(note->id, note->step, name))
		good = fail(why, "no digest can be computed");
	else if (good)
		good = add(quarantine, folder, name, note, source, why);
	if (folder >= 0)
		close(folder);
	if (!good)
		snprintf(error, SEAL_ERROR_SIZE, "not quarantined: %.480s", why);
	if (!good && quarantine->failed_one != NULL)
		quarantine->failed_one(quarantine->closure, note, why);
	return good;
}

/* The name of no upload's entry. */
#define NO_ENTRY "00000000000000000000000000000000"

/* Whether an entry of so many bytes can be written. */
static bool try_to_write(int folder, int64_t bytes, char error[SEAL_ERROR_SIZE])
{
	char draft_name[DRAFT_NAME_SIZE];
	int draft = create_sealed(folder, NO_ENTRY, draft_name, error);
	bool good = draft >= 0 && take_room(draft, bytes, error);
	if (draft >= 0)
		draft_drop(folder, draft, draft_name);
	return good;
}

bool quarantine_check(struct quarantine *quarantine, char error[SEAL_ERROR_SIZE])
{
	int folder = open_folder(quarantine, error);
	if (folder < 0)
		return false;
	pthread_mutex_lock(&quarantine->lock);
	int64_t bytes = quarantine->wanted > 0 ? quarantine->wanted : seal_size(0, 0);
	pthread_mutex_unlock(&quarantine->lock);
	bool good = find_room(quarantine, folder, NULL, bytes, 0, error) && try_to_write(folder, bytes, error);
	close(folder);
	return good;
}

struct expiry {
	int folder;
	nanos before;
	void (*removed)(void *closure, const struct note *note);
	void *closure;
	size_t stuck;
	int reason;
};

static void expire(void *closure, const struct entry_info *entry)
{
	struct expiry *expiry = closure;
	struct read_note read = {0};
	char error[SEAL_ERROR_SIZE];
	if (entry->time > expiry->before)
		return;
	char *text = folder_note(expiry->folder, entry->name, error);
	if (!note_decode(text != NULL ? text : "", &read))
		read.note.id = entry->name;
	if (folder_remove_entry(expiry->folder, entry)) {
		expiry->removed(expiry->closure, &read.note);
	} else if (errno != ENOENT && errno != ESTALE) {
		expiry->stuck++;
		expiry->reason = errno;
	}
	note_clear(&read);
	free(text);
}

bool quarantine_expire(struct quarantine *quarantine, void (*removed)(void *closure, const struct note *note),
                       void *closure, char error[SEAL_ERROR_SIZE])
{
	const struct quarantine_settings settings = get_settings(quarantine);
	if (settings.retention == 0)
		return true;
	int folder = open_folder(quarantine, error);
	if (folder < 0)
		return false;
	struct expiry expiry = {.folder = folder, .before = clock_now() - settings.retention, removed, closure};
	bool good = folder_each(folder, expire, &expiry) || fail(error, strerror(errno));
	close(folder);
	if (good && expiry.stuck > 0)
		snprintf(error, SEAL_ERROR_SIZE, "%zu entries cannot be removed: %s", expiry.stuck, strerror(expiry.reason));
	return good && expiry.stuck == 0;
}

bool quarantine_usage(struct quarantine *quarantine, struct quarantine_usage *usage)
{
	struct sum sum = {0};
	char error[SEAL_ERROR_SIZE];
	int folder = open_folder(quarantine, error);
	bool good = folder >= 0 && folder_each(folder, add_up, &sum);
	if (folder >= 0)
		close(folder);
	*usage = (struct quarantine_usage){sum.entries, sum.bytes};
	return good;
}
