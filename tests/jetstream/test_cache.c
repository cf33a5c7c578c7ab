/* SPDX-License-Identifier: Apache-2.0
 * The cache on a bus of the test's own, which answers when the test says so. */
#include "core/jetstream/cache.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/suite.h"

#define REQUESTS 8
/* JetStream's err_code: no message found. */
#define NO_MESSAGE 10037

static struct {
	struct request *request;
	char subject[128];
} sent[REQUESTS];
static size_t sent_count, posted;
static bool up;
static struct cache *cache;
static struct log log_file;
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

static void take_answer(void *closure, void *question, char *text)
{
	size_t number = (size_t)((char **)question - answer);
	ck_assert_ptr_eq(closure, answer);
	free(answer[number]);
	answer[number] = text;
	answers[number]++;
}

static void open_cache(void)
{
	char path[] = "/tmp/pp-cache-XXXXXX";
	sent_count = posted = 0;
	up = true;
	memset(answer, 0, sizeof answer);
	memset(answers, 0, sizeof answers);
	log_file = (struct log){.fd = mkstemp(path), .level = LOG_DEBUG};
	ck_assert_int_ge(log_file.fd, 0);
	unlink(path);
	cache = cache_create(&(struct cache_options){.enabled = true,
	                                             .bucket = "b",
	                                             .ttl = HOUR,
	                                             .size = 1 << 20,
	                                             .log = &log_file,
	                                             .answer = take_answer,
	                                             .closure = answer});
}

static void close_cache(void)
{
	cache_destroy(cache);
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

static void create(void)
{
	ask(0);
	ck_assert_uint_eq(answers[0], 1);
	answer_request("CREATE", REQUEST_DONE, 0);
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
	answer_request("CREATE", REQUEST_DONE, 0);
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
	answer_request("CREATE", REQUEST_UNKNOWN, 0);
	ask(1);
	answer_request("CREATE", REQUEST_DONE, 0);
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
	answer_request("CREATE", REQUEST_UNKNOWN, 0);
	ck_assert(is_logged("the bucket b-cache cannot be used"));
	ask(1);
	cache_keep(cache, NULL, "key", "text");
	ck_assert(sent_count == 0 && posted == 0);
	ck_assert_uint_eq(answers[1], 1);
	close_cache();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_bucket_that_was_removed, a_connection_that_is_lost, a_broker_that_does_not_answer};
	return suite_run("cache", tests, sizeof tests / sizeof tests[0], 30);
}
