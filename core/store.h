/* SPDX-License-Identifier: Apache-2.0
 * The KV bucket that holds the records: conditional writes, reads, and reading all of it.
 *
 * A deleted record leaves a marker that says which event had begun it, so that a late redelivery of that
 * event does not begin the upload again. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "core/bus.h"
#include "core/record.h"

struct store {
	const char *bucket;
	const char *table; /* NULL: none */
	const struct log *log;
};

/* A bus_prepare; the closure is the store. Makes the bucket if there is none. */
bus_prepare store_prepare;

/* `expected`: the revision that has to be the key's last, 0: the key must not exist. message_id: see Nats-Msg-Id. */
void store_put(const struct store *store, struct bus *bus, struct request *request, const char *id, uint64_t expected,
               const char *message_id, const char *value, size_t length);
void store_remove(const struct store *store, struct bus *bus, struct request *request, const char *id, uint64_t expected,
                  const char *message_id, uint64_t begun, int64_t stream);

void store_load(const struct store *store, struct bus *bus, struct request *request, const char *id);

enum loaded {
	LOADED_RECORD,
	LOADED_NOTHING, /* no key, or a marker */
	LOADED_BROKEN,  /* something that is no record */
	LOADED_FAILED   /* not known: ask again */
};
struct loaded_entry {
	struct record record; /* LOADED_RECORD: the caller clears it */
	uint64_t revision;    /* of the record, the marker or what is broken; 0: no key */
	uint64_t begun;       /* a marker's */
	int64_t stream;
};
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
