/* SPDX-License-Identifier: Apache-2.0
 * The words of a command, and lists of exit statuses. */
#ifndef PLUGINS_EXEC_WORDS_H
#define PLUGINS_EXEC_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX 128

struct words {
	char *room; /* holds all of them */
	char *word[WORDS_MAX + 1];
	size_t count;
};

/* Splits at spaces and tabs. A part between double quotes is taken as it is; in it, a backslash stands before a double
 * quote or a backslash. NULL, or what is wrong with the text. */
const char *words_split(struct words *words, const char *text);
void words_free(struct words *words);

/* Sets outcome[] for each status in a list such as "0", "3 10-12" or "none". NULL, or what is wrong with the list. */
const char *statuses_parse(const char *list, uint32_t value, uint32_t outcome[256], bool taken[256]);

#endif
