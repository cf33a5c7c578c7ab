/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/printable.h"

void terminal_print(FILE *to, const char *text)
{
	char escape[PRINTABLE_ESCAPE_SIZE];
	size_t left = strlen(text), length;
	for (const char *part; (part = printable_next(&text, &left, false, escape, &length)) != NULL;)
		fwrite(part, 1, length, to);
}

int terminal_width(const char *text)
{
	char escape[PRINTABLE_ESCAPE_SIZE];
	size_t left = strlen(text), length;
	int width = 0;
	for (const char *part; (part = printable_next(&text, &left, false, escape, &length)) != NULL;)
		for (size_t i = 0; i < length; i++)
			width += ((unsigned char)part[i] & 0xc0) != 0x80;
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
	char *line;
	va_list arguments;
	va_start(arguments, format);
	line = alloc_checked(vasprintf(&line, format, arguments) < 0 ? NULL : line);
	va_end(arguments);
	terminal_print(stderr, line);
	fputc('\n', stderr);
	free(line);
}
