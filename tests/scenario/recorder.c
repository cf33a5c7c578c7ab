/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/recorder.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/message_id.h"
#include "tests/harness/base64.h"
#include "tests/harness/limits.h"

/* An event that was delivered to a service that died is redelivered after half a minute. */
#define REDELIVERY_LIMIT (2 * TEST_LIMIT)

static const char *string_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "";
}

static char *decode_payload(json_t *envelope)
{
	const char *encoded = json_string_value(json_object_get(envelope, "Payload"));
	size_t length;
	return encoded != NULL ? base64_bytes(encoded, &length) : NULL;
}

static json_t *read_payload(const char *text)
{
	json_t *payload = text != NULL ? json_loads(text, 0, NULL) : NULL;
	/* Values that are only passed on may contain integers of any size. */
	return payload != NULL || text == NULL ? payload : json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
}

static void add(struct recorder *recorder, natsMsg *message)
{
	static const char prefix[] = "events.";
	if (recorder->count == recorder->size) {
		recorder->size = recorder->size != 0 ? recorder->size * 2 : 64;
		recorder->message = realloc(recorder->message, recorder->size * sizeof *recorder->message);
		ck_assert_ptr_nonnull(recorder->message);
	}
	struct recorded *recorded = &recorder->message[recorder->count++];
	const char *id = NULL;
	natsStatus status = natsMsgHeader_Get(message, "Nats-Msg-Id", &id);
	*recorded = (struct recorded){
		.sequence = natsMsg_GetSequence(message),
		.time = natsMsg_GetTime(message),
		.ours = status == NATS_OK && id != NULL && strncmp(id, RECORDER_TEST_ID, sizeof RECORDER_TEST_ID - 1) != 0,
		.id = status == NATS_OK && id != NULL ? strdup(id) : NULL,
		.envelope = json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), 0, NULL),
	};
	recorded->announced = message_id_is_announcement(recorded->id);
	recorded->ours = recorded->ours && !recorded->announced;
	recorded->text = decode_payload(recorded->envelope);
	recorded->payload = read_payload(recorded->text);
	recorded->type = string_of(json_object_get(recorded->envelope, "Metadata"), "eventtype");
	if (strncmp(recorded->type, prefix, sizeof prefix - 1) == 0)
		recorded->type += sizeof prefix - 1;
	recorded->upload = string_of(recorded->payload, "UploadID");
}

void recorder_update(struct recorder *recorder)
{
	natsMsg *message = NULL;
	while (js_GetMsg(&message, recorder->js, "main-queue", recorder->count + 1, NULL, NULL) == NATS_OK) {
		add(recorder, message);
		natsMsg_Destroy(message);
	}
}

void recorder_free(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->count; i++) {
		free(recorder->message[i].id);
		json_decref(recorder->message[i].envelope);
		json_decref(recorder->message[i].payload);
		free(recorder->message[i].text);
	}
	free(recorder->message);
	*recorder = (struct recorder){0};
}

static bool is_meant(const struct recorded *recorded, const char *type, const char *upload)
{
	if (type != NULL && strcmp(type, RECORDER_ANNOUNCEMENT) == 0)
		return recorded->announced && (upload == NULL || strcmp(recorded->upload, upload) == 0);
	return recorded->ours && (type == NULL || strcmp(recorded->type, type) == 0) &&
	       (upload == NULL || strcmp(recorded->upload, upload) == 0);
}

size_t recorder_count(const struct recorder *recorder, const char *type, const char *upload)
{
	size_t count = 0;
	for (size_t i = 0; i < recorder->count; i++)
		count += is_meant(&recorder->message[i], type, upload);
	return count;
}

const struct recorded *recorder_find(const struct recorder *recorder, const char *type, const char *upload,
                                     size_t index)
{
	for (size_t i = 0; i < recorder->count; i++)
		if (is_meant(&recorder->message[i], type, upload) && index-- == 0)
			return &recorder->message[i];
	return NULL;
}

struct wish {
	struct recorder *recorder;
	const char *type, *upload;
	size_t index;
};

static bool has_come(void *closure)
{
	struct wish *wish = closure;
	recorder_update(wish->recorder);
	return recorder_find(wish->recorder, wish->type, wish->upload, wish->index) != NULL;
}

const struct recorded *recorder_await(struct recorder *recorder, const char *type, const char *upload, size_t index)
{
	struct wish wish = {recorder, type, upload, index};
	ck_assert_msg(wait_until(has_come, &wish, REDELIVERY_LIMIT), "no %s number %zu for upload %s",
	              type != NULL ? type : "event", index, upload != NULL ? upload : "(any)");
	return recorder_find(recorder, type, upload, index);
}

const char *recorded_string(const struct recorded *recorded, const char *key)
{
	const char *text = json_string_value(json_object_get(recorded->payload, key));
	ck_assert_msg(text != NULL, "%s without a text %s", recorded->type, key);
	return text;
}
