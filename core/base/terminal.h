/* SPDX-License-Identifier: Apache-2.0
 * Text on a terminal. It may come from users, modules, other services, records of other programs: see printable.h for what of it
 * is shown as it is. */
#ifndef CORE_BASE_TERMINAL_H
#define CORE_BASE_TERMINAL_H

#include <stdio.h>

void terminal_print(FILE *to, const char *text);

/* The same, with blanks behind it up to a width in characters, and two more. */
void terminal_cell(FILE *to, const char *text, int width);

/* How many characters terminal_print() shows. */
int terminal_width(const char *text);

/* A line on standard error; what the arguments hold is shown in the same way. */
void terminal_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
