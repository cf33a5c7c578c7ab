/* SPDX-License-Identifier: Apache-2.0
 * What a gap is, how it is noted, and when a consumer has one before it. */
#include "core/jetstream/gap.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "core/jetstream/intake_private.h"
#include "tests/harness/suite.h"

#define MADE 1795374249439047919

static void check_text(const struct gap *gap, const char *wanted)
{
	char text[GAP_TEXT_SIZE];
	struct gap read;
	gap_write(gap, text);
	ck_assert_str_eq(text, wanted);
	ck_assert(gap_read(&read, text));
	ck_assert(gap_equals(gap, &read));
}

START_TEST(grows_and_is_read)
{
	struct gap gap = {0};
	ck_assert_uint_eq(gap_end(&gap), 0);
	ck_assert(!gap_has(&gap, 1));
	check_text(&gap, "before 0:");
	gap_add(&gap, 12);
	check_text(&gap, "before 0: 12-");
	ck_assert(gap_end(&gap) == GAP_WITHOUT_END && gap_has(&gap, 12) && gap_has(&gap, 1u << 30) && !gap_has(&gap, 11));
	gap_close(&gap, 500, MADE);
	check_text(&gap, "before 1795374249439047919: 12-500");
	ck_assert(gap_has(&gap, 500) && !gap_has(&gap, 501));
	/* The consumer behind it had advanced to 811 when it was lost. */
	gap_add(&gap, 812);
	check_text(&gap, "before 1795374249439047919: 12-500 812-");
	gap_close(&gap, 900, MADE + 1);
	check_text(&gap, "before 1795374249439047920: 12-500 812-900");
	ck_assert(!gap_has(&gap, 700) && gap_has(&gap, 812) && gap_has(&gap, 900));
	gap_skip(&gap, 100);
	check_text(&gap, "before 1795374249439047920: 101-500 812-900");
	gap_skip(&gap, 600);
	check_text(&gap, "before 1795374249439047920: 812-900");
	gap_skip(&gap, 900);
	ck_assert_uint_eq(gap.count, 0);
}
END_TEST

START_TEST(what_touches_is_one)
{
	struct gap gap = {0};
	gap_add(&gap, 12);
	gap_add(&gap, 20); /* it contains that already */
	check_text(&gap, "before 0: 12-");
	gap_close(&gap, 500, MADE);
	gap_add(&gap, 501);
	check_text(&gap, "before 1795374249439047919: 12-");
	gap_close(&gap, 600, MADE);
	gap_add(&gap, 300); /* it is unknown what was handled of it */
	gap_close(&gap, 700, MADE);
	check_text(&gap, "before 1795374249439047919: 12-700");
	gap_add(&gap, 5);
	gap_close(&gap, 800, MADE);
	check_text(&gap, "before 1795374249439047919: 5-800");
}
END_TEST

START_TEST(nothing_stood_before)
{
	struct gap gap = {0};
	gap_add(&gap, 1);
	gap_close(&gap, 0, MADE);
	ck_assert_uint_eq(gap.count, 0);
	gap_add(&gap, 10);
	gap_close(&gap, 20, MADE);
	gap_add(&gap, 30);
	gap_close(&gap, 25, MADE); /* the stream has lost its end */
	check_text(&gap, "before 1795374249439047919: 10-20");
	gap_close(&gap, 15, MADE);
	check_text(&gap, "before 1795374249439047919: 10-15");
}
END_TEST

/* However gaps are joined, nothing that was lost is left out. */
START_TEST(losses_without_end)
{
	struct gap gap = {0};
	char text[GAP_TEXT_SIZE];
	for (uint64_t loss = 1; loss <= 100; loss++) {
		gap_add(&gap, UINT64_MAX / 1000 * loss);
		gap_close(&gap, UINT64_MAX / 1000 * loss + 1000, INT64_MAX);
	}
	ck_assert_uint_eq(gap.count, GAP_RANGES);
	for (uint64_t loss = 1; loss <= 100; loss++)
		ck_assert(gap_has(&gap, UINT64_MAX / 1000 * loss) && gap_has(&gap, UINT64_MAX / 1000 * loss + 1000));
	gap_write(&gap, text);
	ck_assert_uint_lt(strlen(text), GAP_TEXT_SIZE - 1);
	struct gap read;
	ck_assert(gap_read(&read, text) && gap_equals(&gap, &read));
}
END_TEST

