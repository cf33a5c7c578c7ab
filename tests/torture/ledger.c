/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/ledger.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/jetstream/tombstones.h"

/* The last ones may still get a late answer. */
#define KEPT 8
/* An end is published again at most twice in a run, unless its record is refused. */
#define ENDS 16

struct page {
	struct stand kept[KEPT]; /* the latest first */
	uint64_t last;           /* that the broker has confirmed, deletions included */
	nanos deleted;           /* when it confirmed a deletion; 0: it was a record */
	bool forgotten;
	struct {
		uint64_t said;
		nanos at;
	} end[ENDS]; /* decided, the oldest first */
	size_t ends;
};

struct ledger {
	struct page *page; /* of each upload */
	size_t count, compared, early;
};

struct ledger *ledger_create(size_t count)
{
	struct ledger *ledger = calloc(1, sizeof *ledger);
	ck_assert_ptr_nonnull(ledger);
	ledger->count = count;
	ledger->page = calloc(count, sizeof *ledger->page);
	ck_assert_ptr_nonnull(ledger->page);
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	free(ledger->page);
	free(ledger);
}

/* Whether this record ends a wait of the one before. Without a run of the step, a wait goes on or was ended by an
 * answer; and storage is told again only if it has not confirmed in time. A wait that becomes shorter ends as well. */
static bool ends_wait(const struct stand *before, const struct stand *after)
{
	if (before->phase == PHASE_WAITING)
		return after->step != before->step || after->phase != PHASE_WAITING || after->due < before->due;
	if (before->phase == PHASE_CONFIRMING)
		return after->phase == PHASE_CONFIRMING && after->said != before->said;
	if (before->phase != PHASE_BACKOFF)
		return false;
	return after->step == before->step ? after->phase != PHASE_BACKOFF || after->due < before->due : !before->awaited;
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
	       phase_name(before->phase), before->step, time_format(before->due, due), time_format(now, then),
	       phase_name(after->phase), after->step);
}

static size_t index_of(const struct ledger *ledger, const char *id)
{
	size_t index = id[0] == 'u' ? strtoul(id + 1, NULL, 10) : SIZE_MAX;
	return index < ledger->count ? index : SIZE_MAX;
}

static void note_end(struct page *page, const struct stand *stand)
{
	for (size_t i = 0; i < page->ends; i++)
		if (page->end[i].said == stand->said)
			return;
	ck_assert_uint_lt(page->ends, ENDS);
	page->end[page->ends].said = stand->said;
	page->end[page->ends++].at = stand->published_at;
}

bool ledger_passes(struct ledger *ledger, const char *value, size_t length, uint64_t expected, unsigned instance,
                   size_t *index, struct stand *stand)
{
	struct record record;
	char why[128];
	*index = SIZE_MAX;
	ck_assert_msg(record_decode(value, length, &record, why, sizeof why) == RECORD_TAKEN,
	              "an instance writes an invalid record: %s", why);
	ck_assert_msg(!record.foreign, "an instance writes a record that it cannot read itself");
	*index = index_of(ledger, record.upload->id);
	*stand = (struct stand){
		.expected = expected,
		.instance = instance,
		.phase = record.status.phase,
		.step = record.status.step,
		.awaited = record.status.awaited,
		.due = record.status.due,
		.said = record.status.published,
		.published_at = record.status.published_at,
	};
	record_clear(&record);
	if (*index == SIZE_MAX)
		return false;
	struct page *page = &ledger->page[*index];
	const struct stand *kept = page->kept;
	if (stand->phase == PHASE_CONFIRMING && stand->said != 0)
		note_end(page, stand);
	for (size_t i = 0; i < KEPT; i++)
		if (kept[i].revision != 0 && kept[i].revision == expected)
			compare(ledger, *index, &kept[i], stand);
	return kept[0].revision != 0 && kept[0].instance != instance;
}

/* The ID that is encoded as RFC 4648 base32 in a key; "" if it is too long. */
static void read_key(const char *key, char id[32])
{
	size_t length = 0;
	unsigned bits = 0, count = 0;
	for (; *key != '\0' && *key != '=' && length < 31; key++) {
		bits = bits << 5 | (unsigned)(*key >= 'A' ? *key - 'A' : *key - '2' + 26);
		count += 5;
		if (count >= 8)
			id[length++] = (char)(bits >> (count -= 8));
	}
	id[*key == '\0' || *key == '=' ? length : 0] = '\0';
}

void ledger_deletes(struct ledger *ledger, const char *key, uint64_t expected, size_t *index, struct stand *stand)
{
	char id[32];
	read_key(key, id);
	*index = index_of(ledger, id);
	*stand = (struct stand){.expected = expected, .phase = PHASE_ENDED};
}

/* No trace of a deletion is left after its marker was removed. */
static bool is_cleared(const struct page *page)
{
	return page->deleted != 0 && clock_now() - page->deleted >= TOMBSTONE_AGE;
}

void ledger_stored(struct ledger *ledger, size_t index, const struct stand *stand)
{
	struct page *page = &ledger->page[index];
	if (stand->revision <= page->last) /* it was done already, or the report is late */
		return;
	if (stand->expected < page->last && !(stand->expected == 0 && is_cleared(page))) {
		page->forgotten = true;
		printf("u%zu: the broker took a write on revision %" PRIu64 ", and had replaced that by %" PRIu64 "\n", index,
		       stand->expected, page->last);
	}
	page->last = stand->revision;
	page->deleted = stand->phase == PHASE_ENDED ? clock_now() : 0;
	for (size_t i = KEPT - 1; i > 0; i--)
		page->kept[i] = page->kept[i - 1];
	page->kept[0] = *stand;
}

void ledger_compare_end(struct ledger *ledger, size_t index, uint64_t revision)
{
	struct page *page = &ledger->page[index];
	if (revision >= page->last || page->forgotten || (revision == 0 && is_cleared(page)))
		return;
	page->forgotten = true;
	printf("u%zu: the broker has revision %" PRIu64 ", and had stored %" PRIu64 "\n", index, revision, page->last);
}

bool ledger_forgotten(const struct ledger *ledger, size_t index)
{
	return ledger->page[index].forgotten;
}

nanos ledger_decided(const struct ledger *ledger, size_t index, uint64_t said)
{
	const struct page *page = &ledger->page[index];
	for (size_t i = 0; i < page->ends; i++)
		if (page->end[i].said == said)
			return page->end[i].at;
	return 0;
}

size_t ledger_compared(const struct ledger *ledger)
{
	return ledger->compared;
}

size_t ledger_early(const struct ledger *ledger)
{
	return ledger->early;
}
