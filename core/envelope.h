/* SPDX-License-Identifier: Apache-2.0
 * The outside of a message on the bus: a JSON object whose "Payload" is base64, by far the largest part of it. That
 * string is not sent through the JSON parser, which looks at each character of it several times. */
#ifndef CORE_ENVELOPE_H
#define CORE_ENVELOPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct envelope {
	json_t *object;      /* all of it; its "Payload" may be empty though there is one: */
	const char *payload; /* the text of "Payload", not terminated, in the message or in `object`; NULL: none, or no string */
	size_t length;
};

/* Reads a message, which has to outlive the envelope. False with the reason in why[size]; otherwise the caller ends it
 * with envelope_clear(). */
bool envelope_read(struct envelope *envelope, const char *message, size_t length, char *why, size_t size);
void envelope_clear(struct envelope *envelope);

#endif
