/* SPDX-License-Identifier: Apache-2.0
 * Each allocation fails once while an event or a record is read or written. A lack of memory is never taken for broken
 * or irrelevant input, which would be acknowledged and lost. And what is read is what was written, to the last byte. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/event.h"
#include "core/upload/record.h"
#include "tests/harness/scarcity.h"
#include "tests/harness/suite.h"

#define NOW (INT64_C(1700000000) * SECOND)

static const char *const steps[] = {"virusscan", "delay"};

static const struct upload fields = {.id = "some-id",
                                     .url = "http://127.0.0.1/x",
                                     .filename = "n\xc3\xa4me",
                                     .filesize = 3,
                                     .user_json = "{\"opaque_id\":\"u\"}",
                                     .resource_id_json = "{\"a\":[1,2]}",
                                     .initiator_id = "i",
                                     .traceparent = "t",
                                     .step = steps,
                                     .step_count = 2};

struct message {
	const char *bytes;
	size_t length;
	enum event_verdict verdict;
};

static bool same_event(const struct event *event, enum event_type type)
{
	if (event->type != type)
		return false;
	if (type != EVENT_BYTES_RECEIVED)
		return strcmp(event->upload_id, fields.id) == 0;
	const struct upload *upload = event->upload;
	return strcmp(upload->id, fields.id) == 0 && strcmp(upload->url, fields.url) == 0 &&
	       strcmp(upload->filename, fields.filename) == 0 && upload->filesize == 3 &&
	       strcmp(upload->user_json, fields.user_json) == 0 &&
	       strcmp(upload->resource_id_json, fields.resource_id_json) == 0 &&
	       strcmp(upload->impersonating_user_json, "null") == 0 && upload->step_count == 2;
}

static enum came decode(const struct message *message, enum event_type type)
{
	struct event event;
	char why[256] = "";
	enum event_verdict verdict =
		event_decode(message->bytes, message->length, steps, 2, NOW, false, &event, why, sizeof why);
	if (verdict == EVENT_UNREAD)
		return why[0] != '\0' ? CAME_FAILED : CAME_WRONG;
	if (verdict != message->verdict)
		return CAME_WRONG;
	if (verdict != EVENT_TAKEN)
		return CAME_RIGHT;
	bool right = same_event(&event, type);
	event_clear(&event);
	return right ? CAME_RIGHT : CAME_WRONG;
}

static enum came decode_begin(const void *closure)
{
	return decode(closure, EVENT_BYTES_RECEIVED);
}

static enum came decode_step_finished(const void *closure)
{
	return decode(closure, EVENT_STEP_FINISHED);
}

static enum came decode_ready(const void *closure)
{
	return decode(closure, EVENT_UPLOAD_READY);
}

static enum came decode_resume(const void *closure)
{
	return decode(closure, EVENT_RESUME);
}

static void assert_decoded(enum came (*attempt)(const void *closure), struct text *message)
{
	ck_assert(!message->failed);
	each_fails(attempt, &(struct message){message->data, message->length, EVENT_TAKEN});
	text_free(message);
}

START_TEST(events_are_read)
{
	struct text message = {0};
	struct upload *upload = upload_create(&fields);
	const struct status status = {.finished_step = 0, .finished_outcome = OUTCOME_CONTINUE};
	event_encode_bytes_received(&message, upload, NOW);
	assert_decoded(decode_begin, &message);
	event_encode(&message, PUBLISH_STEP_FINISHED, upload, &status, "{\"Infected\":false}", 0, NOW);
	assert_decoded(decode_step_finished, &message);
	event_encode_upload_ready(&message, upload, true, NOW);
	assert_decoded(decode_ready, &message);
	event_encode_resume(&message, fields.id, "", NOW);
	assert_decoded(decode_resume, &message);
	upload_release(upload);
}
END_TEST

START_TEST(broken_events_stay_broken)
{
	static const char *const broken[] = {
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"!\"}",
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"e30=\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"W10=\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},",
		"{\"Metadata\":{\"eventtype\":\"\\u0065vents.UploadReady\"},\"Payload\":7}",
	};
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		each_fails(decode_begin, &(struct message){broken[i], strlen(broken[i]), EVENT_BROKEN});
}
END_TEST

static struct record make_record(void)
{
	struct record record = {.upload = upload_create(&fields), .owner = "here", .writer = "n1"};
	ck_assert_ptr_nonnull(record.upload);
	record.status = (struct status){.step = 1,
	                                .phase = PHASE_BACKOFF,
	                                .outcome = OUTCOME_RETRY,
	                                .failures = 2,
	                                .due = NOW,
	                                .transition = 7,
	                                .publish = PUBLISH_STEP_FINISHED,
	                                .finished_outcome = OUTCOME_CONTINUE,
	                                .begun = 3,
	                                .reason = "why"};
	record.result = strdup("{\"Infected\":false}");
	return record;
}

static enum came read_record(const void *closure)
{
	const struct text *value = closure;
	struct record record;
	char why[256] = "";
	enum record_verdict verdict = record_decode(value->data, value->length, &record, why, sizeof why);
	if (verdict == RECORD_UNREAD)
		return record.upload == NULL && why[0] != '\0' ? CAME_FAILED : CAME_WRONG;
	if (verdict == RECORD_BROKEN)
		return CAME_WRONG;
	bool right = strcmp(record.upload->id, fields.id) == 0 && strcmp(record.upload->url, fields.url) == 0 &&
	             strcmp(record.upload->user_json, fields.user_json) == 0 && record.status.phase == PHASE_BACKOFF &&
	             record.status.failures == 2 && !record.foreign && record.result != NULL &&
	             strcmp(record.upload->step[1], "delay") == 0 && strcmp(record.owner, "here") == 0 &&
	             strcmp(record.status.reason, "why") == 0;
	bool was = scarcity_pause(true); /* without memory for that the process ends */
	struct record *moved = record_move(&record);
	scarcity_pause(was);
	right = right && record.upload == NULL && strcmp(moved->upload->id, fields.id) == 0;
	record_free(moved);
	return right ? CAME_RIGHT : CAME_WRONG;
}

