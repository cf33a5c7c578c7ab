/* SPDX-License-Identifier: Apache-2.0
 * The KV bucket that holds the records: conditional writes, reads, and reading all of it.
 *
 * A deleted record leaves a marker, its tombstone, which says up to which event the upload is over, so that a late
 * delivery of one of those does not begin it again. */
#ifndef CORE_JETSTREAM_STORE_H
#define CORE_JETSTREAM_STORE_H

#include "core/nats/bus.h"
#include "core/upload/record.h"
#include "core/upload/loaded.h"

struct store {
	const char *bucket;
	const char *table; /* NULL: none */
	const struct log *log;
};

/* Makes the bucket if there is none; `made`: it did. False: with why[size]. */
bool store_create(const struct store *store, jsCtx *js, bool *made, char *why, size_t size);

/* `expected`: the revision that has to be the key's last, 0: the key must not exist. message_id: see Nats-Msg-Id. */
void store_put(const struct store *store, struct bus *bus, struct request *request, const char *id, uint64_t expected,
               const char *message_id, const char *value, size_t length);
void store_remove(const struct store *store, struct bus *bus, struct request *request, const char *id, uint64_t expected,
                  const char *message_id, const struct tombstone *tombstone);

/* A marker's header with `keep`, and what its value means; 0: nothing. */
#define TOMBSTONE_KEEP "Postprocessing-Keep"
nanos tombstone_read_keep(const char *value);

/* The same at once, for a record whose upload ended long ago, under its key. *gone: it was done; otherwise the record was written
 * again since, or the status says why not. */
natsStatus store_expire(const struct store *store, jsCtx *js, const char *key, uint64_t expected, const struct status *record,
                        bool *gone);

void store_load(const struct store *store, struct bus *bus, struct request *request, const char *id);

/* What a load brought; ends the request's reply. */
enum loaded store_read(const struct store *store, struct request *request, struct loaded_entry *entry);

/* Reading the whole bucket, on a thread and a connection of its own. */
struct scan {
	struct mail mail;      /* MAIL_SCAN_DONE */
	const struct store *store;
	const struct broker_address *address;
	struct mailbox *mailbox;
	struct permission_scope permissions; /* or all zero */
	bool failed;           /* it did not get to the end */
	char why[256];
	/* its own: */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t less;
	struct found_records *batch; /* being filled; NULL: none is */
	unsigned ahead;        /* batches that are not released */
	bool stop;
};
#define FOUND_RECORDS 64
/* Several at once, for a mail costs as much as a record. */
struct found_records {
	struct mail mail;      /* MAIL_RECORDS */
	struct scan *scan;
	size_t count;
	struct found_record {
		struct record record;
		uint64_t revision;
	} record[FOUND_RECORDS];
};

/* Starts; false: no thread. Sends the records, and at the end the scan itself. The records are handed back with
 * scan_release(), the scan with scan_end(). */
bool scan_start(struct scan *scan);
void scan_release(struct found_records *found);
/* Makes it end early; its mail still comes. */
void scan_stop(struct scan *scan);
void scan_end(struct scan *scan);

#endif
