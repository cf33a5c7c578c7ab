/* SPDX-License-Identifier: Apache-2.0
 * The bucket's entry for an upload: its record, or the tombstone of a deleted record. */
#ifndef CORE_UPLOAD_LOADED_H
#define CORE_UPLOAD_LOADED_H

#include "core/base/url_mark.h"
#include "core/upload/record.h"

/* The minimum time to keep a tombstone. No redelivery is later than this. */
#define TOMBSTONE_AGE HOUR

/* The rest of an upload whose record was deleted. Each member is a header of the deletion marker. Versions that do not
 * know a header ignore it. */
struct tombstone {
	uint64_t begun;          /* no event up to this one begins the upload again; 0: unknown */
	int64_t stream;          /* the stream of that event; 0: unknown */
	nanos ended;             /* when PostprocessingFinished was last published; 0: never, or unknown */
	char url[URL_MARK_SIZE]; /* of the upload's URL; "" */
	nanos keep; /* keep the tombstone until then: an instance may ask for the upload; 0: no longer than others */
};

enum loaded {
	LOADED_RECORD,
	LOADED_NOTHING, /* no key, or a tombstone */
	LOADED_BROKEN,  /* not a valid record */
	LOADED_FAILED   /* unknown: ask again */
};
struct loaded_entry {
	struct record record;       /* LOADED_RECORD: the caller clears it */
	uint64_t revision;          /* of the record, the tombstone or the invalid entry; 0: no key */
	struct tombstone tombstone; /* of a deletion marker */
};

#endif
