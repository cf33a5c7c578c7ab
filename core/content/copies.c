/* SPDX-License-Identifier: Apache-2.0 */
#include "core/content/copies.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/table.h"
#include "core/base/thread.h"
#include "core/base/url_mark.h"

/* How often to look for room while others take it. */
#define ROOM_INTERVAL_MS 50
/* A copy of this size is freed on a thread of its own. */
#define LARGE (INT64_C(16) << 20)

struct shared_copy {
	struct entry entry;
	struct copy *copy;
	char mark[URL_MARK_SIZE]; /* another URL may have other bytes */
	unsigned users;           /* under the lock, and so is: */
	bool forgotten;           /* it is in no table, and goes with its last user */
	_Atomic bool digested;
	char digest[COPY_DIGEST_SIZE];
	nanos used; /* monotonic: when the last user put it back */
	char id[];
};

struct copies {
	pthread_mutex_t lock;
	struct table table;
	_Atomic size_t count; /* of the table, to be read without the lock */
	int64_t memory, space;
	char *folder;
	int64_t taken[2]; /* bytes, by place; also of copies that are being made */
	uint64_t made;
};

struct copies *copies_create(const struct content_options *options)
{
	struct copies *copies = alloc_zeroed(1, sizeof *copies);
	lock_init(&copies->lock);
	table_init(&copies->table, offsetof(struct shared_copy, id));
	copies->memory = options->copy_memory;
	copies->space = options->copy_space;
	copies->folder = options->copy_dir != NULL ? alloc_text(options->copy_dir) : copy_default_folder();
	return copies;
}

static void *free_copy(void *closure)
{
	copy_free(closure);
	return NULL;
}

/* The kernel takes a tenth of a second for a gigabyte, during which neither the lock nor the main thread may wait. */
static void free_large(struct copy *copy)
{
	pthread_t thread;
	if (copy_size(copy) >= LARGE && pthread_create(&thread, NULL, free_copy, copy) == 0)
		pthread_detach(thread);
	else
		copy_free(copy);
}

const char *copies_folder(const struct copies *copies)
{
	return copies->folder;
}

/* Frees a copy that nothing uses. With the lock held. */
static void drop(struct copies *copies, struct shared_copy *shared)
{
	copies->taken[copy_place(shared->copy)] -= copy_size(shared->copy);
	free_large(shared->copy);
	free(shared);
}

/* Takes it out of the table; it is freed when nothing uses it. With the lock held. */
static void forget(struct copies *copies, struct shared_copy *shared)
{
	table_remove(&copies->table, &shared->entry);
	atomic_store(&copies->count, copies->table.count);
	shared->forgotten = true;
	if (shared->users == 0)
		drop(copies, shared);
}

void copies_destroy(struct copies *copies)
{
	struct entry *entry;
	if (copies == NULL)
		return;
	while ((entry = table_next(&copies->table, NULL)) != NULL)
		forget(copies, (struct shared_copy *)(void *)entry);
	table_free(&copies->table);
	pthread_mutex_destroy(&copies->lock);
	free(copies->folder);
	free(copies);
}

static bool is_of(const struct shared_copy *shared, const struct copy_source *source)
{
	char mark[URL_MARK_SIZE];
	url_mark(source->url, mark);
	return memcmp(shared->mark, mark, sizeof mark) == 0 &&
	       (source->size < 0 || source->size == copy_size(shared->copy));
}

struct shared_copy *copies_find(struct copies *copies, const struct copy_source *source)
{
	if (atomic_load(&copies->count) == 0)
		return NULL;
	pthread_mutex_lock(&copies->lock);
	struct shared_copy *shared = (struct shared_copy *)(void *)table_find(&copies->table, source->id);
	if (shared != NULL && !is_of(shared, source))
		shared = NULL;
	if (shared != NULL)
		shared->users++;
	pthread_mutex_unlock(&copies->lock);
	return shared;
}

void copies_put_back(struct copies *copies, struct shared_copy *shared)
{
	pthread_mutex_lock(&copies->lock);
	shared->users--;
	shared->used = clock_monotonic();
	if (shared->users == 0 && shared->forgotten)
		drop(copies, shared);
	pthread_mutex_unlock(&copies->lock);
}

bool copies_know_digest(struct copies *copies, const struct copy_source *source, char digest[COPY_DIGEST_SIZE])
{
	struct shared_copy *shared = copies_find(copies, source);
	if (shared == NULL)
		return false;
	const char *known = shared_copy_digest(shared);
	if (known != NULL)
		memcpy(digest, known, COPY_DIGEST_SIZE);
	copies_put_back(copies, shared);
	return known != NULL;
}

