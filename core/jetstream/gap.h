/* SPDX-License-Identifier: Apache-2.0
 * The gap: events that were in the stream before our consumer was created.
 *
 * The other implementation's service creates or updates the consumer at each start with deliver_policy "new", and
 * refuses to start if it finds another policy. Therefore the consumer that we create has this policy too, and events
 * that were already in the stream have to be read separately. A second durable consumer, the gap reader, does this. All
 * instances share it, and it is removed when the gap has been read.
 *
 *   reader created, gap without an end ──▶ consumer created ──▶ end noted ──▶ gap read ──▶ reader removed
 *
 * The gap is stored in the reader's description, where every instance finds it. Any instance can therefore continue if
 * another one dies. If the reader's gap has no end, or belongs to another consumer than the present one, its end is set
 * to the current position of the consumer. If a consumer is lost while the gap is still open, its unprocessed events
 * are added to the gap. For this reason, events that the reader delivers from beyond the end are neither processed nor
 * acknowledged.
 *
 * Until the gap has been read, the applied position stays before it, and events wait if their upload has no record and
 * may begin in the gap. This file contains only the data structure; the reader is in intake_gap.c. */
#ifndef CORE_JETSTREAM_GAP_H
#define CORE_JETSTREAM_GAP_H

#include <stdbool.h>
#include <stdint.h>

/* If there are more losses than this before the first one has been read, ranges are joined, and the events in between
 * are delivered twice. */
#define GAP_RANGES 8
/* A sequence larger than any other: the end is not known yet. */
#define GAP_WITHOUT_END UINT64_MAX

struct gap {
	int64_t before; /* the creation time of the consumer that continues after the gap; 0: unknown */
	unsigned count; /* 0: there is no gap */
	struct gap_range {
		uint64_t first, last;
	} range[GAP_RANGES]; /* in ascending order */
};

/* 0: there is no gap. */
uint64_t gap_end(const struct gap *gap);
bool gap_has(const struct gap *gap, uint64_t sequence);
bool gap_equals(const struct gap *gap, const struct gap *other);

/* Adds everything from `first` on, without an end. */
void gap_add(struct gap *gap, uint64_t first);
/* Removes everything up to `applied`, which is processed. */
void gap_skip(struct gap *gap, uint64_t applied);
/* Ends the gap at `end`; the consumer created at `made` continues after it. */
void gap_close(struct gap *gap, uint64_t end, int64_t made);

#define GAP_TEXT_SIZE 512
/* A text for people and for gap_read(): "before 1795374249439047919: 12-500 812-". */
void gap_write(const struct gap *gap, char text[GAP_TEXT_SIZE]);
/* False: not such a text. */
bool gap_read(struct gap *gap, const char *text);

#endif
