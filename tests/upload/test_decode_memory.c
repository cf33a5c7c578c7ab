/* SPDX-License-Identifier: Apache-2.0
 * Each allocation fails once: input that cannot be read because of a lack of memory never counts as broken, and
 * nothing is left allocated. Linked with --wrap for the functions below. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/event.h"
#include "core/upload/record.h"
#include "tests/harness/suite.h"

/* How many more allocations succeed; below 0: all. */
static long left = -1;
static bool failed;

void *__real_malloc(size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
char *__wrap_strdup(const char *text);

static bool fails(void)
{
	if (left < 0 || left-- > 0)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

static const char *const steps[] = {"virusscan"};
static char why[128];

static struct upload *make_upload(void)
{
	struct upload *upload = upload_create(&(struct upload){.id = "u", .step = steps, .step_count = 1});
	ck_assert_ptr_nonnull(upload);
	return upload;
}

/* Decodes until no allocation fails. Returns the number of allocations. */
static long decode_event(const struct text *message)
{
	for (long allowed = 0;; allowed++) {
		struct event event;
		failed = false;
		left = allowed;
		enum event_verdict verdict =
			event_decode(message->data, message->length, steps, 1, 1, true, &event, why, sizeof why);
		left = -1;
		if (!failed) {
			ck_assert_int_eq(verdict, EVENT_TAKEN);
			event_clear(&event);
			return allowed;
		}
		ck_assert_int_eq(verdict, EVENT_UNREAD);
		ck_assert_msg(strstr(why, "memory") != NULL, "%s", why);
		ck_assert(event.upload == NULL && event.upload_id == NULL && event.step == NULL);
	}
}

START_TEST(events)
{
	struct text message = {0};
	struct upload *upload = make_upload();
	event_encode_bytes_received(&message, upload, 1);
	ck_assert_int_ge(decode_event(&message), 2);
	text_clear(&message);
	event_encode_resume(&message, "u", "virusscan", 1);
	ck_assert_int_ge(decode_event(&message), 3);
	text_free(&message);
	upload_release(upload);
}
END_TEST

START_TEST(records)
{
	struct text value = {0};
	char result[] = "{\"Infected\":true}";
	struct record record = {.upload = make_upload(), .owner = "o", .result = result};
	record.status = (struct status){.step = 1,
	                                .phase = PHASE_CONFIRMING,
	                                .outcome = OUTCOME_DELETE,
	                                .due = 1,
	                                .publish = PUBLISH_STEP_FINISHED | PUBLISH_FINISHED,
	                                .finished_outcome = OUTCOME_DELETE};
	record_encode(&value, &record);
	upload_release(record.upload);
	long allowed = 0;
	for (failed = true; failed; allowed++) {
		failed = false;
		left = allowed;
		enum record_verdict verdict = record_decode(value.data, value.length, &record, why, sizeof why);
		left = -1;
		ck_assert_int_eq(verdict, failed ? RECORD_UNREAD : RECORD_TAKEN);
		ck_assert_msg(!failed || strstr(why, "memory") != NULL, "%s", why);
		ck_assert((record.upload == NULL) == failed && (record.result == NULL) == failed);
		ck_assert(!record.foreign);
	}
	ck_assert_int_gt(allowed, 3);
	record_clear(&record);
	text_free(&value);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {events, records};
	return suite_run("decode_memory", tests, sizeof tests / sizeof tests[0], 30);
}
