/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/torture.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

/* Versions of the broker that lose records that they have acknowledged. */
#define FORGETFUL_VERSIONS "2.9."

uint64_t torture_variable(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);
	return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : fallback;
}

bool torture_set_limit(void)
{
	uint64_t seconds = torture_variable("TORTURE_SECONDS", 0);
	char factor[32];
	/* Check's limit applies to the short form. */
	snprintf(factor, sizeof factor, "%" PRIu64, 3 + seconds / 200);
	return seconds == 0 || setenv("CK_TIMEOUT_MULTIPLIER", factor, 1) == 0;
}

static void begin(struct torture *torture, struct nats_fixture *server, unsigned servers)
{
	unsigned port[TORTURE_BROKERS];
	jsOptions options;
	scenario_start_clamd(&torture->scenario, NULL);
	jsOptions_Init(&options);
	options.Wait = 1000;
	ck_assert_int_eq(natsConnection_JetStream(&torture->js, torture->scenario.connection, &options), NATS_OK);
	torture->scenario.recorder.js = torture->js;
	for (unsigned i = 0; i < servers; i++)
		port[i] = server[i].port;
	torture->ledger = ledger_create(torture->options.uploads);
	torture->proxy =
		proxy_create(torture->scenario.options.host, port, servers, torture->ledger, torture->options.seed * 2 + 3);
	torture->older = getenv("OLD_SERVER");
	brokers_begin(torture, server, servers);
	instances_begin(torture);
	load_begin(torture);
	faults_begin(torture);
}

static void end(struct torture *torture)
{
	instances_end(torture);
	load_end(&torture->load);
	proxy_destroy(torture->proxy);
	ledger_free(torture->ledger);
	jsCtx_Destroy(torture->js);
	torture->scenario.recorder.js = torture->scenario.js;
	scenario_close(&torture->scenario);
}

static void attack(struct torture *torture)
{
	nanos limit = clock_monotonic() + torture->options.duration, now;
	while ((now = clock_monotonic()) < limit) {
		faults_turn(torture, true);
		load_turn(torture);
		if (torture->options.pause == 0)
			meter_turn(torture, now);
		poll(NULL, 0, 2);
	}
}

static bool settles(void *closure)
{
	struct torture *torture = closure;
	faults_turn(torture, false);
	load_turn(torture);
	return faults_are_over(&torture->faults) && torture->load.next == torture->load.count && oracle_is_quiet(torture);
}

void torture_run(struct torture *torture, struct nats_fixture *server, unsigned servers)
{
	struct verdict verdict = {0};
	begin(torture, server, servers);
	attack(torture);
	nanos last = clock_monotonic();
	bool settled = wait_until(settles, torture, torture->options.end_limit);
	verdict.settled = clock_monotonic() - last;
	if (!settled)
		oracle_tell_consumers(torture, stdout);
	verdict.forgetful = nats_is_version(server[0].port, FORGETFUL_VERSIONS);
	oracle_judge(torture, &verdict, stdout);
	table_print(torture, &verdict, stdout);
	meter_print(torture, stdout);
	fflush(stdout);
	ck_assert_msg(settled || verdict.forgotten_lost > 0, "not all is over %" PRId64 " s after the last fault",
	              verdict.settled / SECOND);
	ck_assert_msg(verdict_is_good(&verdict), "a promise is broken");
	ck_assert_msg(torture->options.pause != 0 || meter_is_good(&torture->meter, stdout), "a process has grown");
	end(torture);
}
