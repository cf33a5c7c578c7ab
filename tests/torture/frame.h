/* SPDX-License-Identifier: Apache-2.0
 * One message of the NATS protocol, as it goes over the wire: a line, and for PUB, HPUB, MSG and HMSG what follows it.
 */
#ifndef TESTS_TORTURE_FRAME_H
#define TESTS_TORTURE_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#define FRAME_SUBJECT_SIZE 256

struct frame {
	size_t size;  /* of all of it */
	bool carries; /* it is a PUB, HPUB, MSG or HMSG, and what follows is filled in */
	char subject[FRAME_SUBJECT_SIZE], reply[FRAME_SUBJECT_SIZE]; /* "": none */
	const char *headers; /* point into the bytes that were read; not terminated */
	size_t headers_length;
	const char *payload;
	size_t length;
};

enum framing { FRAMING_WHOLE, FRAMING_PART, FRAMING_WRONG };

/* Reads the first frame of these bytes. FRAMING_PART: more have to come. */
enum framing frame_read(const char *bytes, size_t length, struct frame *frame);

/* The value of a header as text; false: there is none, or it does not fit. */
bool frame_header(const struct frame *frame, const char *name, char *value, size_t size);

#endif
