/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/coordinator/coordinator_world.h"

struct fake_world world;

const struct status queued = {.step = 0, .phase = PHASE_QUEUED, .due = 1700000000 * SECOND + MINUTE, .transition = 1};

static void setup(void)
{
	fake_open(&world);
}

static void teardown(void)
{
	fake_close(&world);
}

int coordinator_world_run(const char *name, const TTest *const *test, size_t count)
{
	Suite *suite = suite_create(name);
	TCase *cases = tcase_create(name);
	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, setup, teardown);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(cases, test[i]);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

struct status stored(const char *id)
{
	struct record record;
	ck_assert(fake_record(&world, id, &record));
	struct status status = record.status;
	record_clear(&record);
	return status;
}

bool is_stored(const char *id)
{
	struct record record;
	bool found = fake_record(&world, id, &record);
	if (found)
		record_clear(&record);
	return found;
}

void store(const char *id, const char *owner, struct status status)
{
	status.begun = status.begun != 0 ? status.begun : 1;
	status.stream = FAKE_STREAM;
	status.published = status.transition;
	status.published_at = world.now;
	struct record record = fake_make_record(id, owner, &status);
	fake_store(&world, &record);
	record_clear(&record);
}

void run_to_end(const char *id, uint64_t sequence)
{
	fake_begin(&world, id, sequence, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	ck_assert_int_eq(stored(id).phase, PHASE_CONFIRMING);
	text_clear(&world.words);
}
