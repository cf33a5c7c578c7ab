/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/config/config.h"

/* More than anybody reads; keeps a file of rubbish from filling the memory. */
#define PROBLEMS_MAX 1000
#define PROBLEM_SIZE 1024

/* Stands for all problems when there is no memory for them: a configuration must never look sound for want of memory.
 */
static const char out_of_memory[] = "out of memory";
static const char *const out_of_memory_line[] = {out_of_memory};

bool problems_are_incomplete(const struct problems *problems)
{
	return problems->line == (char **)out_of_memory_line;
}

static void give_up(struct problems *problems)
{
	problems_free(problems);
	problems->line = (char **)out_of_memory_line;
	problems->count = 1;
}

/* One wrong variable can set several keys, and be read in both passes. */
static bool is_known(const struct problems *problems, const char *text)
{
	for (size_t i = 0; i < problems->count; i++)
		if (strcmp(problems->line[i], text) == 0)
			return true;
	return false;
}

static void append(struct problems *problems, const char *text)
{
	char **line = realloc(problems->line, (problems->count + 1) * sizeof *line);
	if (line == NULL) {
		give_up(problems);
		return;
	}
	problems->line = line;
	line[problems->count] = strdup(text);
	if (line[problems->count] == NULL)
		give_up(problems);
	else
		problems->count++;
}

/* Names and values come from outside: they must not forge a line or move a terminal's cursor. Each character that could
 * becomes a question mark, as does a byte that is not UTF-8, such as those of a character that was cut. */
static void make_visible(char *text)
{
	char *to = text;
	for (size_t left = strlen(text); left > 0;) {
		uint32_t character;
		size_t size = utf8_read(text, left, &character);
		bool visible = size != 0 && !utf8_is_hidden(character);
		size = size == 0 ? 1 : size;
		if (visible)
			memmove(to, text, size);
		else
			*to = '?';
		to += visible ? size : 1;
		text += size;
		left -= size;
	}
	*to = '\0';
}

void problems_add(struct problems *problems, const char *format, ...)
{
	if (problems_are_incomplete(problems) || problems->count > PROBLEMS_MAX)
		return;
	if (problems->count == PROBLEMS_MAX) {
		append(problems, "and more");
		return;
	}
	char text[PROBLEM_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	make_visible(text);
	if (!is_known(problems, text))
		append(problems, text);
}

void problems_free(struct problems *problems)
{
	if (!problems_are_incomplete(problems)) {
		for (size_t i = 0; i < problems->count; i++)
			free(problems->line[i]);
		free(problems->line);
	}
	*problems = (struct problems){0};
}
