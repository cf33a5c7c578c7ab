/* SPDX-License-Identifier: Apache-2.0
 * How the questions of runs are counted, without a broker. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/abi/host.h"
#include "core/server/server_private.h"
#include "tests/harness/suite.h"

static struct log quiet = {.fd = -1, .level = LOG_ERROR};
static struct config config;
static struct server_broker broker;
static struct server server;
static char runs[4]; /* they are only compared */
static unsigned answered, found;

/* The bus. */
bool bus_is_up(const struct bus *bus)
{
	(void)bus;
	return false;
}

void bus_call(struct bus *bus, struct request *request, const char *subject, const char *payload, size_t length)
{
	(void)bus, (void)request, (void)payload, (void)length;
	ck_abort_msg("%s was sent", subject);
}

bool bus_post(struct bus *bus, const char *subject, const struct bus_header *headers, const char *payload,
              size_t length)
{
	(void)bus, (void)subject, (void)headers, (void)payload, (void)length;
	return false;
}

bool bus_send(struct bus *bus, const char *subject, const char *reply, const char *payload, size_t length)
{
	(void)bus, (void)subject, (void)reply, (void)payload, (void)length;
	return false;
}

void bus_pull_subject(const struct bus *bus, char mark, char subject[BUS_SUBJECT_SIZE])
{
	(void)bus, (void)mark;
	subject[0] = '\0';
}

bool delivery_is_of(const struct delivery *delivery, const char *consumer)
{
	(void)delivery, (void)consumer;
	return false;
}

void delivery_free(struct delivery *delivery)
{
	(void)delivery;
}

static void begin(void)
{
	static char bucket[] = "b";
	answered = found = 0;
	config = (struct config){.cache_enabled = true, .bucket = bucket, .cache_ttl = HOUR, .cache_size = 1 << 20};
	server = (struct server){.config = &config, .records = &broker, .metrics = metrics_create()};
	server.log = &quiet;
	metrics_list_register(&server.counted, server.metrics);
	server_create_cache(&server);
}

static void end(void)
{
	server_end_cache(&server);
	metrics_destroy(server.metrics);
}

static const struct run *run(size_t number)
{
	return (const struct run *)(void *)&runs[number];
}

static void note_answer(struct cache_question *question)
{
	answered++;
	found += question->answer != NULL;
	cache_question_free(question);
}

/* The run has asked so long ago. */
static void ask(size_t number, const char *key, nanos ago)
{
	struct cache_question *question = cache_question_create(run(number), "module", key, NULL);
	ck_assert_ptr_nonnull(question);
	question->made -= ago;
	question->answered = note_answer;
	server_take_question(&server, question);
}

static void keep(size_t number, const char *key)
{
	struct cache_question *question = cache_question_create(run(number), "module", key, "text");
	ck_assert_ptr_nonnull(question);
	server_take_question(&server, question);
}

static void assert_counted(uint64_t hits, uint64_t shared, uint64_t misses)
{
	ck_assert_uint_eq(counter_value(server.counted.cache_hits), hits);
	ck_assert_uint_eq(counter_value(server.counted.cache_shared), shared);
	ck_assert_uint_eq(counter_value(server.counted.cache_misses), misses);
}

START_TEST(answers_in_time)
{
	begin();
	ask(0, "a", 0);
	assert_counted(0, 0, 1);
	ask(1, "a", 0);
	ck_assert_uint_eq(answered, 1);
	keep(0, "a");
	assert_counted(1, 1, 1);
	ask(2, "a", 0);
	assert_counted(2, 1, 1);
	ck_assert(answered == 3 && found == 2);
	end();
}
END_TEST

/* Nobody uses them. */
START_TEST(late_answers)
{
	begin();
	keep(0, "a");
	ask(1, "a", CACHE_TIMEOUT);
	assert_counted(0, 0, 1);
	/* The flight has landed before its time was checked. */
	ask(0, "b", 0);
	ask(1, "b", CACHE_TIMEOUT);
	assert_counted(0, 0, 2);
	keep(0, "b");
	assert_counted(0, 0, 3);
	end();
}
END_TEST

START_TEST(runs_that_have_ended)
{
	begin();
	ask(0, "a", 0);
	ask(1, "a", 0);
	ask(2, "a", CACHE_TIMEOUT);
	ask(3, "a", 0);
	assert_counted(0, 0, 1);
	/* This one did not need the answer. */
	cache_flights_leave(server.flights, run(1));
	assert_counted(0, 0, 1);
	/* This one had waited in vain before it ended. */
	cache_flights_leave(server.flights, run(2));
	assert_counted(0, 0, 2);
	/* The next one is told that there is nothing. */
	cache_flights_leave(server.flights, run(0));
	assert_counted(0, 0, 3);
	ck_assert_uint_eq(answered, 4);
	/* All have ended. */
	ask(1, "a", 0);
	server.runs_ended = true;
	keep(3, "a");
	assert_counted(0, 0, 3);
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {answers_in_time, late_answers, runs_that_have_ended};
	return suite_run("server_cache", tests, sizeof tests / sizeof tests[0], 30);
}
