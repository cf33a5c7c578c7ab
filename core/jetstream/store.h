/* SPDX-License-Identifier: Apache-2.0
 * The key-value bucket that holds the records: conditional writes, reads, and scans.
 *
 * A deleted record leaves a tombstone (a deletion marker). It contains the last event that belongs to the finished
 * upload, so that a late delivery of an earlier event does not begin the upload again. */
#ifndef CORE_JETSTREAM_STORE_H
#define CORE_JETSTREAM_STORE_H

#include "core/jetstream/stream_reader.h"
#include "core/upload/loaded.h"
#include "core/upload/record.h"

struct store {
	const char *bucket;
	const char *table; /* NULL: none */
	const struct log *log;
};

/* Creates the bucket if it does not exist; *made: it was created. False: failed; why[size] has the reason. */
bool store_create(const struct store *store, jsCtx *js, bool *made, char *why, size_t size);

/* A reader of the last entry of each key, see stream_reader.h; the caller adds what to do with them. */
void store_reader_init(const struct store *store, struct stream_reader *reader);

/* Whether the entry is a deletion marker. It may be read with its headers only. */
bool store_is_tombstone(natsMsg *message);

/* Entries of the bucket that are to be handled one by one. Initially all zero. */
struct entry_list {
	struct found_entry {
		char *key;
		uint64_t revision;
	} * entry;
	size_t count, room;
};
/* Adds an entry that was read. With `limit` entries in the list, or without memory for its key, it is left to the next
 * round. */
void entry_list_add(struct entry_list *list, const struct store *store, natsMsg *message,
                    const struct bus_position *position, size_t limit);
void entry_list_free(struct entry_list *list);

/* `expected`: the required last revision of the key; 0: the key must not exist. message_id: for the header
 * Nats-Msg-Id. */
void store_put(const struct store *store, struct bus *bus, struct request *request, const char *id, uint64_t expected,
               const char *message_id, const char *value, size_t length);
void store_remove(const struct store *store, struct bus *bus, struct request *request, const char *id,
                  uint64_t expected, const char *message_id, const struct tombstone *tombstone);

/* The header of a tombstone with its `keep` time, and the meaning of its value; 0: none. */
#define TOMBSTONE_KEEP "Postprocessing-Keep"
nanos tombstone_read_keep(const char *value);

/* Removes the record of an upload that ended long ago, synchronously and by its key. *gone: it was removed; otherwise
 * the record has been written since, or the status says why not. */
natsStatus store_expire(const struct store *store, jsCtx *js, const char *key, uint64_t expected,
                        const struct status *record, bool *gone);

void store_load(const struct store *store, struct bus *bus, struct request *request, const char *id);

/* Reads the result of a load, and frees the request's reply. */
enum loaded store_read(const struct store *store, struct request *request, struct loaded_entry *entry);

/* Scans the whole bucket on its own thread and connection. */
struct scan {
	struct mail mail; /* MAIL_SCAN_DONE */
	const struct store *store;
	const struct broker_address *address;
	struct mailbox *mailbox;
	struct permission_scope permissions; /* or all zero */
	bool failed;                         /* the scan did not reach the end */
	char why[256];
	/* Internal: */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t less;
	struct found_records *batch; /* being filled; NULL: none */
	unsigned ahead;              /* batches not yet released */
	bool stop;
};
#define FOUND_RECORDS 64
/* Records are sent in batches, because a mail costs as much as a record. */
struct found_records {
	struct mail mail; /* MAIL_RECORDS */
	struct scan *scan;
	size_t count;
	struct found_record {
		struct record record;
		uint64_t revision;
	} record[FOUND_RECORDS];
};

/* Starts a scan, which sends the records and at the end itself. Return the records with scan_release(), and the scan
 * with scan_end(). False: no thread. */
bool scan_start(struct scan *scan);
void scan_release(struct found_records *found);
/* Ends the scan early; its mail is still sent. */
void scan_stop(struct scan *scan);
void scan_end(struct scan *scan);

#endif