/* The copy in this place (-1: in any) that has been unused for longest; NULL: none is unused. With the lock held. */
static struct shared_copy *find_unused(struct copies *copies, int place)
{
	struct shared_copy *oldest = NULL;
	for (struct entry *entry = table_next(&copies->table, NULL); entry != NULL;
	     entry = table_next(&copies->table, entry)) {
		struct shared_copy *shared = (struct shared_copy *)(void *)entry;
		if (shared->users == 0 && (place < 0 || (int)copy_place(shared->copy) == place) &&
		    (oldest == NULL || shared->used < oldest->used))
			oldest = shared;
	}
	return oldest;
}

/* With the lock held. */
static bool evict(struct copies *copies, int place)
{
	struct shared_copy *oldest = find_unused(copies, place);
	if (oldest != NULL)
		forget(copies, oldest);
	return oldest != NULL;
}

/* Returns when the disk has its room again. False: nothing on it is unused. */
static bool clear_disk(struct copies *copies)
{
	struct copy *copy = NULL;
	pthread_mutex_lock(&copies->lock);
	struct shared_copy *oldest = find_unused(copies, COPY_ON_DISK);
	if (oldest != NULL) {
		copy = oldest->copy;
		table_remove(&copies->table, &oldest->entry);
		atomic_store(&copies->count, copies->table.count);
		copies->taken[COPY_ON_DISK] -= copy_size(copy);
		free(oldest);
	}
	pthread_mutex_unlock(&copies->lock);
	copy_free(copy);
	return copy != NULL;
}

/* Takes room for so many bytes, from copies that nothing uses if need be. */
static bool take_room(struct copies *copies, enum copy_place place, int64_t bytes)
{
	int64_t most = place == COPY_IN_MEMORY ? copies->memory * COPIES_IN_MEMORY
	               : copies->space > 0     ? copies->space
	                                       : INT64_MAX;
	pthread_mutex_lock(&copies->lock);
	bool evicted = true;
	while (bytes > most - copies->taken[place] && evicted)
		evicted = evict(copies, (int)place);
	bool taken = bytes <= most - copies->taken[place];
	if (taken)
		copies->taken[place] += bytes;
	pthread_mutex_unlock(&copies->lock);
	return taken;
}

static void return_room(struct copies *copies, enum copy_place place, int64_t bytes)
{
	pthread_mutex_lock(&copies->lock);
	copies->taken[place] -= bytes;
	pthread_mutex_unlock(&copies->lock);
}

/* A copy that is being made. */
struct draft {
	struct copies *copies;
	const struct copy_source *source;
	enum copy_place place;
	struct copy *copy;
	int64_t taken; /* room */
	bool *gone;
	char *error;
};

static bool wait_for_room(struct draft *draft, int64_t bytes)
{
	const struct copies *copies = draft->copies;
	const struct copy_source *source = draft->source;
	struct pollfd cancel = {.fd = source->cancel_fd, .events = POLLIN};
	const char *why = NULL;
	/* A copy that has a part of its room must not wait for another one that has. */
	if (draft->taken > 0 || bytes > copies->space)
		why = "the upload is larger than what is left of [content] copy_space";
	while (why == NULL && !take_room(draft->copies, draft->place, bytes)) {
		if (poll(&cancel, 1, ROOM_INTERVAL_MS) > 0)
			why = "copying the upload was cancelled";
		else if (source->deadline != 0 && clock_now() >= source->deadline)
			why = "other uploads took all of [content] copy_space until the step's deadline";
	}
	if (why != NULL)
		snprintf(draft->error, COPY_ERROR_SIZE, "no copy of the upload: %s", why);
	return why == NULL;
}

/* Chooses the place, and takes its room. */
static bool choose_place(struct draft *draft)
{
	int64_t size = draft->source->size;
	draft->place = COPY_IN_MEMORY;
	bool taken = size >= 0 && size <= draft->copies->memory && take_room(draft->copies, COPY_IN_MEMORY, size);
	if (!taken) {
		draft->place = COPY_ON_DISK;
		taken = size < 0 || take_room(draft->copies, COPY_ON_DISK, size) || wait_for_room(draft, size);
	}
	if (taken && size >= 0)
		draft->taken = size;
	return taken;
}

/* Without an announced size, its room is taken bit by bit. */
static bool write_more(struct draft *draft, const void *bytes, size_t length)
{
	int64_t more = copy_size(draft->copy) + (int64_t)length - draft->taken;
	if (more > 0 && !take_room(draft->copies, draft->place, more) && !wait_for_room(draft, more))
		return false;
	draft->taken += more > 0 ? more : 0;
	return copy_write(draft->copy, bytes, length, draft->error);
}

static bool fetch(struct draft *draft, struct content *reader)
{
	const struct copy_source *source = draft->source;
	const void *bytes;
	ssize_t count;
	if (source->bytes != NULL)
		return write_more(draft, source->bytes, (size_t)source->size);
	content_open(reader, source->url, source->size, source->deadline, source->cancel_fd);
	while ((count = content_read(reader, &bytes)) > 0 && write_more(draft, bytes, (size_t)count))
		;
	if (count < 0)
		snprintf(draft->error, COPY_ERROR_SIZE, "%s", content_error(reader));
	*draft->gone = count < 0 && content_gone(reader);
	content_close(reader);
	return count == 0;
}

