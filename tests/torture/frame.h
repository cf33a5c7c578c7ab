/* SPDX-License-Identifier: Apache-2.0
 * One message of the NATS protocol, as it is on the wire: a line, followed by headers and data for PUB, HPUB, MSG
 * and HMSG. */
#ifndef TESTS_TORTURE_FRAME_H
#define TESTS_TORTURE_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#define FRAME_SUBJECT_SIZE 256

struct frame {
	size_t size;  /* of the whole frame */
	bool carries; /* it is a PUB, HPUB, MSG or HMSG, and the members below are set */
	char subject[FRAME_SUBJECT_SIZE], reply[FRAME_SUBJECT_SIZE]; /* "": none */
	const char *headers; /* point into the bytes that were read; not terminated */
	size_t headers_length;
	const char *payload;
	size_t length;
};

enum framing { FRAMING_WHOLE, FRAMING_PART, FRAMING_WRONG };

/* Reads the first frame of these bytes. FRAMING_PART: it is incomplete. */
enum framing frame_read(const char *bytes, size_t length, struct frame *frame);

/* The value of a header as text; false: there is none, or it is too long. */
bool frame_header(const struct frame *frame, const char *name, char *value, size_t size);

#endif
