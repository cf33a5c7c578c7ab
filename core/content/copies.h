/* SPDX-License-Identifier: Apache-2.0
 * The copies of uploads that are under way. A step that needs a descriptor or a digest of its upload has one made, and
 * the later steps of the same upload share it, so that storage is asked for the bytes once. A step that reads its
 * upload as a stream needs no copy, but uses one that is there.
 *
 * A copy is forgotten when its upload has ended, when nothing has used it for COPIES_IDLE, or when its room is needed.
 * Each function can be called by any thread. */
#ifndef CORE_CONTENT_COPIES_H
#define CORE_CONTENT_COPIES_H

#include "core/content/content.h"
#include "core/content/copy.h"

/* How long a copy that nothing uses is kept: longer than the first waits before a retry. */
#define COPIES_IDLE (30 * SECOND)
/* Each copy has a descriptor. So many that nothing uses are kept at most. */
#define COPIES_MOST 256
/* All copies in memory together may have this many times [content] copy_memory. Beyond that, they are on disk. */
#define COPIES_IN_MEMORY 16

struct copies;
/* A copy that is in use: nothing takes it away until it is put back. */
struct shared_copy;

/* An upload whose bytes are wanted. */
struct copy_source {
	const char *id, *url;
	int64_t size;   /* as announced; -1: unknown */
	nanos deadline; /* wall clock */
	int cancel_fd;  /* -1: none */
	/* The bytes of the whole upload, if they are at hand; NULL: they are fetched. */
	const void *bytes;
};

/* Takes what it needs of the options. */
struct copies *copies_create(const struct content_options *options);
/* Nothing may use a copy. NULL is fine. */
void copies_destroy(struct copies *copies);

/* Where files are. */
const char *copies_folder(const struct copies *copies);

/* The copy of an upload; NULL: there is none. Costs next to nothing if there are no copies at all. */
struct shared_copy *copies_find(struct copies *copies, const struct copy_source *source);

/* The copy of an upload, which is made if there is none: `reader` fetches the bytes, which ends the upload that it has
 * read. Waits for room until the deadline if other copies in use take it. `digest`: its digest is needed, too. NULL:
 * failed; `error` has the reason, and *gone says whether the server answered that the bytes no longer exist. */
struct shared_copy *copies_obtain(struct copies *copies, const struct copy_source *source, struct content *reader,
                                  bool digest, bool *gone, char error[COPY_ERROR_SIZE]);

/* Whether the digest of an upload is known, as its copy has it. */
bool copies_know_digest(struct copies *copies, const struct copy_source *source, char digest[COPY_DIGEST_SIZE]);

void copies_put_back(struct copies *copies, struct shared_copy *shared);

const struct copy *shared_copy_get(const struct shared_copy *shared);
/* NULL: it was not computed yet. */
const char *shared_copy_digest(const struct shared_copy *shared);

/* The upload has ended. */
void copies_forget(struct copies *copies, const char *id);
/* Forgets what nothing has used for COPIES_IDLE; `now`: monotonic. */
void copies_tidy(struct copies *copies, nanos now);

struct copies_usage {
	size_t count;
	int64_t bytes[2]; /* by place: enum copy_place */
	uint64_t made;    /* since the start */
};
void copies_usage(struct copies *copies, struct copies_usage *usage);

#endif
