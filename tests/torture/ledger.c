/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/ledger.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Of the last ones a late answer may still speak. */
#define KEPT 8

struct ledger {
	struct stand (*kept)[KEPT]; /* of each upload, the latest first */
	size_t count, compared, early;
};

struct ledger *ledger_create(size_t count)
{
	struct ledger *ledger = calloc(1, sizeof *ledger);
	ck_assert_ptr_nonnull(ledger);
	ledger->count = count;
	ledger->kept = calloc(count, sizeof *ledger->kept);
	ck_assert_ptr_nonnull(ledger->kept);
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	free(ledger->kept);
	free(ledger);
}

/* Does this record end a wait of the one before? Without a run of the step a wait goes on, or an answer has ended it; and
 * storage is told again only when it has not confirmed in time. */
static bool ends_wait(const struct stand *before, const struct stand *after)
{
	if (before->phase == PHASE_WAITING)
		return after->step != before->step || after->phase != PHASE_WAITING;
	if (before->phase == PHASE_CONFIRMING)
		return after->phase == PHASE_CONFIRMING && after->said != before->said;
	if (before->phase != PHASE_BACKOFF)
		return false;
	return after->step == before->step ? after->phase != PHASE_BACKOFF : !before->awaited;
}

static void compare(struct ledger *ledger, size_t index, const struct stand *before, const struct stand *after)
{
	nanos now = clock_now();
	char due[TIME_TEXT_SIZE], then[TIME_TEXT_SIZE];
	if (!ends_wait(before, after))
		return;
	ledger->compared++;
	if (now >= before->due)
		return;
	ledger->early++;
	printf("u%zu: instance %u ends a wait (%s, step %zu) until %s at %s (%s, step %zu)\n", index, after->instance,
	       phase_name(before->phase), before->step, time_format(before->due, due), time_format(now, then), phase_name(after->phase),
	       after->step);
}

bool ledger_passes(struct ledger *ledger, const char *value, size_t length, uint64_t expected, unsigned instance, size_t *index,
                   struct stand *stand)
{
	struct record record;
	char why[128];
	*index = SIZE_MAX;
	if (record_decode(value, length, &record, why, sizeof why) != RECORD_TAKEN)
		return false;
	const char *id = record.upload->id;
	if (id[0] == 'u')
		*index = strtoul(id + 1, NULL, 10);
	*stand = (struct stand){
		.instance = instance,
		.phase = record.status.phase,
		.step = record.status.step,
		.awaited = record.status.awaited,
		.due = record.status.due,
		.said = record.status.said,
	};
	record_clear(&record);
	if (*index >= ledger->count) {
		*index = SIZE_MAX;
		return false;
	}
	const struct stand *kept = ledger->kept[*index];
	for (size_t i = 0; i < KEPT; i++)
		if (kept[i].revision != 0 && kept[i].revision == expected)
			compare(ledger, *index, &kept[i], stand);
	return kept[0].revision != 0 && kept[0].instance != instance;
}

void ledger_stored(struct ledger *ledger, size_t index, const struct stand *stand)
{
	struct stand *kept = ledger->kept[index];
	if (stand->revision <= kept[0].revision)
		return;
	for (size_t i = KEPT - 1; i > 0; i--)
		kept[i] = kept[i - 1];
	kept[0] = *stand;
}

size_t ledger_compared(const struct ledger *ledger)
{
	return ledger->compared;
}

size_t ledger_early(const struct ledger *ledger)
{
	return ledger->early;
}
