/* SPDX-License-Identifier: Apache-2.0
 * Text of users on a terminal. */
#ifndef CORE_TERMINAL_H
#define CORE_TERMINAL_H

#include <stdio.h>

/* Prints with control characters as \xNN, so that a file name cannot steer the terminal. */
void terminal_print(FILE *to, const char *text);

#endif
