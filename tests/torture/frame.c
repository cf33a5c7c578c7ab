/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/frame.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LIMIT 65536 /* INFO and CONNECT are long */
#define WORDS_LIMIT 6

static size_t split(char *line, char *word[WORDS_LIMIT])
{
	size_t count = 0;
	char *rest;
	for (char *one = strtok_r(line, " \t", &rest); one != NULL && count < WORDS_LIMIT;
	     one = strtok_r(NULL, " \t", &rest))
		word[count++] = one;
	return count;
}

/* PUB subject [reply] #, HPUB subject [reply] # #, MSG subject sid [reply] #, HMSG subject sid [reply] # # */
static bool read_words(char *line, struct frame *frame, size_t *headers, size_t *total)
{
	char *word[WORDS_LIMIT];
	size_t count = split(line, word);
	bool with_headers = word[0][0] == 'H', message = strstr(word[0], "MSG") != NULL;
	size_t least = 3u + with_headers + message;
	if (count < least || count > least + 1)
		return false;
	*total = strtoul(word[count - 1], NULL, 10);
	*headers = with_headers ? strtoul(word[count - 2], NULL, 10) : 0;
	snprintf(frame->subject, sizeof frame->subject, "%s", word[1]);
	if (count > least)
		snprintf(frame->reply, sizeof frame->reply, "%s", word[message ? 3 : 2]);
	return *headers <= *total;
}

static bool is_carrier(const char *line)
{
	static const char *const verb[] = {"PUB ", "HPUB ", "MSG ", "HMSG "};
	for (size_t i = 0; i < sizeof verb / sizeof verb[0]; i++)
		if (strncmp(line, verb[i], strlen(verb[i])) == 0)
			return true;
	return false;
}

enum framing frame_read(const char *bytes, size_t length, struct frame *frame)
{
	char line[2 * FRAME_SUBJECT_SIZE + 128];
	const char *end = memchr(bytes, '\n', length);
	*frame = (struct frame){0};
	if (end == NULL)
		return length < LINE_LIMIT ? FRAMING_PART : FRAMING_WRONG;
	size_t head = (size_t)(end - bytes) + 1, kept = head;
	while (kept > 0 && (bytes[kept - 1] == '\n' || bytes[kept - 1] == '\r'))
		kept--;
	frame->size = head;
	snprintf(line, sizeof line, "%.*s", (int)(kept < sizeof line ? kept : sizeof line - 1), bytes);
	if (!is_carrier(line))
		return FRAMING_WHOLE;
	size_t total;
	if (kept >= sizeof line || !read_words(line, frame, &frame->headers_length, &total))
		return FRAMING_WRONG;
	frame->size = head + total + 2;
	if (length < frame->size)
		return FRAMING_PART;
	frame->carries = true;
	frame->headers = bytes + head;
	frame->payload = frame->headers + frame->headers_length;
	frame->length = total - frame->headers_length;
	return FRAMING_WHOLE;
}

bool frame_header(const struct frame *frame, const char *name, char *value, size_t size)
{
	size_t length = strlen(name);
	for (const char *line = frame->headers, *end = line + frame->headers_length; line < end;) {
		const char *next = memchr(line, '\n', (size_t)(end - line));
		size_t rest = (size_t)((next != NULL ? next : end) - line);
		if (rest > length && strncmp(line, name, length) == 0 && line[length] == ':') {
			const char *text = line + length + 1;
			rest -= length + 1;
			while (rest > 0 && (text[rest - 1] == '\r' || text[rest - 1] == ' '))
				rest--;
			for (; rest > 0 && *text == ' '; text++)
				rest--;
			return (size_t)snprintf(value, size, "%.*s", (int)rest, text) < size;
		}
		line += next != NULL ? rest + 1 : rest;
	}
	return false;
}
