/* SPDX-License-Identifier: Apache-2.0
 * The note about a sealed upload:
 *
 *   {"version":1,"id":…,"step":…,"filename":…,"size":N,"sha256":…,"verdict":…,"details":{…},"reason":…,"user":…,
 *    "space":…,"time":…,"instance":…,"key":…}
 *
 * What is unknown is null. "key": the public key that the file is sealed for, in hexadecimal digits. */
#ifndef CORE_QUARANTINE_NOTE_H
#define CORE_QUARANTINE_NOTE_H

#include "core/base/clock.h"
#include "core/quarantine/seal.h"

/* Longer file names are cut. */
#define NOTE_FILENAME_LIMIT 1024

struct note {
	const char *id, *step, *filename, *sha256;
	const char *verdict, *details, *reason; /* what the step said; details: JSON text; NULL or "": nothing */
	const char *user, *space;               /* NULL or "": unknown */
	const char *instance;                   /* that sealed it */
	int64_t size;
	nanos time;
};

/* The caller frees it. NULL: out of memory. */
char *note_encode(const struct note *note, const unsigned char key[SEAL_KEY]);

/* Reads a note. Its strings are in `room`, which the caller frees with note_clear(). Missing ones are "", the details
 * "null". False: it is not such a note; all is "" then. */
struct read_note {
	struct note note;
	char *room;
};
bool note_decode(const char *text, struct read_note *read);
void note_clear(struct read_note *read);

#endif
