/* SPDX-License-Identifier: Apache-2.0
 * Why a scanner cannot be used, for people: in full, and short for a line that names several scanners. */
#ifndef VIRUSSCAN_CAUSE_H
#define VIRUSSCAN_CAUSE_H

#include <stddef.h>
#include <stdint.h>

#define CAUSE_TEXT_SIZE 640
#define CAUSE_BRIEF_SIZE 300

struct cause {
	char text[CAUSE_TEXT_SIZE];   /* with the address and the hint */
	char brief[CAUSE_BRIEF_SIZE]; /* without both */
	const char *hint;             /* what to look at, in small letters; NULL: nothing so far; "": nothing */
};

/* Sets the brief text, and the full one with the prefix in front of it. No hint. */
void cause_set(struct cause *cause, const char *prefix, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Adds to the full text: a prefix in front, and the hint (NULL: none) behind, unless one is set already. */
void cause_wrap(struct cause *cause, const char *prefix, const char *hint);

/* A span of time as people say it, such as "9 s". */
#define SPAN_SIZE 32
const char *format_span(int64_t nanoseconds, char text[SPAN_SIZE]);

/* The text of an error of the system. If a permission is missing, it has the name of the user who lacks it. */
#define ERROR_TEXT_SIZE 160
const char *format_error(int number, char text[ERROR_TEXT_SIZE]);

#endif
