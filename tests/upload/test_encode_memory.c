/* SPDX-License-Identifier: Apache-2.0
 * Each allocation fails once, in the parts that do no I/O. The result is right or a reported failure, and nothing is
 * left allocated. */
#include <check.h>
#include <stdio.h>
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

START_TEST(events_and_records_are_written)
{
	struct record record = make_record();
	ck_assert_int_gt(each_fails(encode, &record), 0);
	record_clear(&record);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {events_and_records_are_written};
	return suite_run("memory", tests, sizeof tests / sizeof tests[0], 60);
}
