/* SPDX-License-Identifier: Apache-2.0
 * Events that were in the stream before our consumer was created; and the other implementation's service, which
 * creates or updates stream and consumer at each start. Either service can start first, and each event is handled
 * once. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/jetstream/gap.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

#define STREAM "main-queue"
#define CONSUMER "postprocessing-pull"
#define READER CONSUMER "-gap"
/* The time after which events are redelivered that died with an instance, or that the test took. */
#define REDELIVERY (4 * SECOND)
/* The reader is kept for a while, so that all instances learn that it has finished. */
#define READER_LIMIT (TEST_LIMIT)

static void open_with_stream(const struct scenario_options *options)
{
	jsStreamConfig stream;
	scenario_open(&scenario, options);
	jsStreamConfig_Init(&stream);
	stream.Name = STREAM;
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
}

static void start(void)
{
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
}

static void say(const char *kind, unsigned number)
{
	char id[32];
	snprintf(id, sizeof id, "%s-%u", kind, number);
	storage_bytes_received(&scenario, id, "/none", 3);
}

static void say_all(const char *kind, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		say(kind, i);
}

static size_t count_finished(void)
{
	recorder_update(&scenario.recorder);
	return recorder_count(&scenario.recorder, "PostprocessingFinished", NULL);
}

/* That many uploads have ended, each once. */
static void check_once(const char *kind, unsigned count)
{
	char id[32];
	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof id, "%s-%u", kind, i);
		recorder_await(&scenario.recorder, "PostprocessingFinished", id, 0);
	}
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof id, "%s-%u", kind, i);
		ck_assert_msg(recorder_count(&scenario.recorder, NULL, id) == 1, "%s: %zu events", id,
		              recorder_count(&scenario.recorder, NULL, id));
	}
}

static bool is_removed(void *closure)
{
	(void)closure;
	jsConsumerInfo *info = NULL;
	natsStatus status = js_GetConsumerInfo(&info, scenario.js, STREAM, READER, NULL, NULL);
	jsConsumerInfo_Destroy(info);
	return status == NATS_NOT_FOUND;
}

static void await_reader_removed(void)
{
	ck_assert_msg(wait_until(is_removed, NULL, READER_LIMIT), "the gap's reader was not removed");
}

/* A request as a client library sends it. Returns the error_code of the answer; 0: it was granted. */
static int request(const char *subject, const char *text)
{
	natsMsg *reply = NULL;
	ck_assert_int_eq(natsConnection_RequestString(&reply, scenario.connection, subject, text, 5000), NATS_OK);
	json_t *answer = json_loadb(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), 0, NULL);
	ck_assert_ptr_nonnull(answer);
	int code = (int)json_integer_value(json_object_get(json_object_get(answer, "error"), "err_code"));
	json_decref(answer);
	natsMsg_Destroy(reply);
	return code;
}

#define THEIR_STREAM \
	"{\"name\":\"main-queue\",\"retention\":\"limits\",\"max_consumers\":0,\"max_msgs\":0,\"max_bytes\":0,\"discard\":\"old\"," \
	"\"max_age\":604800000000000,\"storage\":\"file\",\"num_replicas\":0,\"duplicate_window\":120000000000}"
#define THEIR_CONSUMER \
	"{\"stream_name\":\"main-queue\",\"config\":{\"durable_name\":\"postprocessing-pull\",\"deliver_policy\":\"new\",\"ack_policy\":" \
	"\"explicit\",\"ack_wait\":60000000000,\"replay_policy\":\"instant\",\"max_ack_pending\":10000,\"num_replicas\":0},\"action\":\"\"}"
#define STREAM_NOT_FOUND 10059
#define CONSUMER_NOT_MADE 10012

/* Everything that OpenCloud's services do to stream and consumer when they start. Returns the error_code of the
 * consumer's request. */
static int their_start(bool durable_subject)
{
	int code = request("$JS.API.STREAM.UPDATE." STREAM, THEIR_STREAM);
	if (code == STREAM_NOT_FOUND)
		code = request("$JS.API.STREAM.CREATE." STREAM, THEIR_STREAM);
	ck_assert_int_eq(code, 0);
	return request(durable_subject ? "$JS.API.CONSUMER.DURABLE.CREATE." STREAM "." CONSUMER
	                               : "$JS.API.CONSUMER.CREATE." STREAM "." CONSUMER,
	               THEIR_CONSUMER);
}

