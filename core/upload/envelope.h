/* SPDX-License-Identifier: Apache-2.0
 * The outside of a message on the bus: a JSON object with "Metadata" and a "Payload" that is base64 of another one. */
#ifndef CORE_UPLOAD_ENVELOPE_H
#define CORE_UPLOAD_ENVELOPE_H

#include "core/base/json_reader.h"

struct envelope {
	struct json_value metadata;
	struct json_value type, traceparent, initiator_id; /* of the metadata; in the message */
	struct json_value payload;
	bool more; /* there are metadata beside these */
};

/* Reads a message. False with the reason in why[size]: something is wrong with it; what can be read is set even so. */
bool envelope_read(struct envelope *envelope, const char *message, size_t length, char *why, size_t size);

#endif
