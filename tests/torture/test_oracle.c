/* SPDX-License-Identifier: Apache-2.0
 * The judge of the attack: each promise is broken once, in a stream that the test writes, and must be detected. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/event.h"
#include "tests/torture/torture.h"

/* What is wrong with each upload. */
enum wrong {
	GOOD,
	LOST,
	ENDED_TWICE,
	SAID_TWICE,   /* its end, under one ID */
	SAID_AGAIN,   /* its end, published again when it was due */
	SAID_HASTILY, /* … and when it was not due */
	OTHER_OUTCOME,
	UNANSWERED,  /* it ends without the verdict of the remote step */
	UNASKED,     /* … and without its question */
	ASKED_AFTER, /* its end */
	OVERTAKEN,   /* the same, but it was decided before */
	EARLY,
	SILENT,
	ECHO, /* its request is in the stream twice under one ID */
	FORGOTTEN,
	WRONGS
};

static struct torture torture;

static void publish(const char *id, struct text *message)
{
	jsPubOptions options;
	jsPubOptions_Init(&options);
	options.MsgId = id;
	ck_assert(!message->failed);
	ck_assert_int_eq(js_Publish(NULL, torture.js, EVENT_TOPIC, message->data, (int)message->length, &options, NULL),
	                 NATS_OK);
	text_free(message);
}

/* The service publishes an event, decided by this transition. */
static void say(enum wrong upload, unsigned kind, unsigned begun, unsigned said, enum outcome outcome)
{
	struct text message = {0};
	char id[64];
	const struct status status = {
		.step = kind == PUBLISH_START ? 2 : 3, .outcome = outcome, .finished_outcome = outcome};
	snprintf(id, sizeof id, "u%u.%u.%u.%u", (unsigned)upload, begun, said, kind);
	event_encode(&message, kind, torture.load.offered[upload].upload, &status, NULL, 0, clock_now());
	publish(id, &message);
}

static void answer(enum wrong upload)
{
	struct text message = {0};
	char id[64];
	const struct status status = {.finished_step = 2, .finished_outcome = OUTCOME_CONTINUE};
	snprintf(id, sizeof id, RECORDER_TEST_ID "%u", (unsigned)upload);
	event_encode(&message, PUBLISH_STEP_FINISHED, torture.load.offered[upload].upload, &status, NULL, 0, clock_now());
	publish(id, &message);
}

/* A record passes in which this end is decided at this time. */
static void decide(enum wrong upload, unsigned said, nanos when)
{
	struct text value = {0};
	struct stand stand;
	size_t index;
	struct record record = {
		.upload = torture.load.offered[upload].upload,
		.status = {.step = 3,
	               .phase = PHASE_CONFIRMING,
	               .outcome = OUTCOME_CONTINUE,
	               .transition = said,
	               .publish = PUBLISH_FINISHED,
	               .published = said,
	               .published_at = when,
	               .due = when},
	};
	record_encode(&value, &record);
	ck_assert(!value.failed);
	proxy_take(torture.proxy, 0);
	ledger_passes(torture.ledger, value.data, value.length, 0, 0, &index, &stand);
	if (upload == FORGOTTEN) {
		stand.revision = 1;
		ledger_stored(torture.ledger, index, &stand);
	}
	proxy_give_back(torture.proxy);
	text_free(&value);
}

static bool has_passed(void *closure)
{
	return clock_monotonic() >= *(nanos *)closure;
}

static void pass(nanos time)
{
	nanos until = clock_monotonic() + time;
	ck_assert(wait_until(has_passed, &until, TEST_LIMIT));
}

/* The events that all uploads have, except what is omitted. */
static void make_beginnings(void)
{
	for (enum wrong upload = 0; upload < WRONGS; upload++)
		if (upload != SILENT && upload != LOST)
			say(upload, PUBLISH_STEP_FINISHED, 1, 1, OUTCOME_CONTINUE);
	say(EARLY, PUBLISH_START, 1, 3, OUTCOME_NONE);
	pass(TORTURE_DELAY + 100 * MILLISECOND);
	for (enum wrong upload = 0; upload < WRONGS; upload++) {
		if (upload == LOST || upload == FORGOTTEN)
			continue;
		if (upload != UNASKED && upload != EARLY && upload != SILENT)
			say(upload, PUBLISH_START, 1, 3, OUTCOME_NONE);
		if (upload != UNANSWERED)
			answer(upload);
		say(upload, PUBLISH_FINISHED, 1, 4, upload == OTHER_OUTCOME ? OUTCOME_ABORT : OUTCOME_CONTINUE);
	}
}