START_TEST(invalid_notes_are_refused)
{
	static const char *const texts[] = {"",
	                                    "before",
	                                    "before 5",
	                                    "before x: 1-2",
	                                    "before 5:1-2",
	                                    "before 5: 1-2 ",
	                                    "before 5: 1",
	                                    "before 5: -2",
	                                    "before 5: 2-1",
	                                    "before 5: 0-1",
	                                    "before 5: 1-5 5-9",
	                                    "before 5: 1- 7-9",
	                                    "before 5: 1-2 x",
	                                    "before 5: 1-2,5-9",
	                                    "before 5: 1-2 4-5 7-8 10-11 13-14 16-17 19-20 22-23 25-26"};
	struct gap gap;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		ck_assert_msg(!gap_read(&gap, texts[i]), "\"%s\" is accepted", texts[i]);
}
END_TEST

/* A consumer that we have created at E = 50, with acknowledgements up to 100 seen, after 49 deliveries. */
static const struct checkpoint known = {.stream = 1, .sequence = 100, .made = MADE, .floor = 100, .count = 49};
static const struct stand well = {.made = MADE,
                                  .ours = true,
                                  .begins_new = true,
                                  .delivered = 105,
                                  .deliveries = 55,
                                  .floor = 100,
                                  .acknowledged = 49};

static bool is_forgotten(struct stand stand, struct checkpoint position)
{
	position.looked = clock_now() - MINUTE;
	return stand_has_forgotten(&stand, &position);
}

START_TEST(a_consumer_that_goes_on)
{
	struct stand stand = well;
	ck_assert(!is_forgotten(stand, known));
	stand.floor = 104, stand.acknowledged = 53;
	ck_assert(!is_forgotten(stand, known));
	/* The broker has a file that is slightly old: some messages are redelivered. */
	stand.floor = 90, stand.acknowledged = 39;
	ck_assert(!is_forgotten(stand, known));
	/* Nothing is known of it. */
	stand.floor = stand.acknowledged = 0;
	ck_assert(!is_forgotten(stand, (struct checkpoint){.stream = 1}));
	/* Created, and no event has come since. */
	struct stand fresh = {.made = MADE, .ours = true, .begins_new = true, .delivered = 50};
	ck_assert(!is_forgotten(fresh, (struct checkpoint){.stream = 1, .sequence = 50, .made = MADE, .floor = 50}));
	fresh.delivered = 52, fresh.deliveries = 2;
	ck_assert(!is_forgotten(fresh, (struct checkpoint){.stream = 1, .sequence = 50, .made = MADE, .floor = 50}));
}
END_TEST

START_TEST(a_consumer_that_has_forgotten)
{
	struct stand stand = well;
	/* It begins at the stream's end; some brokers report that as acknowledged. */
	stand.delivered = 120, stand.deliveries = 0, stand.floor = 0, stand.acknowledged = 0;
	ck_assert(is_forgotten(stand, known));
	stand.floor = 120;
	ck_assert(is_forgotten(stand, known));
	/* Before anything was acknowledged. */
	ck_assert(is_forgotten(stand, (struct checkpoint){.stream = 1, .sequence = 50, .made = MADE, .floor = 50}));
	/* Other instances have continued with it. */
	stand.delivered = 125, stand.deliveries = 5, stand.floor = 123, stand.acknowledged = 3;
	ck_assert(is_forgotten(stand, known));
	/* Our knowledge is old: other instances have handled it. */
	struct checkpoint old = known;
	old.looked = clock_now() - HOUR;
	ck_assert(!stand_has_forgotten(&stand, &old));
}
END_TEST

/* Its creation time is a little later once nats-server (2.9, 2.10) has been restarted. */
START_TEST(a_consumer_that_has_forgotten_in_a_restart)
{
	struct stand stand = well;
	stand.made += 200000;
	ck_assert(!is_forgotten(stand, known));
	/* It would deliver everything again. */
	stand.delivered = stand.deliveries = stand.floor = stand.acknowledged = 0;
	ck_assert(is_forgotten(stand, known));
	/* This one is another, and the instance that created it knows where it began. */
	stand.made = known.made + MINUTE;
	ck_assert(!is_forgotten(stand, known));
	stand.made = known.made - 200000;
	ck_assert(!is_forgotten(stand, known));
}
END_TEST

