/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/gap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t gap_end(const struct gap *gap)
{
	return gap->count > 0 ? gap->range[gap->count - 1].last : 0;
}

bool gap_has(const struct gap *gap, uint64_t sequence)
{
	for (unsigned i = 0; i < gap->count; i++)
		if (gap->range[i].first <= sequence && sequence <= gap->range[i].last)
			return true;
	return false;
}

bool gap_equals(const struct gap *gap, const struct gap *other)
{
	if (gap->before != other->before || gap->count != other->count)
		return false;
	for (unsigned i = 0; i < gap->count; i++)
		if (gap->range[i].first != other->range[i].first || gap->range[i].last != other->range[i].last)
			return false;
	return true;
}

void gap_add(struct gap *gap, uint64_t first)
{
	/* The added range contains everything from `first` on. */
	while (gap->count > 0 && gap->range[gap->count - 1].first >= first)
		gap->count--;
	bool joined = gap->count > 0 && gap->range[gap->count - 1].last >= first - 1;
	if (joined || gap->count == GAP_RANGES)
		gap->range[gap->count - 1].last = GAP_WITHOUT_END;
	else
		gap->range[gap->count++] = (struct gap_range){first, GAP_WITHOUT_END};
}

void gap_skip(struct gap *gap, uint64_t applied)
{
	unsigned over = 0;
	while (over < gap->count && gap->range[over].last <= applied)
		over++;
	gap->count -= over;
	memmove(gap->range, gap->range + over, gap->count * sizeof gap->range[0]);
	if (gap->count > 0 && gap->range[0].first <= applied)
		gap->range[0].first = applied + 1;
}

void gap_close(struct gap *gap, uint64_t end, int64_t made)
{
	gap->before = made;
	while (gap->count > 0 && gap->range[gap->count - 1].first > end)
		gap->count--;
	if (gap_end(gap) > end)
		gap->range[gap->count - 1].last = end;
}

void gap_write(const struct gap *gap, char text[GAP_TEXT_SIZE])
{
	int length = snprintf(text, GAP_TEXT_SIZE, "before %" PRId64 ":", gap->before);
	for (unsigned i = 0; i < gap->count && length < GAP_TEXT_SIZE; i++) {
		const struct gap_range *range = &gap->range[i];
		length += snprintf(text + length, (size_t)(GAP_TEXT_SIZE - length), " %" PRIu64 "-", range->first);
		if (range->last != GAP_WITHOUT_END && length < GAP_TEXT_SIZE)
			length += snprintf(text + length, (size_t)(GAP_TEXT_SIZE - length), "%" PRIu64, range->last);
	}
}

/* False: not a number. */
static bool read_number(const char **text, uint64_t *number)
{
	char *end;
	if (**text < '0' || **text > '9')
		return false;
	*number = strtoull(*text, &end, 10);
	*text = end;
	return true;
}

/* Reads one range, which must begin after `least`. */
static bool read_range(const char **text, uint64_t least, struct gap_range *range)
{
	if (!read_number(text, &range->first) || **text != '-')
		return false;
	++*text;
	if (!read_number(text, &range->last))
		range->last = GAP_WITHOUT_END;
	return range->first > least && range->first <= range->last;
}

bool gap_read(struct gap *gap, const char *text)
{
	int length = 0;
	uint64_t least = 0;
	*gap = (struct gap){0};
	if (sscanf(text, "before %" SCNd64 ":%n", &gap->before, &length) != 1 || length == 0)
		return false;
	for (text += length; *text == ' '; gap->count++) {
		text++;
		if (gap->count == GAP_RANGES || !read_range(&text, least, &gap->range[gap->count]))
			return false;
		least = gap->range[gap->count].last;
	}
	return *text == '\0';
}
