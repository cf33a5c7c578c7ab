/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upload/upload.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/json_reader.h"
#include "core/base/text.h"

static size_t text_size(const char *text, const char *otherwise)
{
	return strlen(text != NULL ? text : otherwise) + 1;
}

/* Copies into the space at *end and moves it on. */
static const char *place(char **end, const char *text, const char *otherwise)
{
	size_t size = text_size(text, otherwise);
	char *start = memcpy(*end, text != NULL ? text : otherwise, size);
	*end += size;
	return start;
}

struct upload *upload_create(const struct upload *fields)
{
	size_t size = sizeof(struct upload) + fields->step_count * sizeof(char *);
	size += text_size(fields->id, "") + text_size(fields->url, "") + text_size(fields->filename, "") +
	        text_size(fields->initiator_id, "") + text_size(fields->traceparent, "") + text_size(fields->metadata, "") +
	        text_size(fields->user_json, "null") + text_size(fields->impersonating_user_json, "null") +
	        text_size(fields->resource_id_json, "null");
	for (size_t i = 0; i < fields->step_count; i++)
		size += text_size(fields->step[i], "");
	struct upload *upload = malloc(size);
	if (upload == NULL)
		return NULL;
	const char **step = (const char **)(upload + 1);
	char *end = (char *)(step + fields->step_count);
	*upload = (struct upload){
		.id = place(&end, fields->id, ""),
		.step = step,
		.step_count = fields->step_count,
		.filesize = fields->filesize,
		.start_time = fields->start_time,
		.references = 1,
	};
	upload->url = place(&end, fields->url, "");
	upload->filename = place(&end, fields->filename, "");
	upload->initiator_id = place(&end, fields->initiator_id, "");
	upload->traceparent = place(&end, fields->traceparent, "");
	upload->metadata = place(&end, fields->metadata, "");
	upload->user_json = place(&end, fields->user_json, "null");
	upload->impersonating_user_json = place(&end, fields->impersonating_user_json, "null");
	upload->resource_id_json = place(&end, fields->resource_id_json, "null");
	for (size_t i = 0; i < fields->step_count; i++)
		step[i] = place(&end, fields->step[i], "");
	return upload;
}

struct upload *upload_hold(struct upload *upload)
{
	atomic_fetch_add(&upload->references, 1);
	return upload;
}

void upload_release(struct upload *upload)
{
	if (upload != NULL && atomic_fetch_sub(&upload->references, 1) == 1)
		free(upload);
}

/* Copies the string member of a JSON object. */
static void copy_member(const char *json, size_t length, const char *key, char name[UPLOAD_NAME_SIZE])
{
	struct json_value value;
	const struct json_member member = {key, &value};
	struct json_reader reader = {.room = name, .left = UPLOAD_NAME_SIZE};
	if (!json_read(json, length, &member, 1, NULL, 0) || json_reader_string(&reader, &value) != name)
		name[0] = '\0';
}

void upload_user_id(const struct upload *upload, char name[UPLOAD_NAME_SIZE])
{
	struct json_value id;
	const struct json_member member = {"id", &id};
	bool there = json_read(upload->user_json, strlen(upload->user_json), &member, 1, NULL, 0) && id.text != NULL;
	copy_member(there ? id.text : "", there ? id.length : 0, "opaque_id", name);
}

void upload_space_id(const struct upload *upload, char name[UPLOAD_NAME_SIZE])
{
	copy_member(upload->resource_id_json, strlen(upload->resource_id_json), "space_id", name);
}

bool upload_id_acceptable(const char *id, size_t length)
{
	if (length == 0 || length > UPLOAD_ID_LIMIT)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f || id[i] == '/')
			return false;
	return true;
}

static const char *const outcome_names[] = {"", "continue", "abort", "delete", "retry"};
static const char *const phase_names[] = {"queued",   "running",    "waiting",     "backoff",
                                          "awaiting", "confirming", "unconfirmed", "ended"};

const char *outcome_name(enum outcome outcome)
{
	return outcome_names[outcome];
}

enum outcome outcome_parse(const char *name)
{
	for (size_t i = 0; i < sizeof outcome_names / sizeof outcome_names[0]; i++)
		if (strcmp(name, outcome_names[i]) == 0)
			return (enum outcome)i;
	return OUTCOME_RETRY;
}

const char *phase_name(enum phase phase)
{
	return phase_names[phase];
}

bool phase_parse(const char *name, enum phase *phase)
{
	for (size_t i = 0; i < sizeof phase_names / sizeof phase_names[0]; i++) {
		if (strcmp(name, phase_names[i]) == 0) {
			*phase = (enum phase)i;
			return true;
		}
	}
	return false;
}

const char *status_step_name(const struct upload *upload, const struct status *status)
{
	return status->step < upload->step_count ? upload->step[status->step] : STEP_FINISHED_NAME;
}

void status_set_reason(struct status *status, const char *text)
{
	text_copy(status->reason, sizeof status->reason, text);
}
