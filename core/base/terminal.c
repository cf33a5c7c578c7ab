/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/printable.h"

void terminal_print(FILE *to, const char *text)
{
	size_t left = strlen(text);
	while (left > 0) {
		char escape[PRINTABLE_ESCAPE_SIZE];
		size_t plain = printable_length(text, left);
		fwrite(text, 1, plain, to);
		text += plain;
		left -= plain;
		if (left == 0)
			break;
		size_t size = printable_escape(text, left, false, escape);
		fputs(escape, to);
		text += size;
		left -= size;
	}
}

int terminal_width(const char *text)
{
	int width = 0;
	size_t left = strlen(text);
	while (left > 0) {
		char escape[PRINTABLE_ESCAPE_SIZE];
		size_t plain = printable_length(text, left);
		for (size_t i = 0; i < plain; i++)
			width += ((unsigned char)text[i] & 0xc0) != 0x80;
		text += plain;
		left -= plain;
		size_t size = left > 0 ? printable_escape(text, left, false, escape) : 0;
		width += size > 0 ? (int)strlen(escape) : 0;
		text += size;
		left -= size;
	}
	return width;
}

void terminal_cell(FILE *to, const char *text, int width)
{
	int used = terminal_width(text);
	terminal_print(to, text);
	fprintf(to, "%*s  ", width > used ? width - used : 0, "");
}

void terminal_error(const char *format, ...)
{
	char *line = NULL;
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&line, format, arguments) < 0)
		line = NULL;
	va_end(arguments);
	terminal_print(stderr, line != NULL ? line : "out of memory");
	fputc('\n', stderr);
	free(line);
}
