/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/peers.h"

#include <check.h>
#include <stdio.h>

#include "tests/harness/suite.h"

static struct peers *peers;

static void set_up(void)
{
	peers = peers_create("me");
	ck_assert_ptr_nonnull(peers);
	ck_assert(!peers_tick(peers, SECOND));
}

static void tear_down(void)
{
	peers_free(peers);
}

/* Ticks each second from `from` on until an instance dies; returns the time, or 0 if none dies before `to`. */
static nanos tick_until_death(nanos from, nanos to)
{
	for (nanos now = from; now <= to; now += SECOND)
		if (peers_tick(peers, now))
			return now;
	return 0;
}

START_TEST(silence_is_death)
{
	set_up();
	peers_heard(peers, "other", 2 * SECOND);
	ck_assert(peers_lives(peers, "other"));
	nanos death = tick_until_death(2 * SECOND, 100 * SECOND);
	ck_assert_int_gt(death, 2 * SECOND + PEER_TIMEOUT);
	ck_assert_int_le(death, 3 * SECOND + PEER_TIMEOUT);
	ck_assert(!peers_lives(peers, "other"));
	/* It is reported once. */
	ck_assert_int_eq(tick_until_death(death + SECOND, death + MINUTE), 0);
	tear_down();
}
END_TEST

START_TEST(signs_keep_alive)
{
	set_up();
	for (nanos now = 2 * SECOND; now < 5 * MINUTE; now += SECOND) {
		if (now / SECOND % 4 == 0)
			peers_heard(peers, "other", now);
		ck_assert(!peers_tick(peers, now));
	}
	ck_assert(peers_lives(peers, "other"));
	tear_down();
}
END_TEST

START_TEST(the_dead_may_return)
{
	set_up();
	peers_heard(peers, "other", 2 * SECOND);
	nanos death = tick_until_death(2 * SECOND, MINUTE);
	peers_heard(peers, "other", death + SECOND);
	ck_assert(peers_lives(peers, "other"));
	ck_assert_int_gt(tick_until_death(death + SECOND, death + MINUTE), death + PEER_TIMEOUT);
	tear_down();
}
END_TEST

START_TEST(a_name_in_a_record_has_its_time)
{
	set_up();
	peers_mentioned(peers, "unheard", 2 * SECOND);
	peers_mentioned(peers, "unheard", 10 * SECOND); /* the time does not start over */
	ck_assert(peers_lives(peers, "unheard"));
	ck_assert_int_le(tick_until_death(2 * SECOND, MINUTE), 3 * SECOND + PEER_TIMEOUT);
	ck_assert(!peers_lives(peers, "unheard"));
	peers_mentioned(peers, "unheard", MINUTE);
	ck_assert(!peers_lives(peers, "unheard"));
	tear_down();
}
END_TEST

START_TEST(leaving_is_death_at_once)
{
	set_up();
	peers_heard(peers, "other", 2 * SECOND);
	peers_left(peers, "other");
	ck_assert(peers_tick(peers, 3 * SECOND));
	ck_assert(!peers_lives(peers, "other"));
	ck_assert(!peers_tick(peers, 4 * SECOND));
	tear_down();
}
END_TEST

START_TEST(we_ourselves_never_die)
{
	set_up();
	peers_heard(peers, "me", 2 * SECOND);
	peers_left(peers, "me");
	ck_assert_int_eq(tick_until_death(2 * SECOND, MINUTE), 0);
	ck_assert(peers_lives(peers, "me"));
	ck_assert(!peers_lives(peers, "nobody"));
	tear_down();
}
END_TEST

START_TEST(our_own_stop_kills_nobody)
{
	set_up();
	peers_heard(peers, "other", 2 * SECOND);
	ck_assert(!peers_tick(peers, 3 * SECOND));
	ck_assert(!peers_tick(peers, 3 * SECOND + 2 * MINUTE));
	ck_assert(peers_lives(peers, "other"));
	tear_down();
}
END_TEST

START_TEST(a_broker_away_kills_nobody)
{
	set_up();
	peers_heard(peers, "other", 2 * SECOND);
	for (nanos now = 3 * SECOND; now < 10 * SECOND; now += SECOND)
		ck_assert(!peers_tick(peers, now));
	peers_deaf(peers, 17 * SECOND);
	ck_assert_int_gt(tick_until_death(17 * SECOND, MINUTE), 17 * SECOND + PEER_TIMEOUT);
	tear_down();
}
END_TEST

START_TEST(names_are_limited)
{
	set_up();
	char name[32];
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "peer-%d", i);
		peers_mentioned(peers, name, 2 * SECOND);
	}
	ck_assert(peers_lives(peers, "peer-0"));
	ck_assert(!peers_lives(peers, "peer-4999"));
	tear_down();
}
END_TEST

/* A service that runs for years beside others that come up with new names. */
START_TEST(the_dead_make_room)
{
	set_up();
	char name[32];
	nanos now = 2 * SECOND;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "peer-%d", i);
		peers_heard(peers, name, now++);
		ck_assert_msg(peers_lives(peers, name), "%s", name);
		peers_left(peers, name);
	}
	ck_assert(!peers_lives(peers, "peer-0"));
	peers_heard(peers, "peer-0", now);
	ck_assert(peers_lives(peers, "peer-0"));
	tear_down();
}
END_TEST

/* An instance that has not been heard yet does not count as able. */
START_TEST(all_that_live_are_able)
{
	set_up();
	ck_assert(!peers_all_able(peers, 2 * SECOND));
	peers_heard(peers, "former", 2 * SECOND);
	for (nanos now = 2 * SECOND; now < 2 * MINUTE; now += SECOND) {
		peers_heard(peers, "other", now);
		peers_is_able(peers, "other", now);
		if (now < MINUTE)
			peers_heard(peers, "former", now);
		peers_tick(peers, now);
		ck_assert_int_eq(peers_all_able(peers, now), now >= MINUTE + PEER_TIMEOUT); /* the last sign was 1 s earlier */
	}
	/* The broker was away. */
	peers_deaf(peers, 2 * MINUTE);
	ck_assert(!peers_all_able(peers, 2 * MINUTE));
	/* An earlier version takes the place of the other one. */
	for (nanos now = 2 * MINUTE; now < 4 * MINUTE; now += SECOND) {
		peers_heard(peers, "other", now);
		peers_tick(peers, now);
	}
	ck_assert(!peers_all_able(peers, 4 * MINUTE));
	peers_is_able(peers, "other", 4 * MINUTE);
	ck_assert(peers_all_able(peers, 4 * MINUTE));
	tear_down();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		silence_is_death,         signs_keep_alive,       the_dead_may_return,       a_name_in_a_record_has_its_time,
		leaving_is_death_at_once, we_ourselves_never_die, our_own_stop_kills_nobody, a_broker_away_kills_nobody,
		names_are_limited,        the_dead_make_room,     all_that_live_are_able};
	return suite_run("peers", tests, sizeof tests / sizeof tests[0], 10);
}