/* Makes a copy that is in no table yet. */
static struct shared_copy *make(struct copies *copies, const struct copy_source *source, struct content *reader,
                                bool *gone, char error[COPY_ERROR_SIZE])
{
	struct draft draft = {.copies = copies, .source = source, .error = error};
	draft.gone = gone;
	size_t length = strlen(source->id);
	if (!choose_place(&draft))
		return NULL;
	do
		draft.copy = copy_create(draft.place, copies->folder, source->size, error);
	while (draft.copy == NULL && draft.place == COPY_ON_DISK && clear_disk(copies));
	struct shared_copy *shared = NULL;
	if (draft.copy != NULL && fetch(&draft, reader) && copy_complete(draft.copy, error))
		shared = malloc(sizeof *shared + length + 1);
	if (shared == NULL) {
		copy_free(draft.copy);
		return_room(copies, draft.place, draft.taken);
		return NULL;
	}
	memset(shared, 0, sizeof *shared);
	shared->copy = draft.copy;
	shared->users = 1;
	url_mark(source->url, shared->mark);
	memcpy(shared->id, source->id, length + 1);
	return shared;
}

/* From now on others find it. */
static void add(struct copies *copies, struct shared_copy *shared)
{
	pthread_mutex_lock(&copies->lock);
	struct shared_copy *other = (struct shared_copy *)(void *)table_find(&copies->table, shared->id);
	if (other != NULL)
		forget(copies, other);
	while (copies->table.count >= COPIES_MOST && evict(copies, -1))
		;
	table_add(&copies->table, &shared->entry);
	atomic_store(&copies->count, copies->table.count);
	copies->made++;
	pthread_mutex_unlock(&copies->lock);
}

static bool compute_digest(struct copies *copies, struct shared_copy *shared, const struct copy_source *source,
                           char error[COPY_ERROR_SIZE])
{
	char digest[COPY_DIGEST_SIZE];
	if (atomic_load(&shared->digested))
		return true;
	if (!copy_digest(shared->copy, source->deadline, source->cancel_fd, digest, error))
		return false;
	pthread_mutex_lock(&copies->lock);
	if (!atomic_load(&shared->digested))
		memcpy(shared->digest, digest, sizeof digest);
	atomic_store(&shared->digested, true);
	pthread_mutex_unlock(&copies->lock);
	return true;
}

struct shared_copy *copies_obtain(struct copies *copies, const struct copy_source *source, struct content *reader,
                                  bool digest, bool *gone, char error[COPY_ERROR_SIZE])
{
	struct shared_copy *shared = copies_find(copies, source);
	*gone = false;
	snprintf(error, COPY_ERROR_SIZE, "no copy of the upload: out of memory");
	if (shared == NULL && (shared = make(copies, source, reader, gone, error)) != NULL)
		add(copies, shared);
	if (shared == NULL || !digest || compute_digest(copies, shared, source, error))
		return shared;
	copies_put_back(copies, shared);
	return NULL;
}

const struct copy *shared_copy_get(const struct shared_copy *shared)
{
	return shared->copy;
}

const char *shared_copy_digest(const struct shared_copy *shared)
{
	return atomic_load(&shared->digested) ? shared->digest : NULL;
}

void copies_forget(struct copies *copies, const char *id)
{
	if (atomic_load(&copies->count) == 0)
		return;
	pthread_mutex_lock(&copies->lock);
	struct shared_copy *shared = (struct shared_copy *)(void *)table_find(&copies->table, id);
	if (shared != NULL)
		forget(copies, shared);
	pthread_mutex_unlock(&copies->lock);
}

/* With the lock held. */
static struct shared_copy *find_idle(struct copies *copies, nanos now)
{
	for (struct entry *entry = table_next(&copies->table, NULL); entry != NULL;
	     entry = table_next(&copies->table, entry)) {
		struct shared_copy *shared = (struct shared_copy *)(void *)entry;
		if (shared->users == 0 && now - shared->used >= COPIES_IDLE)
			return shared;
	}
	return NULL;
}

void copies_tidy(struct copies *copies, nanos now)
{
	struct shared_copy *idle;
	if (atomic_load(&copies->count) == 0)
		return;
	pthread_mutex_lock(&copies->lock);
	while ((idle = find_idle(copies, now)) != NULL)
		forget(copies, idle);
	pthread_mutex_unlock(&copies->lock);
}

void copies_usage(struct copies *copies, struct copies_usage *usage)
{
	pthread_mutex_lock(&copies->lock);
	*usage = (struct copies_usage){.count = copies->table.count,
	                               .bytes = {copies->taken[COPY_IN_MEMORY], copies->taken[COPY_ON_DISK]},
	                               .made = copies->made};
	pthread_mutex_unlock(&copies->lock);
}
