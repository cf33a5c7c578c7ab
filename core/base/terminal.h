/* SPDX-License-Identifier: Apache-2.0
 * Output to a terminal. The text may come from users, modules, other services, or records of other programs; see
 * printable.h for the escapes. */
#ifndef CORE_BASE_TERMINAL_H
#define CORE_BASE_TERMINAL_H

#include <stdio.h>

void terminal_print(FILE *to, const char *text);

/* The same, padded with blanks to a width in characters, and two more blanks. */
void terminal_cell(FILE *to, const char *text, int width);

/* The number of characters that terminal_print() shows. */
int terminal_width(const char *text);

/* Prints a line to standard error, with the same escapes. */
void terminal_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
