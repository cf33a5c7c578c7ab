/* SPDX-License-Identifier: Apache-2.0
 * Events, records, and failures between them. test_coordinator_broker.c tests failing brokers,
 * test_coordinator_runs.c the runs of steps, test_coordinator_lag.c late events. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

START_TEST(record_then_publish_then_acknowledgement)
{
	fake_begin(&world, "u", 1, false);
	fake_expect(&world, "put");
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 1);
	fake_answer(&world);
	fake_expect(&world, "ack 1; run scan");
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_expect(&world, "put");
	fake_answer(&world);
	fake_expect(&world, "publish RESULT delete");
	fake_answer(&world);
	fake_expect(&world, "publish END delete");
	fake_answer(&world);
	fake_expect(&world, "");
	ck_assert_int_eq(stored("u").phase, PHASE_CONFIRMING);
	fake_ready(&world, "u", false, 2);
	fake_expect(&world, "remove");
	fake_answer(&world);
	fake_expect(&world, "ack 2");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	ck_assert(!is_stored("u"));
}
END_TEST

START_TEST(another_service_does_a_step)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer(&world);
	fake_answer(&world);
	fake_expect(&world, "put; ack 1; run scan; put; publish START");
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, 2, false);
	fake_answer(&world);
	fake_expect(&world, "put; ack 2; run slow");
}
END_TEST

START_TEST(what_is_not_ours)
{
	static const char broken[] = "{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"x\"}";
	static const char other[] = "{\"Metadata\":{\"eventtype\":\"events.FileUploaded\"},\"Payload\":\"x\"}";
	fake_deliver(&world, broken, sizeof broken - 1, 1, false);
	fake_deliver(&world, other, sizeof other - 1, 2, false);
	fake_deliver(&world, "", 0, 3, false);
	fake_step_finished(&world, "", "scan", OUTCOME_DELETE, 4, false); /* an on-demand scan */
	fake_ready(&world, "", false, 5);
	fake_expect(&world, "ack 1; ack 2; ack 3; ack 4; ack 5");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(ready_or_an_answer_before_anything)
{
	fake_ready(&world, "u", false, 1);
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 1; ack 2");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(ready_before_the_end)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_ready(&world, "u", true, 2);
	fake_answer(&world);
	fake_expect(&world, "put; ack 1; run scan; put; cancel scan; ack 2");
	ck_assert_int_eq(stored("u").phase, PHASE_ENDED);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
}
END_TEST

