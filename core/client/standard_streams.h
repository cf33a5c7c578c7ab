/* SPDX-License-Identifier: Apache-2.0
 * Handling of standard input, output and error at the start and end of a program's main(). */
#ifndef CORE_CLIENT_STANDARD_STREAMS_H
#define CORE_CLIENT_STANDARD_STREAMS_H

#include <stdbool.h>

/* Opens /dev/null for each standard stream that is closed. Otherwise, a file opened later would get its descriptor, and
 * messages would be written to that file. False: failed. */
bool standard_streams_open(void);

/* Flushes standard output and returns the exit status of the program: `status`, or EXIT_ERROR, with a message on
 * stderr, if the output is incomplete; without a message and as if SIGPIPE had ended it, if nobody reads the output any
 * more. A status above EXIT_ERROR is never changed. */
int standard_streams_finish(const char *program, int status);

#endif
