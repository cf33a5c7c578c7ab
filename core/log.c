/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

static const char *const level_name[] = {"error", "warning", "info", "debug"};

/* Appends `text` with control characters as \xNN; returns the new end. */
static size_t append_escaped(char *line, size_t used, size_t size, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	for (; *text != '\0' && used + 5 < size; text++) {
		unsigned char c = (unsigned char)*text;
		if (c >= 0x20 && c != 0x7f) {
			line[used++] = (char)c;
			continue;
		}
		line[used++] = '\\';
		line[used++] = 'x';
		line[used++] = digits[c >> 4];
		line[used++] = digits[c & 15];
	}
	return used;
}

void log_vwrite(const struct log *log, enum log_level level, const char *format, va_list arguments)
{
	if (level > log->level)
		return;
	char message[2048], line[4096], when[TIME_TEXT_SIZE];
	vsnprintf(message, sizeof message, format, arguments);
	nanos now = clock_now();
	time_format(now / SECOND * SECOND, when);
	/* Always three digits, so that lines stand in columns. */
	int head = snprintf(line, sizeof line, "%.19s.%03dZ %s ", when, (int)(now % SECOND / MILLISECOND), level_name[level]);
	size_t used = append_escaped(line, (size_t)head, sizeof line - 1, message);
	line[used++] = '\n';
	/* One write per line, so that lines of several threads do not mix. A log that cannot be written stops nothing. */
	ssize_t written = write(log->fd, line, used);
	(void)written;
}

void log_write(const struct log *log, enum log_level level, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	log_vwrite(log, level, format, arguments);
	va_end(arguments);
}