static int64_t made(void)
{
	jsConsumerInfo *info = NULL;
	ck_assert_int_eq(js_GetConsumerInfo(&info, scenario.js, STREAM, CONSUMER, NULL, NULL), NATS_OK);
	int64_t created = info->Created;
	ck_assert_int_eq(info->Config->DeliverPolicy, js_DeliverNew);
	jsConsumerInfo_Destroy(info);
	return created;
}

/* At a broker that was empty before. */
START_TEST(they_start_after_us)
{
	scenario_begin(&scenario, NULL, false);
	/* There was nothing to read, and no trace of the gap is left. */
	ck_assert(is_removed(NULL));
	int64_t created = made();
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(their_start(i % 2 == 1), 0);
		say("new", (unsigned)i);
	}
	check_once("new", 4);
	ck_assert_int_eq(made(), created);
	/* They replaced what we had written there. We start again and find our note in it. */
	scenario_stop_service(&scenario);
	ck_assert_int_eq(their_start(false), 0);
	say("new", 4);
	start();
	check_once("new", 5);
	ck_assert_int_eq(made(), created);
	ck_assert(is_removed(NULL));
	ck_assert_uint_eq(scenario_log_count(&scenario, "created"), 3); /* stream, bucket, consumer */
	scenario_close(&scenario);
}
END_TEST

START_TEST(they_start_before_us)
{
	scenario_open(&scenario, NULL);
	ck_assert_int_eq(their_start(false), 0);
	ck_assert_int_eq(their_start(true), 0);
	int64_t created = made();
	say_all("new", 3);
	start();
	check_once("new", 3);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(their_start(i == 1), 0);
	say("new", 3);
	check_once("new", 4);
	ck_assert_int_eq(made(), created);
	ck_assert(is_removed(NULL));
	scenario_close(&scenario);
}
END_TEST

/* The next message of a consumer, which is not acknowledged. */
static natsMsg *take(const char *consumer)
{
	char subject[128];
	natsMsg *message = NULL;
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT." STREAM ".%s", consumer);
	ck_assert_int_eq(natsConnection_RequestString(&message, scenario.connection, subject, "", 5000), NATS_OK);
	ck_assert_str_eq(natsMsg_GetSubject(message), STREAM);
	return message;
}

/* The consumer is deleted, and they create it again before we notice: it does not bring the events stored in
 * between. */
static void replace_consumer(void)
{
	scenario_begin(&scenario, NULL, false);
	say_all("first", 20);
	check_once("first", 20);
	ck_assert(process_signal(&scenario.service, SIGSTOP));
	ck_assert_int_eq(js_DeleteConsumer(scenario.js, STREAM, CONSUMER, NULL, NULL), NATS_OK);
	say_all("between", 20);
	ck_assert_int_eq(their_start(false), 0);
	say_all("after", 20);
}

static void check_replaced(void)
{
	int64_t created = made();
	ck_assert(process_signal(&scenario.service, SIGCONT));
	check_once("between", 20);
	check_once("after", 20);
	check_once("first", 20);
	ck_assert_int_eq(made(), created);
	scenario_await_log(&scenario, "consumer " CONSUMER ": another program has created it again");
	await_reader_removed();
	scenario_close(&scenario);
}

START_TEST(they_make_it_again)
{
	replace_consumer();
	check_replaced();
}
END_TEST

/* Somebody has used it before we notice. */
START_TEST(they_make_it_again_and_use_it)
{
	natsMsg *noted = NULL;
	replace_consumer();
	natsMsg *message = take(CONSUMER);
	ck_assert_int_eq(natsConnection_RequestString(&noted, scenario.connection, natsMsg_GetReply(message), "+ACK", 5000),
	                 NATS_OK);
	natsMsg_Destroy(message);
	natsMsg_Destroy(noted);
	check_replaced();
}
END_TEST

/* Older events are read beside new ones, each once. */
START_TEST(what_stood_there)
{
	open_with_stream(NULL);
	say_all("before", 300);
	start();
	say_all("after", 100);
	ck_assert_int_eq(their_start(false), 0);
	check_once("before", 300);
	check_once("after", 100);
	await_reader_removed();
	ck_assert_int_eq(their_start(false), 0);
	scenario_await_log(&scenario, "events from 1 to 300, which it does not deliver, are read separately");
	scenario_await_log(&scenario, "the events up to 300, which it did not deliver, have been read");
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_gap_events"), 0);
	scenario_close(&scenario);
}
END_TEST

