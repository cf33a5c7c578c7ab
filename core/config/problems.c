/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/utf8.h"
#include "core/config/config_keys.h"

/* More than anybody reads; keeps a file of rubbish from filling the memory. */
#define PROBLEMS_MAX 1000
#define PROBLEM_SIZE 1024

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
	problems->line = alloc_resized(problems->line, (problems->count + 1) * sizeof *problems->line);
	problems->line[problems->count++] = alloc_text(text);
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
	if (problems->count > PROBLEMS_MAX)
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

void config_blame(const struct config *config, struct problems *problems, const char *section, const char *key,
                  const char *format, ...)
{
	const struct found found = config_find(config->source, section, key);
	char text[PROBLEM_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (found.place != NULL)
		problems_add(problems, "%s: %s: %s", found.place, key, text);
	else
		problems_add(problems, "[%s] %s: %s", section, key, text);
}

void problems_free(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		free(problems->line[i]);
	free(problems->line);
	*problems = (struct problems){0};
}
