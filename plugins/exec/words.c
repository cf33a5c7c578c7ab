/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <stdlib.h>
#include <string.h>

static bool is_space(char character)
{
	return character == ' ' || character == '\t';
}

/* Copies one word from *text to *to. False: a quote is not closed. */
static bool take_word(const char **text, char **to)
{
	const char *from = *text;
	char *end = *to;
	bool quoted = false;
	for (; *from != '\0' && (quoted || !is_space(*from)); from++) {
		if (*from == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && *from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		*end++ = *from;
	}
	*end++ = '\0';
	*text = from;
	*to = end;
	return !quoted;
}

const char *words_split(struct words *words, const char *text)
{
	*words = (struct words){0};
	char *to = words->room = malloc(strlen(text) + 1);
	if (to == NULL)
		return "out of memory";
	for (;;) {
		while (is_space(*text))
			text++;
		if (*text == '\0')
			return words->count == 0 ? "it has no words" : NULL;
		if (words->count == WORDS_MAX)
			return "it has too many words";
		words->word[words->count++] = to;
		if (!take_word(&text, &to))
			return "a double quote is not closed";
	}
}

void words_free(struct words *words)
{
	free(words->room);
	words->room = NULL;
	words->count = 0;
}

/* A status at *text; -1: there is none. */
static int take_status(const char **text)
{
	int status = 0;
	const char *from = *text;
	for (; **text >= '0' && **text <= '9' && status < 256; (*text)++)
		status = status * 10 + (**text - '0');
	return *text == from || status > 255 ? -1 : status;
}

const char *statuses_parse(const char *list, uint32_t value, uint32_t outcome[256], bool taken[256])
{
	if (strcmp(list, "none") == 0)
		return NULL;
	while (*list != '\0') {
		list += strspn(list, " \t,");
		if (*list == '\0')
			break;
		int first = take_status(&list), last = first;
		if (*list == '-') {
			list++;
			last = take_status(&list);
		}
		if (first < 0 || last < first || (*list != '\0' && strchr(" \t,", *list) == NULL))
			return "expected exit statuses from 0 to 255, such as: 1 3 10-12; or none";
		for (int status = first; status <= last; status++) {
			if (taken[status])
				return "an exit status is in two lists";
			taken[status] = true;
			outcome[status] = value;
		}
	}
	return NULL;
}
