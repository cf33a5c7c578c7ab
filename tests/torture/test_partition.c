/* SPDX-License-Identifier: Apache-2.0
 * The attack of test_torture.c with one fault: instances are cut off from broker and storage by a link that is taken
 * down, for longer than the others wait for them. Nobody is notified: what was sent is lost, or arrives when the
 * link is up again, from an instance that was taken for dead meanwhile. The same variables. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/torture/torture.h"

#define SKIPPED 77

static struct torture torture;
static struct network network;

START_TEST(ends_once_over_broken_links)
{
	uint64_t seconds = torture_variable("TORTURE_SECONDS", 6);
	torture.options = (struct torture_options){.seed = torture_variable("TORTURE_SEED", 3),
	                                           .duration = (nanos)seconds * SECOND,
	                                           .uploads = torture_variable("TORTURE_UPLOADS", seconds * 20),
	                                           .pause = (nanos)torture_variable("TORTURE_PAUSE", 2000) * MILLISECOND,
	                                           .mix = torture_partitions,
	                                           .stop_limit = (nanos)torture_variable("TORTURE_STOP", 20) * SECOND,
	                                           .end_limit = 3 * MINUTE,
	                                           .network = &network,
	                                           .timeout = 5 * SECOND};
	network_begin(&network, TORTURE_INSTANCES);
	scenario_open(&torture.scenario,
	              &(struct scenario_options){.steps = TORTURE_STEPS, .ini = TORTURE_INI, .host = NETWORK_HOST});
	torture_run(&torture, &torture.scenario.nats, 1);
	network_end(&network);
	ck_assert_uint_gt(torture.faults.count[FAULT_LONG_HOLE], 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {ends_once_over_broken_links};
	if (!network_leave()) {
		fprintf(stderr, "skipped: this needs root, network namespaces, and `ip` of iproute2\n");
		return SKIPPED;
	}
	return torture_set_limit() ? scenario_run("partition", tests, sizeof tests / sizeof tests[0]) : EXIT_FAILURE;
}
