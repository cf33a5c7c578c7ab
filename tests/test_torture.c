/* SPDX-License-Identifier: Apache-2.0
 * Three instances under attack, judged by what is on the stream in the end. Alone it is the short form, with few faults
 * of a fixed seed. `make torture` is the long one; variables: TORTURE_SEED, TORTURE_SECONDS, TORTURE_UPLOADS,
 * and TORTURE_STOP (seconds that an instance is stopped at the most; the broker remembers IDs for two minutes). */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#include "tests/torture/torture.h"

static struct torture torture;

/* Backoffs are short and retries many: who is attacked so often fails more than anybody would allow. */
#define INI                                                                     \
	"[postprocessing]\nmax_retries = 100\nretry_backoff = 100ms\n"                \
	"[step:virusscan]\ndeadline = 10s\n[step:delay]\nduration = 300ms\nworkers = 8\n" \
	"[step:remote]\nmodule = remote\ndeadline = 4s\n"

static uint64_t variable(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);
	return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : fallback;
}

static struct torture_options read_options(void)
{
	uint64_t seconds = variable("TORTURE_SECONDS", 0);
	if (seconds == 0)
		return (struct torture_options){.seed = variable("TORTURE_SEED", 96), .duration = 10 * SECOND, .uploads = 300, .pause = 1500 * MILLISECOND,
		                                .stop_limit = 3 * SECOND, .end_limit = 3 * MINUTE};
	return (struct torture_options){.seed = variable("TORTURE_SEED", 1), .duration = (nanos)seconds * SECOND,
	                                .uploads = variable("TORTURE_UPLOADS", seconds * 20), .pause = 2 * SECOND,
	                                .stop_limit = (nanos)variable("TORTURE_STOP", 40) * SECOND, .end_limit = 5 * MINUTE};
}

static void begin(void)
{
	jsOptions options;
	torture.options = read_options();
	scenario_open(&torture.scenario, &(struct scenario_options){.steps = "virusscan, delay, remote", .ini = INI});
	scenario_start_clamd(&torture.scenario, NULL);
	jsOptions_Init(&options);
	options.Wait = 1000;
	ck_assert_int_eq(natsConnection_JetStream(&torture.js, torture.scenario.connection, &options), NATS_OK);
	torture.scenario.recorder.js = torture.js;
	faults_begin(&torture);
	load_begin(&torture);
}

static void end(void)
{
	faults_end(&torture);
	load_end(&torture.load);
	jsCtx_Destroy(torture.js);
	torture.scenario.recorder.js = torture.scenario.js;
	scenario_close(&torture.scenario);
}

static void attack(void)
{
	nanos limit = clock_monotonic() + torture.options.duration;
	while (clock_monotonic() < limit) {
		faults_turn(&torture, true);
		load_turn(&torture);
		poll(NULL, 0, 2);
	}
}

static bool settles(void *closure)
{
	(void)closure;
	faults_turn(&torture, false);
	load_turn(&torture);
	return faults_are_over(&torture.faults) && torture.load.next == torture.load.count && oracle_is_quiet(&torture);
}

START_TEST(ends_once)
{
	struct verdict verdict = {0};
	begin();
	attack();
	nanos last = clock_monotonic();
	bool settled = wait_until(settles, NULL, torture.options.end_limit);
	verdict.settled = clock_monotonic() - last;
	oracle_judge(&torture, &verdict, stdout);
	table_print(&torture, &verdict, stdout);
	fflush(stdout);
	ck_assert_msg(settled, "not all is over %" PRId64 " s after the last fault", verdict.settled / SECOND);
	ck_assert_msg(verdict_is_good(&verdict), "a promise is broken");
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {ends_once};
	char factor[32];
	/* Check's limit is for the short form. */
	snprintf(factor, sizeof factor, "%" PRIu64, 2 + variable("TORTURE_SECONDS", 0) / 200);
	if (variable("TORTURE_SECONDS", 0) != 0 && setenv("CK_TIMEOUT_MULTIPLIER", factor, 1) != 0)
		return EXIT_FAILURE;
	return scenario_run("torture", tests, sizeof tests / sizeof tests[0]);
}
