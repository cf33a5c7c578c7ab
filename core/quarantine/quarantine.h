/* SPDX-License-Identifier: Apache-2.0
 * The service's quarantine: a folder with encrypted copies of uploads (folder.h), which the service can write and not
 * read. All functions but the first three may be called by any thread. */
#ifndef CORE_QUARANTINE_QUARANTINE_H
#define CORE_QUARANTINE_QUARANTINE_H

#include "core/quarantine/folder.h"

struct quarantine;

struct quarantine_settings {
	unsigned char key[SEAL_KEY]; /* public */
	nanos retention;             /* 0: for ever */
	int64_t max_size;            /* of all entries together, in bytes; 0: no limit */
};

struct quarantine_options {
	const char *folder;
	const char *instance; /* for the notes */
	struct quarantine_settings settings;
	/* Called on the thread of quarantine_add() when an upload has been sealed. NULL: nobody wants to know. */
	void (*added)(void *closure, const struct note *note);
	/* The same, when one could not be sealed, with the whole reason: a step's is short. */
	void (*failed)(void *closure, const struct note *note, const char *why);
	void *closure;
};

/* Creates the folder if it is missing, and removes what a crash has left in it. NULL: the folder cannot be used;
 * `error` has the reason. */
struct quarantine *quarantine_create(const struct quarantine_options *options, char error[SEAL_ERROR_SIZE]);
void quarantine_destroy(struct quarantine *quarantine); /* NULL is fine */
/* What the following calls go by. */
void quarantine_set(struct quarantine *quarantine, const struct quarantine_settings *settings);

/* The bytes of an upload. */
struct quarantine_source {
	int file; /* for reading at any position; borrowed */
	int64_t size;
	nanos deadline; /* wall clock; 0: none */
	int cancel_fd;  /* becomes readable when it is cancelled; -1: none */
};

/* Seals an upload. The note's size, time and instance are filled in. True: it is durably in the folder, in place of an
 * earlier entry of the same upload and step. False: it is not, and an earlier entry still is; `error` has the
 * reason. */
bool quarantine_add(struct quarantine *quarantine, const struct note *note, const struct quarantine_source *source,
                    char error[SEAL_ERROR_SIZE]);

/* Whether an entry can be made now: the folder can be written to, and max_size and the disk leave room. If the last one
 * could not be made, it is one of the same size. False: `error` has the reason. */
bool quarantine_check(struct quarantine *quarantine, char error[SEAL_ERROR_SIZE]);

/* Removes the entries that are older than the retention. `removed` is called for each that this call has removed, with
 * its note (all "" but the ID, which is the entry's name: it was damaged). False: some or all could not be looked at or
 * removed; `error` has the reason. */
bool quarantine_expire(struct quarantine *quarantine, void (*removed)(void *closure, const struct note *note),
                       void *closure, char error[SEAL_ERROR_SIZE]);

struct quarantine_usage {
	uint64_t entries;
	int64_t bytes;
};
/* False: the folder cannot be read (errno). */
bool quarantine_usage(struct quarantine *quarantine, struct quarantine_usage *usage);

#endif
