/* SPDX-License-Identifier: Apache-2.0
 * The cache on a bus of the test's own, which answers when the test says so. */
#include "core/jetstream/cache.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cache_memory.h"
#include "core/base/encoding.h"
#include "tests/harness/suite.h"

#define REQUESTS 8
/* JetStream's err_code: no message found. */
#define NO_MESSAGE 10037

static struct {
	struct request *request;
	char subject[128];
} sent[REQUESTS];
static size_t sent_count, posted, pulls;
static unsigned pulled; /* messages, with the last pull */
static bool up;
static struct cache *cache;
static struct log log_file;
static struct metrics *metrics;
static struct counter *remembered, *asked;
static char watcher[64]; /* the last one that was created */
static struct cache_memory *memory;
static char *answer[REQUESTS]; /* of the question with this number; NULL: none */
static unsigned answers[REQUESTS];

bool bus_is_up(const struct bus *bus)
{
	(void)bus;
	return up;
}

/* As the bus does, it keeps the request until its answer has come. */
void bus_call(struct bus *bus, struct request *request, const char *subject, const char *payload, size_t length)
{
	(void)bus;
	ck_assert_uint_eq(strlen(payload), length);
	ck_assert_uint_lt(sent_count, REQUESTS);
	for (size_t i = 0; i < sent_count; i++)
		ck_assert_msg(sent[i].request != request, "%s was sent twice and not answered in between", subject);
	request->expires = clock_monotonic() + 5 * SECOND;
	sent[sent_count].request = request;
	snprintf(sent[sent_count++].subject, sizeof sent[0].subject, "%s", subject);
}

bool bus_post(struct bus *bus, const char *subject, const struct bus_header *headers, const char *payload,
              size_t length)
{
	(void)bus, (void)subject, (void)headers, (void)payload, (void)length;
	posted++;
	return true;
}

bool bus_send(struct bus *bus, const char *subject, const char *reply, const char *payload, size_t length)
{
	(void)bus, (void)length;
	ck_assert_ptr_nonnull(strstr(subject, "$JS.API.CONSUMER.MSG.NEXT.KV_b-cache.keys-n-"));
	ck_assert_int_eq(sscanf(payload, "{\"batch\":%u,", &pulled), 1);
	ck_assert_str_eq(reply, "inbox.k");
	pulls++;
	return true;
}

void bus_pull_subject(const struct bus *bus, char mark, char subject[BUS_SUBJECT_SIZE])
{
	(void)bus;
	snprintf(subject, BUS_SUBJECT_SIZE, "inbox.%c", mark);
}

bool delivery_is_of(const struct delivery *delivery, const char *consumer)
{
	return strncmp(delivery->consumer, consumer, delivery->consumer_length) == 0;
}

void delivery_free(struct delivery *delivery)
{
	natsMsg_Destroy(delivery->message);
	free(delivery);
}

static void take_answer(void *closure, void *question, char *text)
{
	size_t number = (size_t)((char **)question - answer);
	ck_assert_ptr_eq(closure, answer);
	free(answer[number]);
	answer[number] = text;
	answers[number]++;
}

static void open_cache_for(nanos ttl)
{
	char path[] = "/tmp/pp-cache-XXXXXX";
	ck_assert_int_eq(nats_Open(-1), NATS_OK);
	sent_count = posted = pulls = 0;
	up = true;
	memset(answer, 0, sizeof answer);
	memset(answers, 0, sizeof answers);
	log_file = (struct log){.fd = mkstemp(path), .level = LOG_DEBUG};
	ck_assert_int_ge(log_file.fd, 0);
	unlink(path);
	metrics = metrics_create();
	remembered = metrics_counter(metrics, "remembered_total", "help", NULL);
	asked = metrics_counter(metrics, "asked_total", "help", NULL);
	memory = cache_memory_create(&(struct cache_memory_limits){16, 4096}, remembered);
	cache = cache_create(&(struct cache_options){.enabled = true,
	                                             .bucket = "b",
	                                             .nonce = "n",
	                                             .ttl = ttl,
	                                             .size = 1 << 20,
	                                             .log = &log_file,
	                                             .memory = memory,
	                                             .asked = asked,
	                                             .answer = take_answer,
	                                             .closure = answer});
}

