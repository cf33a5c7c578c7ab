/* SPDX-License-Identifier: Apache-2.0 */
#include "core/envelope.h"

#include <stdio.h>

bool envelope_read(struct envelope *envelope, const char *message, size_t length, char *why, size_t size)
{
	struct json_reader reader = {0};
	const struct json_member members[] = {{"Metadata", &envelope->metadata}, {"Payload", &envelope->payload}};
	const struct json_member of_metadata[] = {
		{"eventtype", &envelope->type}, {"initiatorid", &envelope->initiator_id}, {"traceparent", &envelope->traceparent}};
	bool sound = json_read(message, length, members, JSON_COUNT(members), why, size);
	json_reader_members(&reader, &envelope->metadata, of_metadata, JSON_COUNT(of_metadata));
	bool typed = json_reader_is_string(&reader, &envelope->type) && !json_says(&envelope->type, "");
	json_reader_is_string(&reader, &envelope->payload);
	if (!sound || (typed && reader.wrong == NULL))
		return sound;
	snprintf(why, size, "no \"Metadata\" with an \"eventtype\", or a \"Payload\" that is no string");
	return false;
}