static void begin_with(const char *payload, uint64_t sequence, bool redelivered)
{
	struct text message = {0};
	text_add(&message, "{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"");
	text_add_base64(&message, payload, strlen(payload));
	text_add(&message, "\"}");
	fake_deliver(&world, message.data, message.length, sequence, redelivered);
	text_free(&message);
}

#define UNUSABLE "{\"UploadID\":\"u\",\"URL\":{}}"

START_TEST(an_event_that_is_unusable_ends_its_upload)
{
	begin_with(UNUSABLE, 1, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END abort; ack 1");
	ck_assert_int_eq(stored("u").phase, PHASE_CONFIRMING);
	ck_assert_int_eq(stored("u").outcome, OUTCOME_ABORT);
	ck_assert_str_eq(stored("u").reason, "\"URL\" has a value of the wrong type");
	fake_ready(&world, "u", true, 2);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2");
	/* An upload that is over for everybody else may end once more, if the repetition comes later. */
	begin_with(UNUSABLE, 3, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; ask restart; ack 3");
	world.stored = world.now + HOUR;
	begin_with(UNUSABLE, 4, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; publish END abort; ack 4");
}
END_TEST

START_TEST(an_event_that_is_unusable_stops_no_upload)
{
	run_to_end("u", 1);
	begin_with(UNUSABLE, 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 2");
	ck_assert_int_eq(stored("u").outcome, OUTCOME_CONTINUE);
	fake_begin(&world, "v", 3, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 3; run scan");
	begin_with("{\"UploadID\":\"v\",\"URL\":{}}", 4, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 4");
}
END_TEST

START_TEST(an_id_that_no_record_can_have_is_refused)
{
	begin_with("{\"UploadID\":\"a/b\"}", 1, false);
	fake_expect(&world, "publish REFUSAL");
	ck_assert_str_eq(world.first->message_id, "refused.1.7");
	fake_fail(&world, REQUEST_UNKNOWN, true);
	begin_with("{\"UploadID\":\"a/b\"}", 1, true);
	fake_expect(&world, "drop 1"); /* it is under way */
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "publish REFUSAL; ack 1");
	ck_assert_uint_eq(world.duplicates, 1);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
	ck_assert_ptr_null(world.entries);
}
END_TEST

/* The marker that a deleted record leaves. */
START_TEST(begun_again_after_the_end)
{
	run_to_end("u", 5);
	fake_ready(&world, "u", false, 6);
	fake_answer_all(&world);
	fake_expect(&world, "remove; ack 6");
	fake_begin(&world, "u", 5, true);
	fake_answer(&world); /* refused: there is a marker */
	fake_answer(&world);
	fake_expect(&world, "put; load; ack 5");
	ck_assert(!is_stored("u"));
	fake_begin_at(&world, "u", "http://127.0.0.1/another/" FAKE_SECRET, 7, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; ack 7; run scan");
	ck_assert(is_stored("u"));
}
END_TEST

static uint64_t repeated(void)
{
	return counter_value(world.metrics.events_repeated);
}

/* Three events at once. The first one's pass is over before the others come: the upload ends once, whatever has
 * become of its record. */
START_TEST(announced_three_times)
{
	enum { CONFIRMING, FAILED, GONE, WAYS };
	struct metrics *metrics = metrics_create();
	metrics_list_register(&world.metrics, metrics);
	for (unsigned way = CONFIRMING; way < WAYS; way++) {
		char id[2] = {(char)('a' + way), '\0'};
		uint64_t first = 10 * way + 10;
		run_to_end(id, first);
		if (way != CONFIRMING)
			fake_ready(&world, id, way == FAILED, first + 1);
		fake_answer_all(&world);
		text_clear(&world.words);
		fake_begin(&world, id, first + 2, false);
		fake_answer_all(&world);
		fake_begin(&world, id, first + 3, false);
		fake_answer_all(&world);
		ck_assert_ptr_null(strstr(world.words.data, "publish"));
		ck_assert_ptr_null(strstr(world.words.data, "run"));
		ck_assert_ptr_nonnull(strstr(world.words.data, "ask restart"));
		ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
		ck_assert_int_eq(is_stored(id), way != GONE);
		text_clear(&world.words);
		ck_assert_uint_eq(repeated(), 2 * (way + 1));
	}
	world.metrics = (struct metrics_list){0};
	metrics_destroy(metrics);
}
END_TEST

/* What makes an event more than a repetition: another URL, a request for a restart, the time. */
START_TEST(begun_again_for_a_reason)
{
	enum { URL, ASKED, LATE, WAYS };
	for (unsigned way = URL; way < WAYS; way++) {
		for (unsigned gone = 0; gone < 2; gone++) {
			char id[3] = {(char)('a' + way), (char)('0' + gone), '\0'};
			uint64_t first = 20 * way + 10 * gone + 10;
			run_to_end(id, first);
			nanos ended = stored(id).ended_at;
			if (gone)
				fake_ready(&world, id, false, first + 1);
			fake_answer_all(&world);
			text_clear(&world.words);
			world.restart = way == ASKED ? LOOKUP_PRESENT : LOOKUP_ABSENT;
			fake_begin_at(&world, id, way == URL ? "http://127.0.0.1/other/" FAKE_SECRET : NULL, first + 2,
			              way == LATE ? ended + MINUTE + 1 : ended + MINUTE);
			fake_answer_all(&world);
			ck_assert_msg(strstr(world.words.data, "run scan") != NULL, "%s: %s", id, world.words.data);
			ck_assert_int_eq(strstr(world.words.data, "ask restart") != NULL, way == ASKED);
			ck_assert_uint_eq(stored(id).begun, first + 2);
			fake_return(&world, RETURNED_VERDICT, OUTCOME_ABORT, 0);
			fake_answer_all(&world);
			text_clear(&world.words);
		}
	}
}
END_TEST

/* The stream cannot be searched for the request at once. */
START_TEST(whether_it_was_asked_for_is_not_known)
{
	run_to_end("u", 1);
	fake_begin(&world, "u", 2, false);
	fake_answer(&world);
	fake_expect(&world, "load; ask restart");
	fake_begin(&world, "u", 2, true);
	fake_expect(&world, "drop 2");
	fake_fail(&world, REQUEST_UNKNOWN, false);
	fake_expect(&world, "");
	fake_pass(&world, SECOND);
	fake_expect(&world, "ask restart");
	fake_answer_all(&world);
	fake_expect(&world, "ack 2");
	ck_assert_int_eq(stored("u").phase, PHASE_CONFIRMING);
}
END_TEST

/* Instances of an earlier version wrote neither the time of the end nor the URL into the marker. */
START_TEST(after_an_end_with_little_known)
{
	store("u", FAKE_OWNER, (struct status){.step = 2, .phase = PHASE_ENDED, .outcome = OUTCOME_ABORT, .transition = 3});
	fake_begin(&world, "u", 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; ack 2; run scan");
	fake_ready(&world, "u", false, 3);
	fake_answer_all(&world);
	fake_expect(&world, "remove; cancel scan; ack 3");
	world.entries->tombstone.ended = 0;
	world.entries->tombstone.url[0] = '\0';
	fake_begin(&world, "u", 4, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; ack 4; run scan");
}
END_TEST

START_TEST(begun_twice)
{
	fake_begin(&world, "u", 5, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 5; run scan");
	fake_begin(&world, "u", 5, true);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 5");
	fake_begin(&world, "u", 9, false); /* a new pass: storage was restarted, and the URL is different */
	fake_answer_all(&world);
	fake_expect(&world, "put; cancel scan; ack 9; run scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0); /* the first pass's, too late */
	fake_expect(&world, "");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; run slow");
}
END_TEST

/* The process that took the event first wrote the record and died. */
START_TEST(redelivered_after_a_crash)
{
	fake_begin(&world, "u", 5, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer_all(&world);
	fake_step_finished(&world, "u", "scan", OUTCOME_DELETE, 6, false);
	fake_answer(&world); /* written, but not published */
	fake_expect(&world, "put; ack 5; run scan; put; publish START; put; publish END delete");
	fake_restart(&world, FAKE_OWNER);
	fake_step_finished(&world, "u", "scan", OUTCOME_DELETE, 6, true);
	fake_answer_all(&world);
	fake_expect(&world, "load; publish END delete; ack 6");
	ck_assert_uint_eq(world.duplicates, 0);
	/* Once more: nothing is left to publish. */
	fake_step_finished(&world, "u", "scan", OUTCOME_DELETE, 6, true);
	fake_answer_all(&world);
	fake_expect(&world, "ack 6");
	ck_assert_uint_eq(world.duplicates, 0);
}
END_TEST

/* The instance that began the upload may have been restarted before it wrote the record: only the event shows the
 * upload. */
START_TEST(begun_by_another_instance)
{
	struct status status = queued;
	status.begun = 5;
	status.stream = FAKE_STREAM;
	store("u", "there", status);
	world.living = "there";
	fake_begin(&world, "u", 5, true);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; postpone 5");
	/* It has died: the instance that claims its uploads finds the record. */
	world.living = NULL;
	fake_begin(&world, "u", 5, true);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; ack 5");
}
END_TEST

START_TEST(another_writer_wins)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_expect(&world, "put; ack 1; run scan; put");
	/* Meanwhile another instance has begun the upload again. */
	struct status status = {
		.phase = PHASE_QUEUED, .due = world.now + MINUTE, .transition = 9, .begun = 2, .stream = FAKE_STREAM};
	struct record record = fake_make_record("u", "there", &status);
	fake_store(&world, &record);
	record_clear(&record);
	fake_answer_all(&world);
	fake_expect(&world, "load"); /* the verdict is about a pass that is over */
	ck_assert_uint_eq(stored("u").transition, 9);
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
}
END_TEST

START_TEST(verdict_with_a_result_is_decided_again)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	/* The record was written again without a change. */
	struct record record;
	ck_assert(fake_record(&world, "u", &record));
	fake_store(&world, &record);
	record_clear(&record);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; run scan; put; load; put; publish RESULT delete; publish END delete");
	ck_assert(fake_record(&world, "u", &record));
	ck_assert_str_eq(record.result, "{\"Infected\":true}");
	record_clear(&record);
}
END_TEST

START_TEST(resume_by_step)
{
	run_to_end("done", 1);
	fake_begin(&world, "queued", 2, false);
	fake_answer_all(&world);
	fake_begin(&world, "waits", 3, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0); /* of `queued` */
	fake_answer_all(&world);
	fake_restart(&world, FAKE_OWNER);
	fake_resume(&world, "", "finished", 9);
	fake_expect(&world, "scan bucket");
	ck_assert_ptr_nonnull(world.scan);
	fake_find_all(&world, world.scan);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END continue; ack 9");
	fake_resume(&world, "", "scan", 10);
	fake_find_all(&world, world.scan);
	fake_answer_all(&world);
	/* The last process may have run the step of `queued`. */
	fake_expect(&world, "scan bucket; put; publish RETRY; run scan; ack 10; put; run scan");
	fake_resume(&world, "", "slow", 11);
	fake_find_all(&world, world.scan);
	fake_expect(&world, "scan bucket; ack 11");
	/* A scan that broke off may have missed some uploads: the event is redelivered. */
	fake_resume(&world, "", "slow", 12);
	coordinator_scanned(world.coordinator, world.scan, false, world.now);
	fake_expect(&world, "scan bucket; drop 12");
}
END_TEST

/* A wait that a step has asked for, however long, ends when somebody resumes the upload, and stays ended if the
 * instance dies. */
START_TEST(resume_of_what_waits)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + HOUR);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_pass(&world, MINUTE);
	fake_resume(&world, "u", "", 2);
	fake_answer(&world);
	fake_expect(&world, "put; ack 2; run scan");
	ck_assert_int_eq(world.run[0]->woken_at, world.now);
	ck_assert_int_eq(stored("u").due, world.now);
	fake_restart(&world, FAKE_OWNER);
	fake_pass(&world, SECOND);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; run scan");
	ck_assert_int_eq(world.run[0]->woken_at, world.now - SECOND);
	ck_assert_uint_eq(world.run[0]->attempt, 1);
}
END_TEST

/* The instance that takes the event runs the upload here, even if another instance looks after it. */
START_TEST(resume_of_what_another_instance_looks_after)
{
	static const struct status theirs[] = {
		{.phase = PHASE_WAITING, .due = TIME_LAST, .transition = 1},
		{.phase = PHASE_BACKOFF, .outcome = OUTCOME_RETRY, .failures = 1, .due = TIME_LAST, .transition = 1},
		{.phase = PHASE_QUEUED, .due = TIME_LAST, .transition = 1}};
	struct record record;
	world.living = "there";
	for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
		char id[8];
		snprintf(id, sizeof id, "u-%zu", i);
		store(id, "there", theirs[i]);
		fake_resume(&world, id, "", 2 + i);
		fake_answer_all(&world);
		ck_assert_uint_eq(world.runs, 1);
		ck_assert_str_eq(world.run[0]->upload->id, id);
		ck_assert(fake_record(&world, id, &record));
		ck_assert_str_eq(record.owner, FAKE_OWNER);
		/* It may have been run there. */
		ck_assert_int_eq(record.status.phase, PHASE_RUNNING);
		ck_assert_uint_eq(record.status.failures, theirs[i].failures);
		record_clear(&record);
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
		fake_answer_all(&world);
		ck_assert_int_eq(stored(id).phase, PHASE_CONFIRMING);
	}
}
END_TEST

/* When the event is redelivered, perhaps long after, nobody knows whether something was published for it. */
START_TEST(resume_of_an_unknown_one_comes_again)
{
	struct text message = {0};
	event_encode_resume(&message, "u", "", world.now);
	fake_deliver(&world, message.data, message.length, 5, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; publish RESTART; ack 5");
	fake_restart(&world, FAKE_OWNER);
	fake_pass(&world, HOUR);
	for (uint64_t sequence = 5; sequence < 7; sequence++) {
		fake_deliver(&world, message.data, message.length, sequence, true);
		fake_answer_all(&world);
		fake_expect(&world, sequence == 5 ? "load; look; ack 5" : "load; look; publish RESTART; ack 6");
	}
	text_free(&message);
}
END_TEST

/* An upload that is under way at a live instance is not taken away from it. An upload that waits there is run here,
 * as soon as possible. */
START_TEST(resume_of_all_that_others_look_after)
{
	static const enum phase phases[] = {PHASE_WAITING, PHASE_BACKOFF, PHASE_QUEUED, PHASE_RUNNING};
	static const char *const ids[] = {"waiting", "backoff", "queued", "running"};
	for (unsigned way = 0; way < 3; way++) {
		bool lives = way != 1, suspended = way == 2;
		fake_close(&world);
		fake_open(&world);
		world.living = lives ? "there" : NULL;
		if (suspended)
			coordinator_suspend(world.coordinator, 0, "no scanner", world.now);
		for (size_t i = 0; i < 4; i++)
			store(ids[i], "there", (struct status){.phase = phases[i], .due = world.now + HOUR, .transition = 1});
		fake_resume(&world, "", "scan", 2);
		fake_find_all(&world, world.scan);
		fake_answer_all(&world);
		for (size_t i = 0; i < 4; i++) {
			struct record record;
			ck_assert(fake_record(&world, ids[i], &record));
			bool taken = !lives || (!suspended && i < 2);
			ck_assert_msg((strcmp(record.owner, FAKE_OWNER) == 0) == taken, "way %u: %s is of %s", way, ids[i],
			              record.owner);
			record_clear(&record);
		}
		ck_assert_uint_eq(world.runs, suspended ? 0 : 2);
	}
}
END_TEST

START_TEST(many_events_for_one_upload)
{
	fake_begin(&world, "u", 1, false);
	fake_begin(&world, "u", 1, true);
	fake_resume(&world, "u", "", 5);
	fake_begin(&world, "u", 3, false);
	fake_ready(&world, "u", false, 2);
	fake_step_finished(&world, "u", "scan", OUTCOME_DELETE, 4, false);
	fake_expect(&world, "put; drop 1"); /* all wait for the first one, which is not loaded twice */
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 1);
	fake_answer_all(&world);
	fake_expect(&world, "ack 1; run scan; load; ack 5; put; cancel scan; ack 3; run scan; load; ack 2; load; ack 4");
	ck_assert_uint_eq(stored("u").begun, 3);
	for (uint64_t i = 0; i < 2000; i++)
		fake_begin(&world, "u", 10 + i, false);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").begun, 2009);
	text_clear(&world.words);
	while (world.runs > 1)
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
}
END_TEST

START_TEST(many_uploads)
{
	char id[32];
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(id, sizeof id, "u-%u", i);
		fake_begin(&world, id, i + 1, false);
		fake_answer_all(&world);
		fake_ready(&world, id, true, 10000 + i); /* the run is dropped */
		fake_answer_all(&world);
		fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	}
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
}
END_TEST

/* An event whose upload is under way: a write waits for its answer. */
START_TEST(event_during_a_write)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, 2, false); /* before the record says that it is awaited */
	fake_expect(&world, "put; ack 1; run scan; put");
	fake_answer_all(&world);
	fake_expect(&world, "publish START; put; ack 2; run slow");
}
END_TEST

/* Two instances take events from one consumer: neither may trust its memory of an upload that the other has changed. */
START_TEST(event_for_what_another_instance_has_moved)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer_all(&world);
	struct record record;
	ck_assert(fake_record(&world, "u", &record));
	record.status.step = 1;
	record.status.transition++;
	snprintf(record.owner, sizeof record.owner, "there");
	fake_store(&world, &record);
	record_clear(&record);
	text_clear(&world.words);
	fake_step_finished(&world, "u", "slow", OUTCOME_CONTINUE, 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; publish END continue; ack 2");
}
END_TEST

/* Our own results come back on the bus, and cost nothing. */
START_TEST(answers_of_our_own)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, 2, false);
	fake_expect(&world, "ack 2");
}
END_TEST

START_TEST(due_times)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + 10 * MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; run scan; put");
	fake_pass(&world, 10 * MINUTE - 1);
	fake_expect(&world, "");
	fake_pass(&world, 1);
	/* Another instance may have ended it meanwhile. */
	fake_expect(&world, "load");
	fake_answer(&world);
	fake_expect(&world, "run scan");
	ck_assert_int_eq(world.run[0]->woken_at, world.now);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish RETRY");
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; run scan");
	ck_assert_uint_eq(world.run[0]->attempt, 2);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_ABORT, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END abort");
	for (unsigned i = 0; i < 2; i++) {
		fake_pass(&world, HOUR);
		fake_answer_all(&world);
		fake_expect(&world, "put; publish END abort");
	}
	fake_pass(&world, HOUR);
	fake_answer_all(&world);
	fake_expect(&world, "put");
	ck_assert_int_eq(stored("u").phase, PHASE_UNCONFIRMED);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	fake_resume(&world, "u", "", 2);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; publish END abort; ack 2");
}
END_TEST

/* There may be many, of more instances than the peers can hold. */
START_TEST(kept_records_have_no_owner)
{
	store("u", "there", (struct status){.step = 2, .outcome = OUTCOME_ABORT, .phase = PHASE_ENDED, .transition = 3});
	store("v", "elsewhere",
	      (struct status){.step = 2, .outcome = OUTCOME_ABORT, .phase = PHASE_UNCONFIRMED, .transition = 3});
	fake_find_all(&world, NULL);
	fake_expect(&world, "");
	ck_assert_uint_eq(world.mentions, 0);
}
END_TEST

/* Unfinished events are given back, so that another instance gets them at once. */
START_TEST(abandoned)
{
	fake_begin(&world, "u", 1, false);
	fake_resume(&world, "u", "", 2);
	fake_begin(&world, "v", 3, false);
	fake_expect(&world, "put; put");
	coordinator_abandon(world.coordinator);
	ck_assert_uint_eq(world.words.length, sizeof "drop 1; drop 2; drop 3" - 1);
}
END_TEST

/* The same for the event that a sweep belongs to, even if its job waits behind an earlier one. */
START_TEST(abandoned_sweep)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_resume(&world, "", "scan", 2);
	fake_expect(&world, "put; ack 1; run scan; put; scan bucket");
	struct record record;
	ck_assert(fake_record(&world, "u", &record));
	coordinator_found(world.coordinator, &record, 1, world.scan, world.now);
	coordinator_scanned(world.coordinator, world.scan, true, world.now);
	coordinator_abandon(world.coordinator);
	fake_expect(&world, "drop 2");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {record_then_publish_then_acknowledgement,
	                              another_service_does_a_step,
	                              what_is_not_ours,
	                              ready_or_an_answer_before_anything,
	                              ready_before_the_end,
	                              an_event_that_is_unusable_ends_its_upload,
	                              an_event_that_is_unusable_stops_no_upload,
	                              an_id_that_no_record_can_have_is_refused,
	                              begun_again_after_the_end,
	                              announced_three_times,
	                              begun_again_for_a_reason,
	                              whether_it_was_asked_for_is_not_known,
	                              after_an_end_with_little_known,
	                              begun_twice,
	                              redelivered_after_a_crash,
	                              begun_by_another_instance,
	                              another_writer_wins,
	                              verdict_with_a_result_is_decided_again,
	                              resume_by_step,
	                              resume_of_what_waits,
	                              resume_of_what_another_instance_looks_after,
	                              resume_of_all_that_others_look_after,
	                              resume_of_an_unknown_one_comes_again,
	                              many_events_for_one_upload,
	                              many_uploads,
	                              event_during_a_write,
	                              event_for_what_another_instance_has_moved,
	                              answers_of_our_own,
	                              due_times,
	                              kept_records_have_no_owner,
	                              abandoned,
	                              abandoned_sweep};
	return coordinator_world_run("coordinator", tests, sizeof tests / sizeof tests[0]);
}