START_TEST(a_consumer_that_is_another)
{
	struct stand stand = {.made = MADE + MINUTE, .ours = true, .begins_new = true, .delivered = 120};
	/* The instance that created it handled the gap. */
	ck_assert(!is_forgotten(stand, known));
	stand.ours = false;
	ck_assert(is_forgotten(stand, known));
	ck_assert(is_forgotten(stand, (struct checkpoint){.stream = 1, .made = MADE, .gap_end = 50, .floor = 50}));
	/* Whoever uses it need not know of the gap. */
	stand.acknowledged = 1, stand.floor = 121, stand.delivered = 121, stand.deliveries = 1;
	ck_assert(is_forgotten(stand, known));
	/* No consumer was seen before, … */
	ck_assert(!is_forgotten(stand, (struct checkpoint){.stream = 1, .sequence = 100}));
	/* … or that was so long ago that others have handled the gap, … */
	struct checkpoint old = known;
	old.looked = clock_now() - HOUR;
	ck_assert(!stand_has_forgotten(&stand, &old));
	/* … or it is the same, with the later time that it has since a restart of the broker. */
	stand.made = MADE + 200000;
	ck_assert(is_forgotten(stand, known));
	stand.acknowledged = known.count, stand.floor = 149, stand.deliveries = known.count;
	ck_assert(!is_forgotten(stand, known));
	/* An earlier version of the service created it behind the applied events, … */
	struct stand former = {.made = MADE + MINUTE, .formerly_ours = true, .start = 95, .delivered = 94};
	ck_assert(!is_forgotten(former, known));
	/* … or it had done so, and the consumer now delivers events that were handled long ago. Nothing more is known of
	 * a position that such a version wrote. */
	struct checkpoint formerly = {.stream = 1, .sequence = 100};
	former.start = 5, former.delivered = 4;
	ck_assert(is_forgotten(former, formerly));
	former.start = 101, former.delivered = 100;
	ck_assert(!is_forgotten(former, formerly));
	/* A consumer that delivers everything. */
	ck_assert(is_forgotten((struct stand){.made = MADE + MINUTE}, known));
}
END_TEST

START_TEST(what_is_known_of_a_consumer)
{
	struct stand fresh = {.made = MADE + MINUTE, .delivered = 120},
				 used = {.made = MADE, .delivered = 120, .deliveries = 3};
	struct checkpoint seen = stand_to_checkpoint(&fresh, &known, 119);
	ck_assert(seen.made == MADE + MINUTE && seen.floor == 120 && seen.count == 0 && seen.gap_end == 119);
	/* Some events were delivered, and none is acknowledged yet: it is still at its start. */
	ck_assert_uint_eq(stand_to_checkpoint(&used, &known, 0).floor, 100);
	used.made++;
	ck_assert_uint_eq(stand_to_checkpoint(&used, &known, 118).floor, 118);
	ck_assert_uint_eq(stand_to_checkpoint(&used, &known, 0).floor, 0);
}
END_TEST

/* A consumer as in an answer of the broker. */
static bool read_answer(struct stand *stand, const char *answer, char description[GAP_TEXT_SIZE])
{
	natsMsg *message = NULL;
	ck_assert_int_eq(natsMsg_Create(&message, "reply", NULL, answer, (int)strlen(answer)), NATS_OK);
	struct request request = {.reply = message};
	bool good = stand_read_answer(stand, &request, description, GAP_TEXT_SIZE);
	ck_assert_ptr_null(request.reply);
	return good;
}

#define ANSWER(description, policy, floor) \
	"{\"type\":\"io.nats.jetstream.api.v1.consumer_info_response\",\"stream_name\":\"main-queue\",\"name\":\"c\"," \
	"\"created\":\"2026-11-22T19:04:09.439047919Z\",\"config\":{\"durable_name\":\"c\",\"description\":\"" description \
	"\",\"deliver_policy\":\"" policy "\",\"opt_start_seq\":7,\"ack_wait\":30000000000,\"max_ack_pending\":20000}," \
	"\"delivered\":{\"consumer_seq\":5,\"stream_seq\":12,\"last_active\":\"2026-11-22T19:05:00Z\"}," \
	"\"ack_floor\":{\"consumer_seq\":4,\"stream_seq\":" floor \
	"},\"num_ack_pending\":1,\"num_redelivered\":0,\"num_pending\":3}"

