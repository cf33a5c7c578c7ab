/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/upload/storage_events.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/harness/base64.h"

#define PREFIX "events."

/* The payload, which is JSON in the newer list, and base64 on the wire. */
static json_t *open_payload(json_t *envelope)
{
	json_t *payload = json_object_get(envelope, "Payload");
	size_t length;
	if (json_is_object(payload)) {
		char *text = json_dumps(json_incref(payload), JSON_COMPACT);
		struct text encoded = {0};
		text_add_base64(&encoded, text, strlen(text));
		ck_assert_int_eq(json_object_set_new(envelope, "Payload", json_string(encoded.data)), 0);
		text_free(&encoded);
		free(text);
		return payload;
	}
	char *bytes = base64_bytes(json_string_value(payload), &length);
	ck_assert_ptr_nonnull(bytes);
	payload = json_loadb(bytes, length, 0, NULL);
	free(bytes);
	return payload;
}

static void read_line(struct storage_events *events, size_t i, char *line)
{
	line[strcspn(line, "\n")] = '\0';
	json_t *envelope = json_loads(line, 0, NULL);
	ck_assert_ptr_nonnull(envelope);
	bool as_it_is = json_is_string(json_object_get(envelope, "Payload"));
	const char *type = json_string_value(json_object_get(json_object_get(envelope, "Metadata"), "eventtype"));
	ck_assert(type != NULL && strncmp(type, PREFIX, sizeof PREFIX - 1) == 0);
	events->type[i] = type + sizeof PREFIX - 1;
	events->envelope[i] = envelope;
	events->payload[i] = open_payload(envelope);
	ck_assert_ptr_nonnull(events->payload[i]);
	events->line[i] = as_it_is ? strdup(line) : json_dumps(envelope, JSON_COMPACT);
}

static void open_list(struct storage_events *events, const char *name, size_t count)
{
	char path[1024];
	char *line = NULL;
	size_t size = 0;
	const char *source = getenv("srcdir");
	snprintf(path, sizeof path, "%s/tests/data/%s", source != NULL ? source : ".", name);
	FILE *file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s cannot be opened", path);
	for (events->count = 0; getline(&line, &size, file) > 0; events->count++) {
		ck_assert_uint_lt(events->count, count);
		read_line(events, events->count, line);
	}
	ck_assert_uint_eq(events->count, count);
	free(line);
	fclose(file);
}

void storage_events_open(struct storage_events *events)
{
	open_list(events, "storage-events.jsonl", STORAGE_EVENTS);
}

void storage_events_open_2026(struct storage_events *events)
{
	open_list(events, "wire-2026.jsonl", STORAGE_EVENTS_2026);
}

void storage_events_close(struct storage_events *events)
{
	for (size_t i = 0; i < events->count; i++) {
		free(events->line[i]);
		json_decref(events->envelope[i]);
		json_decref(events->payload[i]);
	}
}

size_t storage_events_find(const struct storage_events *events, const char *type, const char *upload_id, size_t from)
{
	for (size_t i = from; i < events->count; i++) {
		const char *id = json_string_value(json_object_get(events->payload[i], "UploadID"));
		if (strcmp(events->type[i], type) == 0 && (upload_id == NULL || (id != NULL && strcmp(id, upload_id) == 0)))
			return i;
	}
	return STORAGE_EVENTS;
}
