/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/torture.h"

/* In a run without faults, everything that fills up only once is full after a fifth of the time. */
#define WARM 5
/* What the allocator and the broker's runtime may keep; a leak of a hundred bytes per upload is more than that in an
 * hour. */
#define INSTANCE_MORE 4000000
#define BROKER_MORE 64000000
/* Threads that scan the bucket or remove markers come and go. */
#define DESCRIPTORS_MORE 8

static pid_t process_of(const struct torture *torture, unsigned index)
{
	const struct faults *faults = &torture->faults;
	return index < TORTURE_INSTANCES ? faults->instance[index].process.pid : faults->brokers.server[0]->process.pid;
}

static nanos look_at(const struct torture *torture, unsigned look)
{
	nanos duration = torture->options.duration, warm = duration / WARM;
	return torture->load.begun + warm + (duration - warm) * (nanos)look / METER_LOOKS;
}

void meter_turn(struct torture *torture, nanos now)
{
	struct meter *meter = &torture->meter;
	if (meter->looks == METER_LOOKS || now < look_at(torture, meter->looks))
		return;
	for (unsigned i = 0; i < METER_PROCESSES; i++) {
		struct process_usage *usage = &meter->look[meter->looks][i];
		ck_assert(process_usage_read(process_of(torture, i), usage) && usage->descriptors > 0);
	}
	meter->looks++;
}

void meter_print(const struct torture *torture, FILE *out)
{
	for (unsigned i = 0; torture->meter.looks > 0 && i < METER_PROCESSES; i++) {
		fprintf(out, "  %s %u:", i < TORTURE_INSTANCES ? "instance" : "broker", i % TORTURE_INSTANCES);
		for (unsigned look = 0; look < torture->meter.looks; look++)
			fprintf(out, "%s%.1f MB, %u descriptors", look > 0 ? "; " : " ",
			        (double)torture->meter.look[look][i].resident / 1e6, torture->meter.look[look][i].descriptors);
		fprintf(out, "\n");
	}
}

bool meter_is_good(const struct meter *meter, FILE *out)
{
	bool good = true;
	const struct process_usage *warm = meter->look[0], *last = meter->look[METER_LOOKS - 1];
	for (unsigned i = 0; meter->looks == METER_LOOKS && i < METER_PROCESSES; i++) {
		uint64_t more = i < TORTURE_INSTANCES ? INSTANCE_MORE : BROKER_MORE;
		if (last[i].resident <= warm[i].resident + more &&
		    last[i].descriptors <= warm[i].descriptors + DESCRIPTORS_MORE)
			continue;
		fprintf(out, "process %u has grown\n", i);
		good = false;
	}
	return good && meter->looks == METER_LOOKS;
}