/* What an instance that dies leaves: a reader with this gap, for which pulled messages are redelivered soon. */
static void leave_reader(const char *note, uint64_t start_sequence)
{
	jsConsumerConfig config;
	jsConsumerConfig_Init(&config);
	config.Durable = READER;
	config.Description = note;
	config.AckPolicy = js_AckExplicit;
	config.AckWait = REDELIVERY;
	config.DeliverPolicy = js_DeliverByStartSequence;
	config.OptStartSeq = start_sequence;
	ck_assert_int_eq(js_AddConsumer(NULL, scenario.js, STREAM, &config, NULL, NULL), NATS_OK);
}

static void leave_consumer(const char *description)
{
	jsConsumerConfig config;
	jsConsumerConfig_Init(&config);
	config.Durable = CONSUMER;
	config.Description = description;
	config.AckPolicy = js_AckExplicit;
	config.AckWait = REDELIVERY;
	config.DeliverPolicy = js_DeliverNew;
	ck_assert_int_eq(js_AddConsumer(NULL, scenario.js, STREAM, &config, NULL, NULL), NATS_OK);
}

/* A client pulls a message and does not acknowledge it: the gap stays open until it is redelivered. */
static void take_from(const char *consumer)
{
	natsMsg_Destroy(take(consumer));
}

/* Died when there was a reader, and no consumer. */
START_TEST(died_before_the_consumer)
{
	open_with_stream(NULL);
	say_all("before", 20);
	leave_reader("before 0: 1-", 1);
	take_from(READER);
	say_all("between", 20);
	start();
	say_all("after", 20);
	check_once("before", 20);
	check_once("between", 20);
	check_once("after", 20);
	await_reader_removed();
	scenario_close(&scenario);
}
END_TEST

/* Died when the consumer had been created, and the gap's end was not noted. */
START_TEST(died_before_the_end_was_noted)
{
	open_with_stream(NULL);
	say_all("before", 20);
	leave_reader("before 0: 1-", 1);
	leave_consumer("postprocessing");
	say_all("after", 20);
	start();
	check_once("before", 20);
	check_once("after", 20);
	scenario_await_log(&scenario, "the events up to 20, which it did not deliver");
	await_reader_removed();
	scenario_close(&scenario);
}
END_TEST

/* Since then a service that knows nothing of gaps has created the consumer. */
START_TEST(belongs_to_another_consumer)
{
	open_with_stream(NULL);
	say_all("before", 20);
	leave_reader("before 1795374249439047919: 1-20", 1);
	say_all("between", 20);
	ck_assert_int_eq(their_start(false), 0);
	say_all("after", 20);
	start();
	check_once("before", 20);
	check_once("between", 20);
	check_once("after", 20);
	scenario_close(&scenario);
}
END_TEST

/* Another program has written something else there. */
START_TEST(note_that_cannot_be_read)
{
	open_with_stream(NULL);
	say_all("before", 20);
	leave_reader("what is this?", 1);
	say_all("between", 20);
	start();
	check_once("before", 20);
	check_once("between", 20);
	await_reader_removed();
	scenario_close(&scenario);
}
END_TEST

#define MANY 1500
#define LIVES 5

static bool is_under_way(void *closure)
{
	(void)closure;
	return scenario_metric(&scenario, "postprocessing_events_total") >= MANY / (2 * LIVES);
}

/* Killed again and again in the middle of it, while new uploads arrive. */
START_TEST(killed_while_reading)
{
	open_with_stream(&(struct scenario_options){.ini = "[postprocessing]\nmax_in_flight = 1\n"});
	say_all("before", MANY);
	leave_reader("before 0: 1-", 1);
	leave_consumer("postprocessing");
	for (unsigned i = 0; i < LIVES; i++) {
		start();
		say("after", i);
		ck_assert(wait_until(is_under_way, NULL, TEST_LIMIT));
		scenario_kill_service(&scenario);
	}
	ck_assert_uint_lt(count_finished(), MANY);
	start();
	check_once("before", MANY);
	check_once("after", LIVES);
	await_reader_removed();
	scenario_close(&scenario);
}
END_TEST

