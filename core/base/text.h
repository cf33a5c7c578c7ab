/* SPDX-License-Identifier: Apache-2.0
 * A growing text, for JSON that holds fragments which are passed through unchanged. An allocation that
 * fails is remembered, so that only the end needs a check. */
#ifndef CORE_BASE_TEXT_H
#define CORE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data; /* always terminated once something was added */
	size_t length, size;
	bool failed; /* an allocation failed; data is incomplete */
};

void text_add(struct text *text, const char *more);
void text_add_bytes(struct text *text, const char *more, size_t length);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string, quotes and all; NULL gives null. Bytes that are no UTF-8 become U+FFFD: what is written can be
 * read again, whatever a scanner or a file system had to say. */
void text_add_json(struct text *text, const char *string);
/* A member: `lead` is what stands before its value, as ",\"Name\":". */
void text_string(struct text *text, const char *lead, const char *string);
void text_number(struct text *text, const char *lead, int64_t number);
void text_json(struct text *text, const char *lead, const char *json);
/* Standard base64 with padding. */
void text_add_base64(struct text *text, const char *bytes, size_t length);
/* Empties it and keeps the memory. */
void text_clear(struct text *text);
void text_free(struct text *text);
/* The text, for the caller to free(), or NULL if an allocation failed. Empties `text`. */
char *text_take(struct text *text);

/* Ends a text that was cut, and now fills size - 1 bytes, with "…", at a character's border. */
void text_mark_cut(char *text, size_t size);

/* Copies `from`, cut at a character's border where it is longer than size - 1 bytes. They may overlap. */
void text_copy(char *to, size_t size, const char *from);

#endif
