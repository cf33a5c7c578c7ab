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
	};
	return name[fault];
}

void faults_begin(struct torture *torture)
{
	torture->faults.random = torture->options.seed * 2 + 1;
	torture->faults.next = clock_monotonic() + torture->options.pause;
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
	printf("  %9.3f s %s%s%s%s\n", (double)(now - torture->load.begun) / (double)SECOND, fault_name(fault), where[0] != '\0' ? " " : "", where, until);
}

/* How often each comes, of all; those that last long seldom. */
static const unsigned weight[FAULTS] = {
	[FAULT_KILL] = 8,    [FAULT_POINT] = 30,      [FAULT_STOP] = 4,         [FAULT_LONG_STOP] = 1, [FAULT_HOLE] = 4,
	[FAULT_LONG_HOLE] = 1, [FAULT_CUT] = 6,       [FAULT_PIECES] = 3,       [FAULT_ANSWERS] = 4,   [FAULT_ACKS] = 2,
	[FAULT_BROKER_KILL] = 8, [FAULT_BROKER_STOP] = 3, [FAULT_BROKER_LONG_STOP] = 1, [FAULT_CONSUMER] = 2,
};

static enum fault choose(struct torture *torture)
{
	unsigned sum = 0;
	for (enum fault fault = 0; fault < FAULTS; fault++)
		sum += weight[fault];
	uint64_t at = torture_random(&torture->faults.random, sum);
	enum fault fault = 0;
	while (at >= weight[fault])
		at -= weight[fault++];
	if (torture->options.stop_limit >= TORTURE_LONG)
		return fault;
	return fault == FAULT_LONG_STOP ? FAULT_STOP : fault == FAULT_LONG_HOLE ? FAULT_HOLE : fault == FAULT_BROKER_LONG_STOP ? FAULT_BROKER_STOP : fault;
}

static void inject(struct torture *torture, nanos now)
{
	enum fault fault = choose(torture);
	if (fault == FAULT_BROKER_KILL || fault == FAULT_BROKER_STOP || fault == FAULT_BROKER_LONG_STOP)
		brokers_hurt(torture, fault, now);
	else if (fault == FAULT_CONSUMER)
		brokers_lose_consumer(torture);
	else
		instances_hurt(torture, fault, now);
}

void faults_turn(struct torture *torture, bool more)
{
	struct faults *faults = &torture->faults;
	nanos now = clock_monotonic();
	instances_turn(torture, now);
	brokers_turn(torture, now);
	brokers_turn_consumer(torture);
	if (!more || torture->options.pause == 0 || now < faults->next)
		return;
	inject(torture, now);
	faults->next = now + faults_between(faults, 0, 2 * torture->options.pause);
}

bool faults_are_over(const struct faults *faults)
{
	return instances_all_work(faults) && brokers_all_work(faults);
}
