/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/printable.h"
#include "core/base/utf8.h"

static const char *const level_name[] = {"error", "warning", "info", "debug"};

#define CUT "..."

/* Appends `text`, escaped, as far as there is room, and returns the new end. */
static size_t append_printable(char *line, size_t used, size_t size, const char *text, bool cut)
{
	size_t left = strlen(text), room = size - sizeof CUT;
	while (left > 0 && used < room) {
		char escape[PRINTABLE_ESCAPE_SIZE];
		size_t plain = printable_length(text, left < room - used ? left : room - used);
		memcpy(line + used, text, plain);
		used += plain;
		text += plain;
		left -= plain;
		/* Do not write a part of a character. */
		if (left == 0 || used + PRINTABLE_ESCAPE_SIZE > room)
			break;
		size_t taken = printable_escape(text, left, false, escape);
		used += (size_t)snprintf(line + used, size - used, "%s", escape);
		text += taken;
		left -= taken;
	}
	if (cut || left > 0)
		used += (size_t)snprintf(line + used, size - used, CUT);
	return used;
}

/* Removes an incomplete character at the end. */
static void cut_at_character(char *text, size_t length)
{
	size_t start = length;
	while (start > 0 && length - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 0 && (unsigned char)text[start - 1] >= 0xc0 && utf8_length(text + start - 1, length - start + 1) == 0)
		text[start - 1] = '\0';
}

void log_write(const struct log *log, enum log_level level, const char *format, ...)
{
	if (level > log->level)
		return;
	char message[2048], line[4096], when[TIME_TEXT_SIZE];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	bool cut = length >= (int)sizeof message;
	if (cut)
		cut_at_character(message, sizeof message - 1);
	nanos now = clock_now();
	time_format(now / SECOND * SECOND, when);
	/* Always three digits, so that the columns are aligned. */
	int head =
		snprintf(line, sizeof line, "%.19s.%03dZ %s ", when, (int)(now % SECOND / MILLISECOND), level_name[level]);
	size_t used = append_printable(line, (size_t)head, sizeof line - 1, message, cut);
	line[used++] = '\n';
	/* One write per line, so that the lines of several threads are not mixed. Errors are ignored: a failing log stops
	 * nothing. */
	ssize_t written = write(log->fd, line, used);
	(void)written;
}
