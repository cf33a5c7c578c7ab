/* SPDX-License-Identifier: Apache-2.0
 * A growing text, for JSON with fragments that are copied unchanged. A failed allocation is remembered, so that one
 * check at the end is enough. */
#ifndef CORE_BASE_TEXT_H
#define CORE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data; /* always terminated after something was added */
	size_t length, size;
	bool failed; /* an allocation failed; data is incomplete */
};

void text_add(struct text *text, const char *more);
void text_add_bytes(struct text *text, const char *more, size_t length);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds a JSON string with its quotes; NULL adds null. Invalid UTF-8 is replaced with U+FFFD, so that the result can
 * always be read again. */
void text_add_json(struct text *text, const char *string);
/* Add a member: `lead` is the text before its value, as ",\"Name\":". */
void text_string(struct text *text, const char *lead, const char *string);
void text_number(struct text *text, const char *lead, int64_t number);
void text_json(struct text *text, const char *lead, const char *json);
/* Standard base64 with padding. */
void text_add_base64(struct text *text, const char *bytes, size_t length);
/* Empties the text and keeps the memory. */
void text_clear(struct text *text);
void text_free(struct text *text);
/* Returns the text, which the caller frees, or NULL if an allocation failed. Empties `text`. */
char *text_take(struct text *text);

/* The next of the words of a list, which are separated by spaces. Moves *list behind it. NULL: there are no more; the
 * list may be NULL, too. */
const char *text_next_word(const char **list, size_t *length);

/* Whether two texts, each of which may be NULL, are equal. */
bool text_same(const char *one, const char *other);

/* Replaces the end of a truncated text, which fills size - 1 bytes, with "…", at a character boundary. */
void text_mark_cut(char *text, size_t size);

/* Copies `from`, truncated at a character boundary if it is longer than size - 1 bytes. The texts may overlap. */
void text_copy(char *to, size_t size, const char *from);

#endif
