/* SPDX-License-Identifier: Apache-2.0
 * The input's first byte selects what the rest is: '0' to '7' the payload of an event of that type, anything else a
 * whole message. What is accepted is valid and can be written and read again. What is skipped without parsing is
 * what parsing would skip. */
#include <string.h>

#include <jansson.h>

#include "core/upload/event.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"

static const char *const types[] = {
	"BytesReceived",           "PostprocessingStepFinished", "UploadReady",         "ResumePostprocessing",
	"StartPostprocessingStep", "PostprocessingFinished",     "PostprocessingRetry", "RestartPostprocessing",
};
static const char *const steps[] = {"virusscan", "delay"};

static void check_refused(const struct event *event)
{
	REQUIRE(event->type == EVENT_BYTES_RECEIVED && event->refusal != NULL && event->refusal[0] != '\0' &&
	        event->upload_id == NULL);
	REQUIRE((event->upload == NULL) == (event->id_json != NULL));
	if (event->upload != NULL) {
		REQUIRE(upload_id_acceptable(event->upload->id, strlen(event->upload->id)));
		REQUIRE(strlen(event->upload->filename) <= 4096 && strlen(event->upload->user_json) <= 4096);
		return;
	}
	struct text message = {0};
	event_encode_refusal(&message, event->id_json, 1);
	json_t *envelope = json_loadb(message.data, message.length, 0, NULL);
	REQUIRE(envelope != NULL);
	json_decref(envelope);
	text_free(&message);
}

static void check_event(const struct event *event)
{
	REQUIRE(event->refusal == NULL && event->id_json == NULL);
	if (event->type != EVENT_BYTES_RECEIVED) {
		REQUIRE(event->upload == NULL && event->upload_id != NULL && event->step != NULL);
		REQUIRE(event->upload_id[0] == '\0' || upload_id_acceptable(event->upload_id, strlen(event->upload_id)));
		return;
	}
	struct text message = {0};
	struct event again;
	char why[256];
	REQUIRE(event->upload != NULL && upload_id_acceptable(event->upload->id, strlen(event->upload->id)));
	event_encode_bytes_received(&message, event->upload, 1);
	REQUIRE(!message.failed);
	enum event_verdict verdict =
		event_decode(message.data, message.length, steps, 2, 1, false, &again, why, sizeof why);
	if (message.length <= EVENT_LIMIT) { /* escapes make the text longer */
		REQUIRE(verdict == EVENT_TAKEN);
		REQUIRE(strcmp(again.upload->id, event->upload->id) == 0);
		REQUIRE(strcmp(again.upload->url, event->upload->url) == 0);
		REQUIRE(strcmp(again.upload->filename, event->upload->filename) == 0);
		REQUIRE(strcmp(again.upload->user_json, event->upload->user_json) == 0);
		REQUIRE(again.upload->filesize == event->upload->filesize);
		REQUIRE(strlen(again.upload->metadata) <= UPLOAD_METADATA_LIMIT * 3);
		REQUIRE(strcmp(again.upload->metadata, event->upload->metadata) == 0 ||
		        strlen(event->upload->metadata) > UPLOAD_METADATA_LIMIT / 3);
		event_clear(&again);
	}
	text_free(&message);
}

/* By the documentation: whether it is an event of an accepted type. */
static void check_irrelevant(const char *bytes, size_t length)
{
	json_t *envelope = json_loadb(bytes, length, JSON_ALLOW_NUL, NULL);
	const char *name = json_string_value(json_object_get(json_object_get(envelope, "Metadata"), "eventtype"));
	for (size_t i = 0; name != NULL && i < 4; i++)
		REQUIRE(strncmp(name, "events.", 7) != 0 || strcmp(name + 7, types[i]) != 0);
	json_decref(envelope);
}

static void check_message(const char *bytes, size_t length, bool commands)
{
	struct event event;
	char why[256] = "";
	switch (event_decode(bytes, length, steps, 2, 1, commands, &event, why, sizeof why)) {
	case EVENT_TAKEN:
		check_event(&event);
		event_clear(&event);
		return;
	case EVENT_REFUSED:
		REQUIRE(!commands && why[0] != '\0');
		check_refused(&event);
		event_clear(&event);
		return;
	case EVENT_IRRELEVANT:
		check_irrelevant(bytes, length);
		break;
	case EVENT_BROKEN:
	case EVENT_UNREAD:
		REQUIRE(why[0] != '\0');
		break;
	}
	REQUIRE(event.upload == NULL && event.upload_id == NULL && event.step == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const char *bytes = (const char *)data + 1;
	if (data[0] < '0' || data[0] > '7') {
		check_message(bytes, size - 1, false);
		check_message(bytes, size - 1, true);
		return 0;
	}
	struct text message = {0};
	text_format(&message, "{\"Metadata\":{\"eventtype\":\"events.%s\"},\"Payload\":\"", types[data[0] - '0']);
	text_add_base64(&message, bytes, size - 1);
	text_add(&message, "\"}");
	check_message(message.data, message.length, data[0] > '3');
	text_free(&message);
	return 0;
}
