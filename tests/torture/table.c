/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "tests/torture/torture.h"

static double seconds(nanos time)
{
	return (double)time / (double)SECOND;
}

static void print_points(const struct faults *faults, FILE *out)
{
	for (enum point point = 0; point < POINTS; point++)
		fprintf(out, "    %-32s %6u, withheld %u\n", point_name(point), faults->points[point][0],
		        faults->points[point][1]);
}

void table_print(const struct torture *torture, const struct verdict *verdict, FILE *out)
{
	const struct {
		const char *name;
		size_t count;
	} lines[] = {
		{"uploads offered", torture->load.count},
		{"ended once", verdict->once},
		{"ended twice", verdict->twice},
		{"one end said twice", verdict->doubles},
		{"lost", verdict->lost},
		{"wrong outcome or order", verdict->wrong},
		{"delay cut short", verdict->early},
		{"waits ended, as the wire has it", verdict->waits},
		{"… before their time", verdict->early_waits},
		{"result not said", verdict->silent},
		{"said again, as due", verdict->repeats},
		{"… before it was due", verdict->hasty},
		{"questions overtaken by the end", verdict->overtaken},
		{"events said twice", verdict->echoes},
		{"records that the broker forgot", verdict->forgotten},
		{"… of uploads that did not end", verdict->forgotten_lost},
		{"… though no instance died", verdict->stuck},
		{"… of uploads that ended twice", verdict->forgotten_twice},
		{"records left", verdict->records},
		{"events not acknowledged", verdict->unacknowledged},
		{"events not delivered", verdict->undelivered},
	};
	fprintf(out, "seed %" PRIu64 ", %.0f s\n", torture->options.seed, seconds(torture->options.duration));
	fprintf(out, "  %-34s %6u\n", "starts of instances", torture->starts[0] + torture->starts[1]);
	if (torture->older != NULL)
		fprintf(out, "  %-34s %6u\n", "… as the older version", torture->starts[1]);
	for (enum fault fault = 0; fault < FAULTS; fault++) {
		fprintf(out, "  %-34s %6u\n", fault_name(fault), torture->faults.count[fault]);
		if (fault == FAULT_POINT)
			print_points(&torture->faults, out);
	}
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		fprintf(out, "  %-34s %6zu\n", lines[i].name, lines[i].count);
	fprintf(out, "  %-34s %6.1f s, longest %.1f s\n", "lateness of the delay, p99", seconds(verdict->late[0]),
	        seconds(verdict->late[1]));
	fprintf(out, "  %-34s %6.1f s, longest %.1f s\n", "from begin to end, p99", seconds(verdict->took[0]),
	        seconds(verdict->took[1]));
	fprintf(out, "  %-34s %6.1f s\n", "all over after the last fault", seconds(verdict->settled));
}
