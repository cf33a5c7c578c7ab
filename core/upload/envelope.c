/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upload/envelope.h"

#include <stdio.h>

/* One pass over the metadata: those that are wanted are set, and it is noted if there are others. */
static void read_metadata(struct envelope *envelope)
{
	static const char type[] = "eventtype", initiator[] = "initiatorid", trace[] = "traceparent";
	struct json_value rest = envelope->metadata, key, value;
	envelope->type = (struct json_value){.key = type};
	envelope->initiator_id = (struct json_value){.key = initiator};
	envelope->traceparent = (struct json_value){.key = trace};
	envelope->more = false;
	while (json_next_member(&rest, &key, &value)) {
		struct json_value *wanted = json_says(&key, type)        ? &envelope->type
		                            : json_says(&key, initiator) ? &envelope->initiator_id
		                            : json_says(&key, trace)     ? &envelope->traceparent
		                                                         : NULL;
		if (wanted != NULL) {
			value.key = wanted->key;
			*wanted = value;
		} else {
			envelope->more = envelope->more || !json_says(&key, "eventid");
		}
	}
}

bool envelope_read(struct envelope *envelope, const char *message, size_t length, char *why, size_t size)
{
	struct json_reader reader = {0};
	const struct json_member members[] = {{"Metadata", &envelope->metadata}, {"Payload", &envelope->payload}};
	bool sound = json_read(message, length, members, JSON_COUNT(members), why, size);
	read_metadata(envelope);
	bool typed = json_reader_is_string(&reader, &envelope->type) && !json_says(&envelope->type, "");
	json_reader_is_string(&reader, &envelope->payload);
	if (!sound || (typed && reader.wrong == NULL))
		return sound;
	snprintf(why, size, "no \"Metadata\" with an \"eventtype\", or \"Payload\" is not a string");
	return false;
}
