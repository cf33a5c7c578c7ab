/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/torture.h"

const char *fault_name(enum fault fault)
{
	static const char *const name[] = {
		[FAULT_KILL] = "instance: kill -9",
		[FAULT_POINT] = "instance: kill -9 at a point",
		[FAULT_STOP] = "instance: stopped, shortly",
		[FAULT_LONG_STOP] = "instance: stopped, taken for dead",
		[FAULT_HOLE] = "instance: cut off, shortly",
		[FAULT_LONG_HOLE] = "instance: cut off, taken for dead",
		[FAULT_CUT] = "instance: frame cut in two",
		[FAULT_PIECES] = "instance: frames in pieces",
		[FAULT_ANSWERS] = "instance: broker's answers lost",
		[FAULT_ACKS] = "instance: acknowledgements lost",
		[FAULT_BROKER_KILL] = "broker: kill -9",
		[FAULT_BROKER_STOP] = "broker: stopped, shortly",
		[FAULT_BROKER_LONG_STOP] = "broker: stopped for long",
		[FAULT_CONSUMER] = "consumer deleted",
		[FAULT_OTHER_CONSUMER] = "consumer replaced by another program",
	};
	return name[fault];
}

nanos faults_between(struct faults *faults, nanos least, nanos most)
{
	return least + (nanos)torture_random(&faults->random, (uint64_t)(most - least) + 1);
}

void faults_report(struct torture *torture, enum fault fault, const char *where, nanos back)
{
	nanos now = clock_monotonic();
	char until[48] = "";
	torture->faults.count[fault]++;
	if (back > now)
		snprintf(until, sizeof until, ", for %.1f s", (double)(back - now) / (double)SECOND);
	printf("  %9.3f s %s%s%s%s\n", (double)(now - torture->load.begun) / (double)SECOND, fault_name(fault),
	       where[0] != '\0' ? " " : "", where, until);
	fflush(stdout); /* people watch a long run */
}

const unsigned torture_few[FAULTS] = {
	[FAULT_KILL] = 2,        [FAULT_POINT] = 2 * POINTS, [FAULT_STOP] = 1,     [FAULT_HOLE] = 1,
	[FAULT_CUT] = 2,         [FAULT_PIECES] = 1,         [FAULT_ANSWERS] = 1,  [FAULT_ACKS] = 1,
	[FAULT_BROKER_KILL] = 2, [FAULT_BROKER_STOP] = 1,    [FAULT_CONSUMER] = 1, [FAULT_OTHER_CONSUMER] = 1,
};
const unsigned torture_all[FAULTS] = {
	[FAULT_KILL] = 8,
	[FAULT_POINT] = 44,
	[FAULT_STOP] = 4,
	[FAULT_LONG_STOP] = 1,
	[FAULT_HOLE] = 4,
	[FAULT_LONG_HOLE] = 1,
	[FAULT_CUT] = 6,
	[FAULT_PIECES] = 3,
	[FAULT_ANSWERS] = 4,
	[FAULT_ACKS] = 2,
	[FAULT_BROKER_KILL] = 8,
	[FAULT_BROKER_STOP] = 3,
	[FAULT_BROKER_LONG_STOP] = 1,
	[FAULT_CONSUMER] = 2,
	[FAULT_OTHER_CONSUMER] = 2,
};
const unsigned torture_brokers[FAULTS] = {
	[FAULT_KILL] = 2,        [FAULT_POINT] = 6,    [FAULT_STOP] = 1,           [FAULT_HOLE] = 1,
	[FAULT_CUT] = 1,         [FAULT_PIECES] = 1,   [FAULT_ANSWERS] = 1,        [FAULT_BROKER_KILL] = 6,
	[FAULT_BROKER_STOP] = 2, [FAULT_CONSUMER] = 1, [FAULT_OTHER_CONSUMER] = 1,
};
const unsigned torture_partitions[FAULTS] = {[FAULT_HOLE] = 1, [FAULT_LONG_HOLE] = 2};

const unsigned torture_broker_kills[FAULTS] = {[FAULT_BROKER_KILL] = 1};

static void add_cards(struct deck *deck, unsigned card, unsigned count)
{
	ck_assert_uint_le(deck->count + count, DECK_LIMIT);
	for (; count > 0; count--)
		deck->card[deck->count++] = card;
	deck->dealt = deck->count;
}

void faults_begin(struct torture *torture)
{
	struct faults *faults = &torture->faults;
	for (enum fault fault = 0; fault < FAULTS; fault++)
		add_cards(&faults->faults, fault, torture->options.mix[fault]);
	for (unsigned trap = 0; trap < 2 * POINTS; trap++)
		add_cards(&faults->traps, trap, 1);
	faults->random = torture->options.seed * 2 + 1;
	faults->next = clock_monotonic() + torture->options.pause;
}

static void shuffle(struct faults *faults, struct deck *deck)
{
	for (unsigned i = deck->count; i > 1; i--) {
		unsigned other = (unsigned)torture_random(&faults->random, i), card = deck->card[other];
		deck->card[other] = deck->card[i - 1];
		deck->card[i - 1] = card;
	}
	deck->dealt = 0;
}

unsigned faults_deal(struct faults *faults, struct deck *deck)
{
	if (deck->dealt == deck->count)
		shuffle(faults, deck);
	return deck->card[deck->dealt++];
}

/* False: no instance could be hurt now. */
static bool inject(struct torture *torture, enum fault fault, nanos now)
{
	if (fault == FAULT_BROKER_KILL || fault == FAULT_BROKER_STOP || fault == FAULT_BROKER_LONG_STOP)
		brokers_hurt(torture, fault, now);
	else if (fault == FAULT_CONSUMER || fault == FAULT_OTHER_CONSUMER)
		brokers_lose_consumer(torture, fault, now);
	else
		return instances_hurt(torture, fault, now);
	return true;
}

void faults_turn(struct torture *torture, bool more)
{
	struct faults *faults = &torture->faults;
	nanos now = clock_monotonic();
	instances_turn(torture, now);
	brokers_turn(torture, now);
	brokers_turn_consumer(torture, now);
	if (!more || torture->options.pause == 0 || now < faults->next)
		return;
	if (!faults->drawn)
		faults->fault = faults_deal(faults, &faults->faults);
	faults->drawn = !inject(torture, faults->fault, now);
	if (faults->drawn)
		return;
	faults->next = now + faults_between(faults, 0, 2 * torture->options.pause);
}

bool faults_are_over(const struct faults *faults)
{
	return instances_all_work(faults) && brokers_all_work(faults);
}
