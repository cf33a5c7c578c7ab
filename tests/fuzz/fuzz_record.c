/* SPDX-License-Identifier: Apache-2.0
 * The input is a record's JSON or, if it begins with a '#', the value around it. What is accepted can be written and
 * read again, and every input to the pipeline is safe. */
#include <string.h>

#include "core/upload/pipeline.h"
#include "core/upload/record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"

#define NOW (1700000000 * SECOND)

static const struct pipeline_step steps[] = {
	{.name = "virusscan", .max_retries = 2, .retry_backoff = SECOND, .deadline = MINUTE, MAX_WAITING},
	{.name = "delay", .retry_backoff = SECOND, .deadline = MINUTE, MAX_WAITING, .continue_when_exhausted = true},
};
static const struct pipeline pipeline = {
	.step = steps,
	.count = 2,
	.other = {.name = "", .max_retries = 1, .retry_backoff = SECOND, .deadline = MINUTE, MAX_WAITING},
	.confirm_interval = MINUTE,
	.confirm_interval_limit = HOUR,
	.confirm_limit = 3,
};

static void check_same(const struct record *one, const struct record *other)
{
	const struct status *was = &one->status, *is = &other->status;
	REQUIRE(strcmp(one->upload->id, other->upload->id) == 0);
	REQUIRE(strcmp(one->upload->filename, other->upload->filename) == 0);
	REQUIRE(strcmp(one->upload->user_json, other->upload->user_json) == 0);
	REQUIRE(one->upload->step_count == other->upload->step_count && one->upload->filesize == other->upload->filesize);
	REQUIRE(one->upload->start_time == other->upload->start_time);
	REQUIRE(was->phase == is->phase && was->step == is->step && was->outcome == is->outcome && was->due == is->due);
	REQUIRE(was->transition == is->transition && was->begun == is->begun && was->publish == is->publish);
	REQUIRE(was->failures == is->failures && was->confirmations == is->confirmations && was->woken_at == is->woken_at &&
	        was->ended_at == is->ended_at);
	REQUIRE(was->gone_since == is->gone_since && was->asked_at == is->asked_at && was->renewed == is->renewed);
	REQUIRE(strcmp(was->reason, is->reason) == 0 && strcmp(one->owner, other->owner) == 0);
	REQUIRE((one->result == NULL) == (other->result == NULL));
}

static void write_and_read(const struct record *record)
{
	struct text value = {0};
	struct record again;
	char why[256];
	record_encode(&value, record);
	REQUIRE(!value.failed);
	if (value.length <= RECORD_VALUE_LIMIT) {
		REQUIRE(record_decode(value.data, value.length, &again, why, sizeof why) == RECORD_TAKEN);
		REQUIRE(!again.foreign);
		check_same(record, &again);
		record_clear(&again);
	}
	text_free(&value);
}

/* Every input; the result is written and read again. */
static void move(const struct record *record)
{
	for (enum input_kind kind = INPUT_BEGIN; kind <= INPUT_STOPPED; kind++) {
		for (unsigned bits = 0; bits < 16; bits++) {
			struct record next = *record;
			char result[] = "{}";
			struct input input = {
				.kind = kind,
				.sequence = bits,
				.step = status_step_name(record->upload, &record->status),
				.outcome = (enum outcome)(bits % 5),
				.failed = bits & 1,
				.returned = (enum returned)(bits % 3),
				.transition = record->status.transition,
				.until = NOW,
				.reason = "why",
				.foreign = record->foreign,
				.claim = (bits & 1) && !record->foreign, /* which has no owner */
				.gone = bits & 2,
			};
			struct action action = pipeline_apply(&pipeline, record->upload, true, &next.status, &input, bits & 8, NOW);
			REQUIRE((action.ignored == NULL && !action.ask_restart) || (action.write == WRITE_NONE && !action.drop));
			next.result = next.status.publish & PUBLISH_STEP_FINISHED ? result : NULL;
			if (action.write == WRITE_PUT && record->status.transition < INT64_MAX)
				write_and_read(&next);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text value = {0};
	struct record record;
	char why[256] = "";
	if (size > 0 && data[0] == '#') {
		text_add_bytes(&value, (const char *)data + 1, size - 1);
	} else {
		text_add(&value, "{\"key\":\"\",\"data\":\"");
		text_add_base64(&value, (const char *)data, size);
		text_add(&value, "\"}");
	}
	if (record_decode(value.data, value.length, &record, why, sizeof why) == RECORD_TAKEN) {
		/* A record of another implementation becomes ours only through the pipeline. */
		if (!record.foreign)
			write_and_read(&record);
		move(&record);
		record_clear(&record);
	} else {
		REQUIRE(why[0] != '\0' && record.upload == NULL && record.result == NULL);
	}
	text_free(&value);
	return 0;
}
