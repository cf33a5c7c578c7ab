/* SPDX-License-Identifier: Apache-2.0 */
#include "core/broker/broker_health.h"

#include <check.h>

#include "tests/harness/suite.h"

static const struct unanswered none;

/* Asks every five seconds up to `until`; returns whether the broker counts as sick then. */
static bool ask_until(struct broker_health *health, nanos *now, nanos until, bool answered)
{
	for (; *now < until; *now += 5 * SECOND)
		broker_health_asked(health, answered, *now);
	return broker_health_is_sick(health, &none, *now);
}

START_TEST(a_minute_of_silence_is_too_long)
{
	struct broker_health health = {0};
	nanos now = HOUR;
	ck_assert_int_eq(broker_silence_limit, MINUTE);
	broker_health_begin(&health, now);
	ck_assert(!ask_until(&health, &now, HOUR + 55 * SECOND, false));
	ck_assert(ask_until(&health, &now, HOUR + 60 * SECOND, false));
	/* One answer is enough. */
	broker_health_asked(&health, true, now);
	ck_assert(!broker_health_is_sick(&health, &none, now));
	ck_assert(!ask_until(&health, &now, now + 55 * SECOND, false));
}
END_TEST

/* It may be reading a large store, or a store after a kill. */
START_TEST(a_broker_that_never_answered_is_left_alone)
{
	struct broker_health health = {0};
	nanos now = HOUR;
	struct unanswered writes = {.since = HOUR, .last = 3 * HOUR};
	ck_assert(!ask_until(&health, &now, 2 * HOUR, false));
	ck_assert(!broker_health_is_sick(&health, &writes, now));
}
END_TEST

START_TEST(each_restart_comes_later)
{
	static const nanos limits[] = {MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 10 * MINUTE, 10 * MINUTE};
	struct broker_health health = {0};
	nanos now = HOUR;
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		broker_health_begin(&health, now);
		nanos began = now;
		broker_health_asked(&health, true, now);
		now += 5 * SECOND;
		ck_assert(!ask_until(&health, &now, began + limits[i], false));
		ck_assert(ask_until(&health, &now, began + limits[i] + 5 * SECOND, false));
		broker_health_restarted(&health);
		ck_assert(!broker_health_is_sick(&health, &none, now));
	}
	/* After it has been well for a long time, the next restart counts as the first. */
	broker_health_begin(&health, now);
	ck_assert(!ask_until(&health, &now, now + 11 * MINUTE, true));
	nanos silent = now;
	ck_assert(!ask_until(&health, &now, silent + 55 * SECOND, false));
	ck_assert(ask_until(&health, &now, silent + 60 * SECOND, false));
}
END_TEST

START_TEST(repeated_failed_writes_are_enough)
{
	struct broker_health health = {0};
	nanos now = HOUR;
	broker_health_begin(&health, now);
	struct unanswered writes = {.since = HOUR + SECOND, .last = HOUR + 6 * SECOND};
	/* A single lost write proves nothing, however long ago it was. */
	ck_assert(!broker_health_is_sick(&health, &writes, 3 * HOUR));
	writes.last = writes.since + MINUTE - 1;
	ck_assert(!broker_health_is_sick(&health, &writes, 3 * HOUR));
	writes.last = writes.since + MINUTE;
	ck_assert(broker_health_is_sick(&health, &writes, 3 * HOUR));
	/* The failed writes of the previous child do not count. */
	broker_health_restarted(&health);
	broker_health_begin(&health, 2 * HOUR);
	ck_assert(!broker_health_is_sick(&health, &writes, 3 * HOUR));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_minute_of_silence_is_too_long, a_broker_that_never_answered_is_left_alone,
	                              each_restart_comes_later, repeated_failed_writes_are_enough};
	return suite_run("broker_health", tests, sizeof tests / sizeof tests[0], 60);
}
