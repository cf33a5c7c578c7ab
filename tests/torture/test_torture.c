/* SPDX-License-Identifier: Apache-2.0
 * Three instances under attack, judged by what is on the stream in the end. Alone it is the short form, with few of
 * each fault, of a fixed seed. `make torture` is the long one; variables:
 *
 *   TORTURE_SECONDS  how long uploads are offered and faults injected
 *   TORTURE_SEED     what comes when
 *   TORTURE_UPLOADS  how many, in all
 *   TORTURE_PAUSE    milliseconds between two faults, on average
 *   TORTURE_STOP     seconds that an instance is stopped or cut off at the most. From 45 on broker and instances are
 *                    stopped for longer than an event may stay unacknowledged, from 122 on instances for longer than
 *                    the broker remembers IDs
 *
 *   TORTURE_FAULTS   "none": a steady load without faults, in which no process may grow; "broker": the broker is
 *                    killed, and nothing else happens
 *
 *   OLD_SERVER       another build of the program, in its build folder: at each start an instance is this one or
 *                    that */
#include <stdlib.h>
#include <string.h>

#include "tests/torture/torture.h"

static struct torture torture;

static struct torture_options read_options(void)
{
	uint64_t seconds = torture_variable("TORTURE_SECONDS", 0);
	const char *faults = getenv("TORTURE_FAULTS");
	struct torture_options options = {.seed = torture_variable("TORTURE_SEED", 11),
	                                  .duration = 15 * SECOND,
	                                  .uploads = 600,
	                                  .pause = 200 * MILLISECOND,
	                                  .mix = torture_few,
	                                  .stop_limit = 3 * SECOND,
	                                  .end_limit = 3 * MINUTE,
	                                  .timeout = 5 * SECOND};
	if (seconds != 0)
		options = (struct torture_options){.seed = torture_variable("TORTURE_SEED", 1),
		                                   .duration = (nanos)seconds * SECOND,
		                                   .uploads = torture_variable("TORTURE_UPLOADS", seconds * 20),
		                                   .pause = (nanos)torture_variable("TORTURE_PAUSE", 1000) * MILLISECOND,
		                                   .mix = torture_all,
		                                   .stop_limit = (nanos)torture_variable("TORTURE_STOP", 45) * SECOND,
		                                   .end_limit = 5 * MINUTE};
	if (faults != NULL && strcmp(faults, "none") == 0)
		options.pause = 0;
	if (faults != NULL && strcmp(faults, "broker") == 0)
		options.mix = torture_broker_kills;
	return options;
}

START_TEST(ends_once)
{
	torture.options = read_options();
	scenario_open(&torture.scenario, &(struct scenario_options){.steps = TORTURE_STEPS, .ini = TORTURE_INI});
	torture_run(&torture, &torture.scenario.nats, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {ends_once};
	return torture_set_limit() ? scenario_run("torture", tests, sizeof tests / sizeof tests[0]) : EXIT_FAILURE;
}
