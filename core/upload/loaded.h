/* SPDX-License-Identifier: Apache-2.0
 * What the bucket has for an upload: its record, or the tombstone of a record that was deleted. */
#ifndef CORE_UPLOAD_LOADED_H
#define CORE_UPLOAD_LOADED_H

#include "core/base/url_mark.h"
#include "core/upload/record.h"

/* So long a tombstone is kept at least: no redelivery comes later than this. */
#define TOMBSTONE_AGE HOUR

/* What stays of an upload whose record was deleted. Each part is a header of the marker; who knows fewer of them ignores the
 * others. */
struct tombstone {
	uint64_t begun;  /* no event up to this one begins the upload again … */
	int64_t stream;  /* … of this stream; 0 and 0: it is not known */
	nanos ended;     /* when PostprocessingFinished was published last; 0: it was not, or that is not known */
	char url[URL_MARK_SIZE]; /* of the upload's URL; "" */
	nanos keep;      /* somebody may ask what became of the upload until then; 0: for as long as of any other */
};

enum loaded {
	LOADED_RECORD,
	LOADED_NOTHING, /* no key, or a marker */
	LOADED_BROKEN,  /* something that is no record */
	LOADED_FAILED   /* not known: ask again */
};
struct loaded_entry {
	struct record record; /* LOADED_RECORD: the caller clears it */
	uint64_t revision;    /* of the record, the marker or what is broken; 0: no key */
	struct tombstone tombstone; /* of a marker */
};

#endif