START_TEST(what_the_broker_answers)
{
	char description[GAP_TEXT_SIZE], answer[2048], words[1000];
	struct stand stand;
	ck_assert_int_eq(nats_Open(-1), NATS_OK);
	ck_assert(read_answer(&stand, ANSWER("postprocessing", "new", "11"), description));
	ck_assert_str_eq(description, "postprocessing");
	ck_assert(stand.ours && stand.begins_new && !stand.formerly_ours);
	ck_assert_int_eq(stand.made, MADE);
	ck_assert(stand.start == 7 && stand.delivered == 12 && stand.deliveries == 5 && stand.floor == 11 &&
	          stand.acknowledged == 4);
	ck_assert(stand.pending == 3 && stand.unacknowledged == 1);
	ck_assert(read_answer(&stand, ANSWER("", "by_start_sequence", "11"), description));
	ck_assert(!stand.ours && !stand.begins_new && stand.formerly_ours);
	/* A description that somebody else wrote may be long. */
	memset(words, 'x', sizeof words - 1);
	words[sizeof words - 1] = '\0';
	snprintf(answer, sizeof answer,
	         "{\"created\":\"2026-11-22T19:04:09Z\",\"config\":{\"ack_wait\":30000000000,\"max_ack_pending\":20000,"
	         "\"description\":\"%s\"}}",
	         words);
	ck_assert(read_answer(&stand, answer, description));
	ck_assert(!stand.ours && !stand.formerly_ours && stand.made != 0);
	/* A number that is too large, of another type, or truncated. */
	ck_assert(!read_answer(&stand, ANSWER("postprocessing", "new", "18446744073709551615"), description));
	ck_assert(!read_answer(&stand, ANSWER("postprocessing", "new", "\"11\""), description));
	ck_assert(!read_answer(&stand, "{\"created\":\"2026-11-22T19:04:09Z\",", description));
	ck_assert(!read_answer(&stand, "{\"error\":{}}", description));
	nats_Close();
}
END_TEST

START_TEST(when_a_gap_is_read)
{
	struct gap gap = {.before = MADE, .count = 2, .range = {{12, 500}, {812, 900}}};
	struct stand stand = {.start = 12, .delivered = 11};
	ck_assert(!stand_is_behind_gap(&stand, &gap, true));
	stand.delivered = 950, stand.deliveries = 939, stand.floor = 899, stand.acknowledged = 888,
	stand.unacknowledged = 51;
	ck_assert(!stand_is_behind_gap(&stand, &gap, true));
	stand.floor = 900, stand.acknowledged = 889, stand.unacknowledged = 50;
	ck_assert(stand_is_behind_gap(&stand, &gap, false));
	/* Its floor has stayed behind, and all outstanding messages are from beyond the end; if messages are missing
	 * there, nobody knows. */
	stand.floor = 49, stand.acknowledged = 1;
	ck_assert(stand_is_behind_gap(&stand, &gap, true));
	ck_assert(!stand_is_behind_gap(&stand, &gap, false));
	stand.unacknowledged = 51;
	ck_assert(!stand_is_behind_gap(&stand, &gap, true));
	stand.unacknowledged = 0;
	ck_assert(stand_is_behind_gap(&stand, &gap, false));
	/* The stream was purged. */
	stand = (struct stand){.start = 12, .delivered = 950};
	ck_assert(stand_is_behind_gap(&stand, &gap, false));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {grows_and_is_read,
	                              what_touches_is_one,
	                              nothing_stood_before,
	                              losses_without_end,
	                              invalid_notes_are_refused,
	                              a_consumer_that_goes_on,
	                              a_consumer_that_has_forgotten,
	                              a_consumer_that_has_forgotten_in_a_restart,
	                              a_consumer_that_is_another,
	                              what_is_known_of_a_consumer,
	                              what_the_broker_answers,
	                              when_a_gap_is_read};
	return suite_run("gap", tests, sizeof tests / sizeof tests[0], 10);
}