/* A gap that stays open for a while: a client holds `before-0`. */
static void open_gap(void)
{
	open_with_stream(NULL);
	say_all("before", 20);
	leave_reader("before 0: 1-", 1);
	leave_consumer("postprocessing");
	take_from(READER);
	start();
	say_all("after", 20);
}

static size_t gap_events(void)
{
	return scenario_metric(&scenario, "postprocessing_gap_events");
}

static bool is_made_again(void *closure)
{
	jsConsumerInfo *info = NULL;
	natsStatus status = js_GetConsumerInfo(&info, scenario.js, STREAM, CONSUMER, NULL, NULL);
	bool again = status == NATS_OK && info->Created != *(int64_t *)closure;
	jsConsumerInfo_Destroy(info);
	return again;
}

static void check_gap_is_open(void)
{
	jsConsumerInfo *info = NULL;
	ck_assert_int_eq(js_GetConsumerInfo(&info, scenario.js, STREAM, READER, NULL, NULL), NATS_OK);
	ck_assert_uint_eq(info->AckFloor.Stream, 0);
	jsConsumerInfo_Destroy(info);
}

/* The consumer has to be created once more while the gap is open: there is a second gap behind the first one, and
 * nothing between them is redelivered. */
START_TEST(lost_while_the_gap_is_open)
{
	open_gap();
	recorder_await(&scenario.recorder, "PostprocessingFinished", "after-19", 0);
	ck_assert_uint_eq(gap_events(), 20);
	int64_t created = made();
	check_gap_is_open();
	ck_assert_int_eq(js_DeleteConsumer(scenario.js, STREAM, CONSUMER, NULL, NULL), NATS_OK);
	say_all("between", 20);
	ck_assert(wait_until(is_made_again, &created, TEST_LIMIT));
	say_all("last", 20);
	check_once("before", 20);
	check_once("after", 20);
	check_once("between", 20);
	check_once("last", 20);
	await_reader_removed();
	ck_assert_int_eq(their_start(false), 0);
	scenario_close(&scenario);
}
END_TEST

/* The same with kill -9 in between, and once more. */
START_TEST(lost_and_killed_while_the_gap_is_open)
{
	open_gap();
	recorder_await(&scenario.recorder, "PostprocessingFinished", "after-19", 0);
	scenario_kill_service(&scenario);
	ck_assert_int_eq(js_DeleteConsumer(scenario.js, STREAM, CONSUMER, NULL, NULL), NATS_OK);
	say_all("between", 20);
	start();
	scenario_kill_service(&scenario);
	ck_assert_int_eq(js_DeleteConsumer(scenario.js, STREAM, CONSUMER, NULL, NULL), NATS_OK);
	say_all("last", 20);
	start();
	check_once("before", 20);
	check_once("between", 20);
	check_once("last", 20);
	check_once("after", 20);
	await_reader_removed();
	scenario_close(&scenario);
}
END_TEST

/* The command asks for an upload whose event is not read yet; without a gap, storage would be asked to begin it
 * again. */
START_TEST(events_that_wait)
{
	open_with_stream(&(struct scenario_options){.steps = "policies", .ini = "[step:policies]\nmodule = remote\n"});
	say_all("before", 2);
	leave_reader("before 0: 1-", 1);
	leave_consumer("postprocessing");
	take_from(READER);
	start();
	storage_resume(&scenario, "before-0", "");
	storage_step_finished(&scenario, "before-0", "policies", "continue");
	storage_resume(&scenario, "unknown", "");
	say("after", 0);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "after-0", 0);
	storage_step_finished(&scenario, "after-0", "policies", "continue");
	storage_check_finished(&scenario, "after-0", "continue");
	ck_assert_uint_gt(gap_events(), 0);
	/* One answer for the upload itself, and for everything that was asked about it. */
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "before-0", 0);
	storage_check_finished(&scenario, "before-0", "continue");
	recorder_await(&scenario.recorder, "RestartPostprocessing", "unknown", 0);
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "RestartPostprocessing", NULL), 1);
	ck_assert_uint_ge(scenario_metric(&scenario, "postprocessing_events_postponed_total"), 3);
	scenario_close(&scenario);
}
END_TEST

