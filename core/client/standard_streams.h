/* SPDX-License-Identifier: Apache-2.0
 * Standard input, output and error of a program: what its main() does first and last. */
#ifndef CORE_CLIENT_STANDARD_STREAMS_H
#define CORE_CLIENT_STANDARD_STREAMS_H

#include <stdbool.h>

/* Opens /dev/null for each of the three that is closed. Otherwise a file opened later would take its descriptor, and messages
 * would be written into that file. False: it could not be opened. */
bool standard_streams_open(void);

/* Flushes standard output and returns the exit status of the program: `status`, or EXIT_ERROR, with a message on stderr, if
 * the output is incomplete. A status above EXIT_ERROR is never changed. */
int standard_streams_finish(const char *program, int status);

#endif
