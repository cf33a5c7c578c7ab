/* SPDX-License-Identifier: Apache-2.0
 * The coordinator in a simulated world, from many seeds. By hand: `test_sim SEED` replays one with a trace,
 * `test_sim FIRST COUNT` runs many, `test_sim -b BREAKAGE SEED` replays with a deliberate breakage. SIM_SEEDS=N makes
 * the test itself shorter or longer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define SEEDS 10000
#define BREAKAGE_SEEDS 10000

static struct sim_holds holds;
static unsigned long suspensions, expired, resumed, judged;

static void add_holds(const struct sim_holds *more)
{
	holds.begun += more->begun;
	holds.ended += more->ended;
	holds.outlasted += more->outlasted;
	holds.orphaned += more->orphaned;
	holds.refused += more->refused;
	holds.returned += more->returned;
}

/* With enough seeds, each of them must occur in each way. */
static bool check_holds(unsigned long seeds)
{
	printf(
		"first steps run without a record: %lu; %lu ended with one write, %lu outlasted the limit, %lu died with their instance, "
		"%lu found a record, %lu gave their event back\n",
		holds.begun, holds.ended, holds.outlasted, holds.orphaned, holds.refused, holds.returned);
	printf(
		"steps suspended: %lu times; %lu uploads waited too long for one; %lu were resumed, %lu held and decided on\n",
		suspensions, expired, resumed, judged);
	return seeds < SEEDS || (judged > 0 && suspensions > 0 && expired > 0 && resumed > 0 && holds.ended > 0 &&
	                         holds.outlasted > 0 && holds.orphaned > 0 && holds.refused > 0 && holds.returned > 0);
}

static bool run_seed(uint64_t seed, enum breakage breakage, bool trace, char violation[256])
{
	struct world *world = malloc(sizeof *world);
	if (world == NULL)
		abort();
	bool good = world_run(world, seed, breakage, trace);
	snprintf(violation, 256, "%s", world->violation);
	if (breakage == BREAK_NOTHING) {
		add_holds(&world->holds);
		suspensions += world->suspensions;
		expired += world->expired;
		resumed += world->resumed;
		judged += world->judged;
	}
	world_free(world);
	free(world);
	return good;
}

static unsigned run_seeds(uint64_t first, uint64_t count)
{
	unsigned bad = 0;
	char violation[256];
	for (uint64_t seed = first; seed < first + count && bad < 10; seed++) {
		if (run_seed(seed, BREAK_NOTHING, false, violation))
			continue;
		bad++;
		printf("seed %llu: %s\n", (unsigned long long)seed, violation);
	}
	return bad;
}

/* Each breakage must be detected. */
static unsigned run_breakages(void)
{
	unsigned missed = 0;
	char violation[256];
	for (enum breakage breakage = BREAK_NOTHING + 1; breakage < BREAKAGES; breakage++) {
		uint64_t seed = 1;
		while (seed <= BREAKAGE_SEEDS && run_seed(seed, breakage, false, violation))
			seed++;
		if (seed <= BREAKAGE_SEEDS) {
			printf("breakage %d: found with seed %llu: %s\n", (int)breakage, (unsigned long long)seed, violation);
			continue;
		}
		missed++;
		printf("breakage %d: not found within %d seeds\n", (int)breakage, BREAKAGE_SEEDS);
	}
	return missed;
}

int main(int argc, char **argv)
{
	char violation[256];
	if (argc == 4 && strcmp(argv[1], "-b") == 0)
		return run_seed(strtoull(argv[3], NULL, 10), (enum breakage)atoi(argv[2]), true, violation) ? 0 : 1;
	if (argc == 3)
		return run_seeds(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10)) == 0 ? 0 : 1;
	if (argc == 2)
		return run_seed(strtoull(argv[1], NULL, 10), BREAK_NOTHING, true, violation) ? 0 : 1;
	const char *wanted = getenv("SIM_SEEDS");
	unsigned long seeds = wanted != NULL ? strtoul(wanted, NULL, 10) : SEEDS;
	unsigned bad = run_seeds(1, seeds), missed = run_breakages();
	printf("%lu seeds, %u violations; %d breakages, %u missed\n", seeds, bad, BREAKAGES - 1, missed);
	return check_holds(seeds) && bad + missed == 0 ? 0 : 1;
}
