/* SPDX-License-Identifier: Apache-2.0 */
#include "summary.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct line {
	char *text;
	size_t used;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line->text + line->used, SUMMARY_SIZE - line->used, format, arguments);
	va_end(arguments);
	size_t room = SUMMARY_SIZE - 1 - line->used;
	line->used += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room;
}

/* Whether one before it has the same cause, so that it was named with that one. */
static bool is_named(const struct failure *failed, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (strcmp(failed[i].cause.brief, failed[number].cause.brief) == 0)
			return true;
	return false;
}

/* The first `named` failures. */
static void add_failures(struct line *line, const char *kind, const struct failure *failed, size_t named)
{
	for (size_t i = 0; i < named; i++) {
		if (is_named(failed, i))
			continue;
		add(line, "%s%s (%s", i > 0 ? "; " : "", kind, failed[i].address);
		for (size_t j = i + 1; j < named; j++)
			if (strcmp(failed[j].cause.brief, failed[i].cause.brief) == 0)
				add(line, ", %s", failed[j].address);
		add(line, "): %s", failed[i].cause.brief);
	}
}

static void add_hint(struct line *line, const struct failure *failed, size_t failures)
{
	const char *hint = NULL;
	for (size_t i = 0; i < failures && hint == NULL; i++)
		hint = failed[i].cause.hint;
	if (hint != NULL && hint[0] != '\0')
		add(line, ". %c%s", toupper((unsigned char)hint[0]), hint + 1);
}

void summarize(const char *kind, const struct failure *failed, size_t failures, size_t all, size_t limit,
               char text[SUMMARY_SIZE])
{
	struct line line = {.text = text};
	for (size_t named = failures; named > 0; named--) {
		line.used = 0;
		add(&line, "%zu of %zu scanners fail: ", failures, all);
		add_failures(&line, kind, failed, named);
		if (named < failures)
			add(&line, "; and %zu more", failures - named);
		if (line.used <= limit)
			break;
	}
	size_t without = line.used;
	add_hint(&line, failed, failures);
	if (line.used > limit)
		text[without] = '\0';
}
