/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/event.h"

#define INITIATOR "\"initiatorid\":\""
#define PAYLOAD "\"Payload\":\""
#define ID_MIDDLE "-0000-4000-8000-"
#define ID_FORMAT "%08" PRIx32 ID_MIDDLE "%012" PRIx32
#define ID_LENGTH (BENCH_ID_SIZE - 1)
#define LONG_HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

void bench_id(char id[BENCH_ID_SIZE], uint32_t run, size_t index)
{
	snprintf(id, BENCH_ID_SIZE, ID_FORMAT, run, (uint32_t)index);
}

bool bench_find_id(const char *message, size_t length, uint32_t *run, size_t *index)
{
	char id[BENCH_ID_SIZE];
	const char *at = memmem(message, length, INITIATOR, sizeof INITIATOR - 1);
	if (at == NULL || (size_t)(message + length - at) < sizeof INITIATOR - 1 + ID_LENGTH)
		return false;
	memcpy(id, at + sizeof INITIATOR - 1, ID_LENGTH);
	id[ID_LENGTH] = '\0';
	char *end;
	*run = (uint32_t)strtoul(id, &end, 16);
	if (end != id + 8 || strncmp(end, ID_MIDDLE, sizeof ID_MIDDLE - 1) != 0)
		return false;
	*index = strtoul(end + sizeof ID_MIDDLE - 1, &end, 16);
	return *end == '\0';
}

bool bench_is_of_type(const char *message, size_t length, const char *type)
{
	return memmem(message, length, type, strlen(type)) != NULL;
}

uint64_t bench_stored_sequence(const char *answer, size_t length)
{
	static const char key[] = "\"seq\":";
	const char *at = memmem(answer, length, key, sizeof key - 1);
	return at != NULL ? strtoull(at + sizeof key - 1, NULL, 10) : 0;
}

struct upload bench_upload(const char *id, size_t space, struct bench_room *room)
{
	snprintf(room->user, sizeof room->user,
	         "{\"id\":{\"idp\":\"https://localhost:9200\",\"opaque_id\":\"023ca0f3-8c07-45f8-9b00-%012zx\",\"type\":1},"
	         "\"username\":\"admin\",\"display_name\":\"Admin\"}",
	         space);
	snprintf(
		room->resource, sizeof room->resource,
		"{\"storage_id\":\"71bb8994-02a8-4256-bfdc-7f9a8e3d2c69\",\"opaque_id\":\"3b3f445c-6f47-4541-bddd-b9ea3b6b4a48\","
		"\"space_id\":\"023ca0f3-8c07-45f8-9b00-%012zx\"}",
		space);
	return (struct upload){
		.id = id,
		.url = "https://localhost:9200/data/" LONG_HEX LONG_HEX LONG_HEX,
		.filename = "bench.dat",
		.initiator_id = id,
		.traceparent = "00-cce37da908c0ef28522511ae4ccbb827-692551b2e3fbee02-00",
		.user_json = room->user,
		.resource_id_json = room->resource,
		.filesize = 3,
	};
}

static void encode(struct text *text, enum bench_kind kind, const struct upload *upload)
{
	struct status status = {.outcome = OUTCOME_CONTINUE, .finished_outcome = OUTCOME_CONTINUE};
	switch (kind) {
	case BENCH_BYTES_RECEIVED:
		event_encode_bytes_received(text, upload, clock_now());
		break;
	case BENCH_UPLOAD_READY:
		event_encode_upload_ready(text, upload, false, clock_now());
		break;
	case BENCH_STEP_FINISHED:
		event_encode(text, PUBLISH_STEP_FINISHED, upload, &status, NULL, 0, clock_now());
		break;
	case BENCH_START_STEP:
		event_encode(text, PUBLISH_START, upload, &status, NULL, 0, clock_now());
		break;
	case BENCH_FINISHED:
		event_encode(text, PUBLISH_FINISHED, upload, &status, NULL, 0, clock_now());
		break;
	}
}

/* The base64 of the payload's head with this ID. */
static const struct text *encode_head(struct bench_message *message, const char *id)
{
	char head[BENCH_HEAD + 1];
	snprintf(head, sizeof head, "{\"UploadID\":\"%s\",", id);
	text_clear(&message->digits);
	text_add_base64(&message->digits, head, BENCH_HEAD);
	return &message->digits;
}

bool bench_message_make(struct bench_message *message, enum bench_kind kind, const struct upload *fields,
                        const char *step)
{
	char id[BENCH_ID_SIZE];
	struct upload whole = *fields;
	bench_id(id, 0, 0);
	whole.id = whole.initiator_id = id;
	whole.step = &step;
	whole.step_count = step != NULL;
	struct upload *upload = upload_create(&whole);
	*message = (struct bench_message){0};
	if (upload == NULL)
		return false;
	encode(&message->text, kind, upload);
	upload_release(upload);
	const struct text *digits = encode_head(message, id);
	if (message->text.failed || digits->failed)
		return false;
	char *initiator = strstr(message->text.data, INITIATOR), *payload = strstr(message->text.data, PAYLOAD);
	if (initiator == NULL || payload == NULL ||
	    strncmp(payload + sizeof PAYLOAD - 1, digits->data, digits->length) != 0)
		return false;
	message->initiator = initiator + sizeof INITIATOR - 1;
	message->payload = payload + sizeof PAYLOAD - 1;
	return true;
}

void bench_message_free(struct bench_message *message)
{
	text_free(&message->text);
	text_free(&message->digits);
}

void bench_message_stamp(struct bench_message *message, const char *id)
{
	const struct text *digits = encode_head(message, id);
	memcpy(message->initiator, id, ID_LENGTH);
	memcpy(message->payload, digits->data, digits->length);
}

/* Their types and sizes are those seen on the bus of a real server. */
void bench_noise_make(struct text *message, size_t kind)
{
	static const struct {
		const char *type;
		size_t payload;
	} noise[BENCH_NOISE_KINDS] = {
		{"SendSSE", 850}, {"FileUploaded", 500}, {"FileDownloaded", 440}, {"LinkCreated", 850}, {"FileTouched", 540}};
	struct text payload = {0};
	char when[TIME_TEXT_SIZE];
	kind %= BENCH_NOISE_KINDS;
	text_add(
		&payload,
		"{\"Executant\":{\"idp\":\"https://localhost:9200\",\"opaque_id\":\"023ca0f3-8c07-45f8-9b00-4cc83f855216\"},\"Message\":\"");
	while (payload.length < noise[kind].payload - 2 && !payload.failed)
		text_add(&payload, "bench ");
	text_add(&payload, "\"}");
	text_format(
		message,
		"{\"Timestamp\":\"%s\",\"Metadata\":{\"eventid\":\"4ce0ae8e-2c54-4e9c-8a2b-3b6f5d0f7a11\",\"eventtype\":\"events.%s\","
		"\"initiatorid\":\"\",\"traceparent\":\"00-cce37da908c0ef28522511ae4ccbb827-692551b2e3fbee02-00\"},"
		"\"ID\":\"f3b4f1f6-92a0-4b4a-9f0e-2f8a5d2f1c33\",\"Topic\":\"" EVENT_TOPIC "\",\"Payload\":\"",
		time_format(clock_now(), when), noise[kind].type);
	text_add_base64(message, payload.data, payload.length);
	text_add(message, "\"}");
	message->failed = message->failed || payload.failed;
	text_free(&payload);
}
