/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/storage_events.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/base64.h"

#define PREFIX "events."

static void read_line(struct storage_events *events, size_t i, char *line)
{
	line[strcspn(line, "\n")] = '\0';
	events->line[i] = strdup(line);
	events->envelope[i] = json_loads(line, 0, NULL);
	ck_assert_ptr_nonnull(events->envelope[i]);
	json_t *metadata = json_object_get(events->envelope[i], "Metadata");
	const char *type = json_string_value(json_object_get(metadata, "eventtype"));
	const char *encoded = json_string_value(json_object_get(events->envelope[i], "Payload"));
	ck_assert(type != NULL && encoded != NULL && strncmp(type, PREFIX, sizeof PREFIX - 1) == 0);
	events->type[i] = type + sizeof PREFIX - 1;
	size_t length;
	char *bytes = base64_bytes(encoded, &length);
	ck_assert_ptr_nonnull(bytes);
	events->payload[i] = json_loadb(bytes, length, 0, NULL);
	ck_assert_ptr_nonnull(events->payload[i]);
	free(bytes);
}

void storage_events_open(struct storage_events *events)
{
	char path[1024];
	char *line = NULL;
	size_t size = 0, i = 0;
	const char *source = getenv("srcdir");
	snprintf(path, sizeof path, "%s/tests/data/storage-events.jsonl", source != NULL ? source : ".");
	FILE *file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s cannot be opened", path);
	for (; getline(&line, &size, file) > 0; i++) {
		ck_assert_uint_lt(i, STORAGE_EVENTS);
		read_line(events, i, line);
	}
	ck_assert_uint_eq(i, STORAGE_EVENTS);
	free(line);
	fclose(file);
}

void storage_events_close(struct storage_events *events)
{
	for (size_t i = 0; i < STORAGE_EVENTS; i++) {
		free(events->line[i]);
		json_decref(events->envelope[i]);
		json_decref(events->payload[i]);
	}
}

size_t storage_events_find(const struct storage_events *events, const char *type, const char *upload_id, size_t from)
{
	for (size_t i = from; i < STORAGE_EVENTS; i++) {
		const char *id = json_string_value(json_object_get(events->payload[i], "UploadID"));
		if (strcmp(events->type[i], type) == 0 && (upload_id == NULL || (id != NULL && strcmp(id, upload_id) == 0)))
			return i;
	}
	return STORAGE_EVENTS;
}