/* $0 is the folder of the stream's consumers. */
static void damage(const char *command)
{
	char folder[FOLDER_PATH_SIZE + 96];
	snprintf(folder, sizeof folder, "%s/jetstream/$G/streams/" STREAM "/obs", scenario.nats.folder);
	const char *argv[] = {"sh", "-c", command, folder, NULL};
	struct process process = PROCESS_NONE;
	ck_assert(process_start(&process, &(struct process_options){.argv = argv}));
	ck_assert(process_wait(&process, TEST_LIMIT));
	ck_assert_int_eq(process.status, 0);
}

/* The broker dies while the gap is open, and a part of its state of the reader or consumer is lost. */
static void lose_files(const char *command)
{
	open_gap();
	recorder_await(&scenario.recorder, "PostprocessingFinished", "after-19", 0);
	check_gap_is_open();
	ck_assert(nats_fixture_kill(&scenario.nats));
	damage(command);
	scenario_start_broker(&scenario);
	scenario_await_ready(&scenario);
	say_all("last", 20);
	check_once("before", 20);
	check_once("after", 20);
	check_once("last", 20);
	scenario_close(&scenario);
}

START_TEST(reader_without_state)
{
	lose_files("rm \"$0/" READER "/o.dat\"");
}
END_TEST

START_TEST(reader_torn)
{
	lose_files("truncate -s 20 \"$0/" READER "/o.dat\"");
}
END_TEST

START_TEST(reader_gone)
{
	lose_files("rm -r \"$0/" READER "\"");
}
END_TEST

START_TEST(consumer_without_state)
{
	lose_files("rm \"$0/" CONSUMER "/o.dat\"");
}
END_TEST

START_TEST(consumer_torn)
{
	lose_files("truncate -s 20 \"$0/" CONSUMER "/o.dat\"");
}
END_TEST

START_TEST(both_without_state)
{
	lose_files("rm \"$0\"/*/o.dat");
}
END_TEST

START_TEST(both_gone)
{
	lose_files("rm -r \"$0\"");
}
END_TEST

/* A consumer as version 0.1.0 made it is used as it is, until it can be replaced without a trace: then the others can
 * start. */
START_TEST(of_an_earlier_version)
{
	jsConsumerConfig config;
	jsConsumerInfo *info = NULL;
	open_with_stream(NULL);
	say_all("before", 5);
	jsConsumerConfig_Init(&config);
	config.Durable = CONSUMER;
	config.AckPolicy = js_AckExplicit;
	config.AckWait = 30 * SECOND;
	config.MaxAckPending = 20000;
	config.DeliverPolicy = js_DeliverByStartSequence;
	config.OptStartSeq = 3;
	ck_assert_int_eq(js_AddConsumer(&info, scenario.js, STREAM, &config, NULL, NULL), NATS_OK);
	int64_t created = info->Created;
	jsConsumerInfo_Destroy(info);
	ck_assert_int_eq(their_start(false), CONSUMER_NOT_MADE);
	start();
	scenario_await_log(&scenario, "It is replaced when it is idle and no instance of an earlier version runs");
	recorder_await(&scenario.recorder, "PostprocessingFinished", "before-4", 0);
	ck_assert(wait_until(is_made_again, &created, 3 * TEST_LIMIT));
	ck_assert_int_eq(their_start(false), 0);
	say_all("after", 5);
	check_once("after", 5);
	ck_assert_uint_eq(count_finished(), 8);
	await_reader_removed();
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {they_start_after_us,
	                              they_start_before_us,
	                              they_make_it_again,
	                              they_make_it_again_and_use_it,
	                              what_stood_there,
	                              died_before_the_consumer,
	                              died_before_the_end_was_noted,
	                              belongs_to_another_consumer,
	                              note_that_cannot_be_read,
	                              killed_while_reading,
	                              lost_while_the_gap_is_open,
	                              lost_and_killed_while_the_gap_is_open,
	                              events_that_wait,
	                              reader_without_state,
	                              reader_torn,
	                              reader_gone,
	                              consumer_without_state,
	                              consumer_torn,
	                              both_without_state,
	                              both_gone,
	                              of_an_earlier_version};
	return scenario_run("scenario: gap", tests, sizeof tests / sizeof tests[0]);
}
