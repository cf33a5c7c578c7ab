/* SPDX-License-Identifier: Apache-2.0
 * The gap: events that stood in the stream before our consumer did.
 *
 * The other implementation's service makes or updates the consumer at each of its starts, with deliver_policy "new", and does not
 * start where it finds another policy. So the consumer that we make has that policy as well, and what stood in the stream
 * before it has to be read separately: by a second durable consumer, the gap's reader, which all instances share and which
 * is removed when the gap is read.
 *
 *   reader made, its gap without an end ──▶ consumer made ──▶ the end noted ──▶ read ──▶ reader removed
 *
 * The gap is noted in the reader's description, where every instance finds it, so that whoever comes next can go on wherever
 * the one before has died: a reader whose gap has no end, or that belongs to another consumer than the one that is there,
 * gets its end from where the consumer stands now. A consumer that is lost while the gap is still open adds to it what it had
 * not done with; so what the reader brings from beyond the end is neither taken nor acknowledged.
 *
 * Until the gap is read, what counts as applied stays behind it, and events wait whose upload has no record and may be in
 * it. Here is what the gap is, no more; intake_gap.c has the reader. */
#ifndef CORE_JETSTREAM_GAP_H
#define CORE_JETSTREAM_GAP_H

#include <stdbool.h>
#include <stdint.h>

/* More losses than these, one upon the other before the first was read, are joined: what lies between comes twice. */
#define GAP_RANGES 8
/* A sequence beyond all: the end is not known yet. */
#define GAP_WITHOUT_END UINT64_MAX

struct gap {
	int64_t before;  /* the consumer that goes on behind it: when that was made; 0: not known */
	unsigned count;  /* 0: there is no gap */
	struct gap_range {
		uint64_t first, last;
	} range[GAP_RANGES]; /* one behind the other */
};

/* 0: there is no gap. */
uint64_t gap_end(const struct gap *gap);
bool gap_has(const struct gap *gap, uint64_t sequence);
bool gap_equals(const struct gap *gap, const struct gap *other);

/* Adds all from `first` on, without an end. */
void gap_add(struct gap *gap, uint64_t first);
/* All up to `applied` is done with. */
void gap_skip(struct gap *gap, uint64_t applied);
/* A consumer that was made then goes on behind `end`. */
void gap_close(struct gap *gap, uint64_t end, int64_t made);

#define GAP_TEXT_SIZE 512
/* For people and for gap_read(): "before 1795374249439047919: 12-500 812-". */
void gap_write(const struct gap *gap, char text[GAP_TEXT_SIZE]);
/* False: it is no such text. */
bool gap_read(struct gap *gap, const char *text);

#endif