START_TEST(records_are_read)
{
	struct record record = make_record();
	struct text value = {0};
	record_encode(&value, &record);
	ck_assert_int_gt(each_fails(read_record, &value), 1);
	text_free(&value);
	record_clear(&record);
}
END_TEST

/* Everything that is written, in one text. */
static void write_all(struct text *text, const struct record *record)
{
	static const unsigned kinds[] = {PUBLISH_STEP_FINISHED, PUBLISH_START, PUBLISH_RETRY, PUBLISH_FINISHED,
	                                 PUBLISH_RESTART};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		event_encode(text, kinds[i], record->upload, &record->status, "{}", SECOND, NOW);
	event_encode_restart(text, "id", NOW);
	record_encode(text, record);
}

static enum came encode(const void *closure)
{
	const struct record *record = closure;
	struct text text = {0};
	bool paused = scarcity_pause(true);
	struct text whole = {0};
	write_all(&whole, record);
	scarcity_pause(paused);
	write_all(&text, record);
	/* Event IDs are random, so the length has to do. */
	enum came came = text.failed ? CAME_FAILED : text.length == whole.length ? CAME_RIGHT : CAME_WRONG;
	text_free(&text);
	text_free(&whole);
	return came;
}

START_TEST(events_and_records_are_written)
{
	struct record record = make_record();
	ck_assert_int_gt(each_fails(encode, &record), 0);
	record_clear(&record);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {events_are_read, broken_events_stay_broken, records_are_read,
	                              events_and_records_are_written};
	return suite_run("each_allocation", tests, sizeof tests / sizeof tests[0], 60);
}