static void make_ends(void)
{
	nanos now = clock_now();
	for (enum wrong upload = 0; upload < WRONGS; upload++)
		decide(upload, 4, now);
	decide(SAID_AGAIN, 5, now + MINUTE);
	decide(SAID_HASTILY, 5, now + MINUTE - SECOND);
	say(SAID_AGAIN, PUBLISH_FINISHED, 1, 5, OUTCOME_CONTINUE);
	say(SAID_HASTILY, PUBLISH_FINISHED, 1, 5, OUTCOME_CONTINUE);
	say(ENDED_TWICE, PUBLISH_FINISHED, 2, 4, OUTCOME_CONTINUE);
	say(ASKED_AFTER, PUBLISH_START, 1, 6, OUTCOME_NONE);
	say(OVERTAKEN, PUBLISH_START, 1, 2, OUTCOME_NONE);
	pass(500 * MILLISECOND); /* the stream remembers IDs for a shorter time */
	say(SAID_TWICE, PUBLISH_FINISHED, 1, 4, OUTCOME_CONTINUE);
	say(ECHO, PUBLISH_START, 1, 3, OUTCOME_NONE);
}

static void begin(void)
{
	jsStreamConfig stream;
	jsConsumerConfig consumer;
	kvConfig config;
	kvStore *bucket = NULL;
	scenario_open(&torture.scenario, NULL);
	torture.options = (struct torture_options){.seed = 1, .duration = SECOND, .uploads = WRONGS};
	torture.js = torture.scenario.js;
	jsStreamConfig_Init(&stream);
	stream.Name = EVENT_TOPIC;
	stream.Duplicates = 100 * MILLISECOND;
	ck_assert_int_eq(js_AddStream(NULL, torture.js, &stream, NULL, NULL), NATS_OK);
	jsConsumerConfig_Init(&consumer);
	consumer.Durable = "postprocessing-pull";
	consumer.DeliverPolicy = js_DeliverNew;
	consumer.AckPolicy = js_AckExplicit;
	ck_assert_int_eq(js_AddConsumer(NULL, torture.js, EVENT_TOPIC, &consumer, NULL, NULL), NATS_OK);
	kvConfig_Init(&config);
	config.Bucket = "postprocessing";
	ck_assert_int_eq(js_CreateKeyValue(&bucket, torture.js, &config), NATS_OK);
	kvStore_Destroy(bucket);
	torture.ledger = ledger_create(WRONGS);
	torture.proxy = proxy_create(PROXY_LOOPBACK, &torture.scenario.nats.port, 1, torture.ledger, 1);
	load_begin(&torture);
	for (enum wrong upload = 0; upload < WRONGS; upload++) {
		torture.load.offered[upload].infected = false;
		torture.load.offered[upload].outcome = OUTCOME_CONTINUE;
	}
}

START_TEST(each_broken_promise_is_found)
{
	struct verdict verdict = {0};
	begin();
	make_beginnings();
	make_ends();
	oracle_judge(&torture, &verdict, stdout);
	ck_assert_uint_eq(verdict.lost, 1);
	ck_assert_uint_eq(verdict.twice, 1);
	ck_assert_uint_eq(verdict.doubles, 1);
	ck_assert_uint_eq(verdict.repeats, 1);
	ck_assert_uint_eq(verdict.hasty, 1);
	ck_assert_uint_eq(verdict.overtaken, 2); /* so is the request that is published twice */
	ck_assert_uint_eq(verdict.silent, 1);
	ck_assert_uint_eq(verdict.early, 1);
	ck_assert_uint_eq(verdict.echoes, 2); /* the end that is published twice is one as well */
	ck_assert_uint_eq(verdict.wrong, 5);  /* another outcome, unanswered, unasked, asked after the end, silent */
	ck_assert_uint_eq(verdict.forgotten, 1);
	ck_assert_uint_eq(verdict.forgotten_lost, 1);
	ck_assert(!verdict_is_good(&verdict));
	load_end(&torture.load);
	proxy_destroy(torture.proxy);
	ledger_free(torture.ledger);
	scenario_close(&torture.scenario);
}
END_TEST

/* Each of them alone is enough. */
START_TEST(one_is_enough)
{
	struct verdict good = {.once = 1, .repeats = 1, .overtaken = 1, .waits = 1};
	ck_assert(verdict_is_good(&good));
	good.forgotten = 1;
	ck_assert(!verdict_is_good(&good));
	good.forgetful = true;
	ck_assert(verdict_is_good(&good));
	size_t *const bad[] = {&good.lost,   &good.twice,   &good.doubles,        &good.hasty,
	                       &good.echoes, &good.wrong,   &good.early,          &good.early_waits,
	                       &good.silent, &good.records, &good.unacknowledged, &good.undelivered};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		*bad[i] = 1;
		ck_assert(!verdict_is_good(&good));
		*bad[i] = 0;
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {each_broken_promise_is_found, one_is_enough};
	return scenario_run("oracle", tests, sizeof tests / sizeof tests[0]);
}
