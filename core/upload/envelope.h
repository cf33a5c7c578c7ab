/* SPDX-License-Identifier: Apache-2.0
 * The envelope of a message on the bus: a JSON object with "Metadata" and a "Payload", which is another JSON object in
 * base64. */
#ifndef CORE_UPLOAD_ENVELOPE_H
#define CORE_UPLOAD_ENVELOPE_H

#include "core/base/json_reader.h"

struct envelope {
	struct json_value metadata;
	struct json_value type, traceparent, initiator_id; /* members of the metadata; they point into the message */
	struct json_value payload;
	bool more; /* there are other metadata */
};

/* Reads a message. False: it is invalid; why[size] has the reason, and the values that could be read are set. */
bool envelope_read(struct envelope *envelope, const char *message, size_t length, char *why, size_t size);

#endif