static void open_cache(void)
{
	open_cache_for(HOUR);
}

static void close_cache(void)
{
	cache_destroy(cache);
	cache_memory_destroy(memory);
	metrics_destroy(metrics);
	for (size_t i = 0; i < REQUESTS; i++)
		free(answer[i]);
	close(log_file.fd);
}

static bool is_logged(const char *words)
{
	static char text[1 << 16];
	ssize_t length = pread(log_file.fd, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	return strstr(text, words) != NULL;
}

static void ask(size_t number)
{
	cache_ask(cache, NULL, "key", &answer[number]);
}

/* The broker answers the first request with this subject; `error` 0: it has done it. */
static void answer_request(const char *subject, enum request_status status, int error)
{
	size_t i = 0;
	while (i < sent_count && strstr(sent[i].subject, subject) == NULL)
		i++;
	ck_assert_msg(i < sent_count, "there is no %s", subject);
	struct request *request = sent[i].request;
	memmove(&sent[i], &sent[i + 1], (--sent_count - i) * sizeof sent[0]);
	request->status = status;
	request->error = error;
	ck_assert(cache_answered(cache, NULL, request));
}

/* The bucket has this text, which was kept so long ago. */
static void answer_with(const char *text, nanos ago)
{
	char json[512], base64[256], time[TIME_TEXT_SIZE];
	struct request *request = sent[0].request;
	natsMsg *message = NULL;
	ck_assert_uint_eq(sent_count, 1);
	base64_encode(text, strlen(text), base64);
	base64[BASE64_DIGITS(strlen(text))] = '\0';
	int length = snprintf(json, sizeof json,
	                      "{\"message\":{\"subject\":\"$KV.b-cache.key\",\"seq\":1,\"data\":\"%s\",\"time\":\"%s\"}}",
	                      base64, time_format(clock_now() - ago, time));
	ck_assert_int_eq(natsMsg_Create(&message, "reply", NULL, json, length), NATS_OK);
	request->reply = message;
	answer_request("MSG.GET", REQUEST_DONE, 0);
}

static void assert_answer(size_t number, const char *text)
{
	ck_assert_uint_eq(answers[number], 1);
	ck_assert_ptr_nonnull(answer[number]);
	ck_assert_str_eq(answer[number], text);
}

/* The bucket, whose keys cannot be watched. */
static void create(void)
{
	ask(0);
	ck_assert_uint_eq(answers[0], 1);
	answer_request("STREAM.CREATE", REQUEST_DONE, 0);
	answer_request("CONSUMER.CREATE", REQUEST_REFUSED, 10026);
	ck_assert(is_logged("the keys of the bucket b-cache cannot be watched"));
}

/* Two questions find out that the bucket is gone. It is created once, although another question comes in between. */
START_TEST(a_bucket_that_was_removed)
{
	open_cache();
	create();
	ask(1);
	ask(2);
	answer_request("MSG.GET", REQUEST_REFUSED, BUS_STREAM_NOT_FOUND);
	ask(3);
	answer_request("MSG.GET", REQUEST_REFUSED, BUS_STREAM_NOT_FOUND);
	ask(4);
	ck_assert_uint_eq(sent_count, 1);
	answer_request("STREAM.CREATE", REQUEST_DONE, 0);
	for (size_t i = 1; i <= 4; i++)
		ck_assert(answers[i] == 1 && answer[i] == NULL);
	ask(5);
	answer_request("MSG.GET", REQUEST_REFUSED, NO_MESSAGE);
	ck_assert_uint_eq(answers[5], 1);
	close_cache();
}
END_TEST

/* The connection is lost: nothing is wrong with the bucket, which is used again once there is another connection. */
START_TEST(a_connection_that_is_lost)
{
	open_cache();
	create();
	ask(1);
	answer_request("MSG.GET", REQUEST_UNKNOWN, 0);
	ck_assert(answers[1] == 1 && answer[1] == NULL);
	up = false;
	ask(2);
	ck_assert_uint_eq(sent_count, 0);
	up = true;
	ask(3);
	answer_request("MSG.GET", REQUEST_REFUSED, NO_MESSAGE);
	ck_assert(!is_logged("cannot be used"));
	close_cache();
	/* While the bucket is created. */
	open_cache();
	ask(0);
	answer_request("STREAM.CREATE", REQUEST_UNKNOWN, 0);
	ask(1);
	answer_request("STREAM.CREATE", REQUEST_DONE, 0);
	ck_assert(!is_logged("cannot be used"));
	close_cache();
}
END_TEST

/* The broker gives no answer, because it is not permitted: it is left alone for a while. */
START_TEST(a_broker_that_does_not_answer)
{
	open_cache();
	ask(0);
	sent[0].request->expires = 0;
	answer_request("STREAM.CREATE", REQUEST_UNKNOWN, 0);
	ck_assert(is_logged("the bucket b-cache cannot be used"));
	ask(1);
	cache_keep(cache, NULL, "key", "text");
	ck_assert(sent_count == 0 && posted == 0);
	ck_assert_uint_eq(answers[1], 1);
	close_cache();
}
END_TEST

/* What was kept, or found, costs no question to the broker for a while. */
START_TEST(what_is_remembered)
{
	open_cache();
	create();
	ask(1);
	answer_with("from another instance", MINUTE);
	assert_answer(1, "from another instance");
	ask(2);
	assert_answer(2, "from another instance");
	ck_assert_uint_eq(counter_value(remembered), 1);
	cache_keep(cache, NULL, "key", "of our own");
	ck_assert_uint_eq(posted, 1);
	ask(3);
	assert_answer(3, "of our own");
	ck_assert_uint_eq(sent_count, 0);
	ck_assert_uint_eq(counter_value(remembered), 2);
	/* Also while there is no broker. */
	up = false;
	ask(4);
	assert_answer(4, "of our own");
	close_cache();
}
END_TEST

/* What the bucket is about to delete is not remembered for longer. */
START_TEST(what_has_expired)
{
	open_cache_for(2 * MINUTE);
	create();
	ask(1);
	answer_with("old", 2 * MINUTE);
	assert_answer(1, "old");
	ask(2);
	answer_request("MSG.GET", REQUEST_REFUSED, NO_MESSAGE);
	ck_assert(answers[2] == 1 && answer[2] == NULL);
	ck_assert_uint_eq(counter_value(remembered), 0);
	close_cache();
}
END_TEST

/* The broker has created the consumer that watches the keys; so many are there. */
static void begin_watch(unsigned pending)
{
	char json[64];
	natsMsg *message = NULL;
	size_t i = 0;
	while (i < sent_count && strstr(sent[i].subject, "CONSUMER.CREATE") == NULL)
		i++;
	ck_assert_uint_lt(i, sent_count);
	snprintf(watcher, sizeof watcher, "%s", strrchr(sent[i].subject, '.') + 1);
	int length = snprintf(json, sizeof json, "{\"num_pending\":%u}", pending);
	ck_assert_int_eq(natsMsg_Create(&message, "reply", NULL, json, length), NATS_OK);
	sent[i].request->reply = message;
	answer_request("CONSUMER.CREATE", REQUEST_DONE, 0);
}

static struct delivery *make_delivery(const char *subject)
{
	struct delivery *delivery = calloc(1, sizeof *delivery);
	natsMsg *message = NULL;
	ck_assert_ptr_nonnull(delivery);
	ck_assert_int_eq(natsMsg_Create(&message, subject, NULL, NULL, 0), NATS_OK);
	delivery->message = message;
	return delivery;
}

static void deliver(const char *name, uint64_t sequence, uint64_t pending)
{
	char subject[128];
	snprintf(subject, sizeof subject, "$KV.b-cache.%s", name);
	struct delivery *delivery = make_delivery(subject);
	delivery->consumer = watcher;
	delivery->consumer_length = strlen(watcher);
	delivery->consumer_sequence = sequence;
	delivery->pending = pending;
	ck_assert(cache_take(cache, NULL, delivery));
}

static void deliver_status(const char *status)
{
	struct delivery *delivery = make_delivery("inbox.k");
	ck_assert_int_eq(natsMsgHeader_Set(delivery->message, "Status", status), NATS_OK);
	delivery->status = true;
	delivery->mark = 'k';
	ck_assert(cache_take(cache, NULL, delivery));
}

/* Whether the broker is asked for the key, which it does not have. */
static bool is_asked(const char *name)
{
	uint64_t before = counter_value(asked);
	answers[0] = 0;
	cache_ask(cache, NULL, name, &answer[0]);
	bool sent_one = counter_value(asked) > before;
	if (sent_one)
		answer_request("MSG.GET", REQUEST_REFUSED, NO_MESSAGE);
	ck_assert_uint_eq(answers[0], 1);
	ck_assert_ptr_null(answer[0]);
	return sent_one;
}

static void watch(unsigned pending)
{
	open_cache();
	ask(0);
	answer_request("STREAM.CREATE", REQUEST_DONE, 0);
	begin_watch(pending);
}

#define KEY_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define KEY_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define KEY_3 "3333333333333333333333333333333333333333333333333333333333333333"

START_TEST(keys_that_are_not_there)
{
	watch(0);
	ck_assert(!is_asked(KEY_1));
	deliver(KEY_1, 1, 0);
	ck_assert(is_asked(KEY_1));
	ck_assert(!is_asked(KEY_2));
	close_cache();
	/* Until the consumer has delivered all that was there, nothing is known. */
	watch(2);
	ck_assert(is_asked(KEY_3));
	deliver(KEY_1, 1, 1);
	ck_assert(is_asked(KEY_3));
	deliver(KEY_2, 2, 0);
	ck_assert(!is_asked(KEY_3));
	ck_assert(is_asked(KEY_1) && is_asked(KEY_2));
	close_cache();
}
END_TEST

static void tick(nanos later)
{
	cache_tick(cache, NULL, clock_monotonic() + later);
}

/* What comes within a second is fetched in one go. */
START_TEST(pulls_for_keys)
{
	char key[128];
	watch(1200);
	ck_assert(pulls == 1 && pulled == 500);
	for (unsigned i = 1; i <= 1200; i++) {
		snprintf(key, sizeof key, "%08x%s", i * 2654435761u, KEY_1 + 8);
		deliver(key, i, 1200 - i);
	}
	ck_assert(pulls == 3 && pulled == 200);
	tick(0);
	ck_assert(pulls == 4 && pulled == 1);
	tick(SECOND);
	ck_assert_uint_eq(pulls, 4);
	deliver(KEY_1, 1201, 3);
	ck_assert(pulls == 5 && pulled == 3);
	for (unsigned i = 0; i < 3; i++)
		deliver(KEY_2, 1202 + i, 2 - i);
	ck_assert_uint_eq(pulls, 5);
	tick(2 * SECOND);
	ck_assert(pulls == 6 && pulled == 1);
	/* A heartbeat, and the end of the pull's time. */
	deliver_status("100");
	tick(3 * SECOND);
	ck_assert_uint_eq(pulls, 6);
	deliver_status("408");
	tick(4 * SECOND);
	ck_assert_uint_eq(pulls, 7);
	ck_assert(is_asked(KEY_2));
	ck_assert(!is_asked(KEY_3));
	/* The consumer is gone. */
	deliver_status("409");
	tick(5 * SECOND);
	ck_assert_uint_eq(pulls, 7);
	ck_assert(is_asked(KEY_3));
	close_cache();
}
END_TEST

START_TEST(a_key_that_is_lost)
{
	watch(0);
	deliver(KEY_1, 1, 0);
	deliver(KEY_2, 3, 0);
	ck_assert(is_asked(KEY_3));
	/* Messages of the first consumer, which is still there, say nothing about the second one. */
	char first[64];
	snprintf(first, sizeof first, "%s", watcher);
	begin_watch(3);
	ck_assert_str_ne(first, watcher);
	snprintf(watcher, sizeof watcher, "%s", first);
	deliver(KEY_2, 4, 0);
	ck_assert(is_asked(KEY_3));
	close_cache();
}
END_TEST

START_TEST(another_connection)
{
	watch(0);
	ck_assert(!is_asked(KEY_1));
	cache_reset(cache);
	ck_assert(is_asked(KEY_1));
	/* It is lost while the consumer is created: the answer is of a consumer that is not there any more. */
	cache_reset(cache);
	begin_watch(0);
	ck_assert(is_asked(KEY_1));
	begin_watch(0);
	ck_assert(!is_asked(KEY_1));
	close_cache();
}
END_TEST

/* The broker has come back without the bucket. The request for the consumer is the first to find that out. */
START_TEST(a_broker_that_came_back_empty)
{
	watch(0);
	cache_reset(cache);
	ask(1);
	ck_assert_uint_eq(sent_count, 2);
	answer_request("CONSUMER.CREATE", REQUEST_REFUSED, BUS_STREAM_NOT_FOUND);
	ck_assert(!is_logged("cannot be watched"));
	/* The bucket is created once, and then it is watched at once. */
	ask(2);
	answer_request("MSG.GET", REQUEST_REFUSED, BUS_STREAM_NOT_FOUND);
	ask(3);
	ck_assert_uint_eq(sent_count, 1);
	answer_request("STREAM.CREATE", REQUEST_DONE, 0);
	begin_watch(0);
	ck_assert(!is_asked(KEY_1));
	for (size_t i = 1; i <= 3; i++)
		ck_assert(answers[i] == 1 && answer[i] == NULL);
	close_cache();
}
END_TEST

START_TEST(a_consumer_that_is_not_heard_of)
{
	watch(0);
	tick(0);
	ck_assert_uint_eq(pulls, 1);
	tick(25 * SECOND);
	ck_assert(!is_asked(KEY_1));
	deliver_status("100");
	tick(25 * SECOND);
	ck_assert(!is_asked(KEY_1));
	/* The bucket may be gone, too. */
	tick(35 * SECOND);
	answers[0] = 0;
	ask(0);
	answer_request("STREAM.CREATE", REQUEST_DONE, 0);
	begin_watch(0);
	ck_assert(!is_asked(KEY_1));
	/* A message of something else. */
	struct delivery *delivery = make_delivery("main-queue");
	ck_assert(!cache_take(cache, NULL, delivery));
	delivery_free(delivery);
	close_cache();
}
END_TEST

START_TEST(without_a_cache)
{
	open_cache();
	cache_destroy(cache);
	cache = cache_create(&(struct cache_options){.bucket = "b",
	                                             .nonce = "n",
	                                             .ttl = HOUR,
	                                             .size = 1 << 20,
	                                             .log = &log_file,
	                                             .memory = memory,
	                                             .answer = take_answer,
	                                             .closure = answer});
	cache_keep(cache, NULL, "key", "text");
	ask(1);
	ck_assert(answers[1] == 1 && answer[1] == NULL);
	ck_assert(sent_count == 0 && posted == 0);
	close_cache();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_bucket_that_was_removed,
	                              a_connection_that_is_lost,
	                              a_broker_that_does_not_answer,
	                              what_is_remembered,
	                              what_has_expired,
	                              keys_that_are_not_there,
	                              pulls_for_keys,
	                              a_key_that_is_lost,
	                              another_connection,
	                              a_broker_that_came_back_empty,
	                              a_consumer_that_is_not_heard_of,
	                              without_a_cache};
	return suite_run("cache", tests, sizeof tests / sizeof tests[0], 30);
}
