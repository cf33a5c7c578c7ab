/* SPDX-License-Identifier: Apache-2.0
 * Child processes of tests. Each dies with the thread that started it, so that a test that crashes leaves none
 * behind. */
#ifndef TESTS_HARNESS_PROCESS_H
#define TESTS_HARNESS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/clock.h"

struct process {
	pid_t pid;  /* 0: no process runs */
	int in;     /* the writing end of its standard input; -1: none */
	int out;    /* the reading end of its standard output; -1: none */
	int status; /* after its end: its exit status, or 128 + the signal that ended it */
};

#define PROCESS_NONE \
	{ \
		.pid = 0, .in = -1, .out = -1, .status = -1 \
	}

struct process_options {
	const char *const *argv; /* NULL-terminated; argv[0] is searched in PATH */
	const char *const *env;  /* "NAME=value" on top of the test's environment, NULL-terminated; NULL: none */
	const char *log;         /* file to which stdout and stderr are appended; NULL: the test's own */
	bool pipe_in;            /* create `in`; otherwise it reads /dev/null */
	bool pipe_out;           /* create `out`; stdout goes there, not to the log */
};

/* False: nothing was started. A program that cannot be executed ends with status 127. */
bool process_start(struct process *process, const struct process_options *options);

/* True once it has ended, with `status` set and the pipes closed except `out`. False: it still runs. */
bool process_wait(struct process *process, nanos limit);

/* Sends a signal. False: nothing runs. */
bool process_signal(const struct process *process, int signal);

/* Ends it, SIGTERM first, SIGKILL after 10 s, and closes the pipes. A process that never ran or has ended is
 * allowed. */
void process_end(struct process *process);

/* The next line of `out` without its line feed. False: there was none within the limit, or `out` has ended. Lines
 * longer than size - 1 are returned in pieces. */
bool process_read_line(struct process *process, char *line, size_t size, nanos limit);

/* Reads `out` until its end or until size - 1 bytes have come. Returns the length; the text ends with a NUL. */
size_t process_read_all(struct process *process, char *text, size_t size);

/* Appends the words of a line, separated by spaces, to an argv of `limit` elements, of which `count` are used, and
 * ends it with NULL. The words point into the line; words for which there is no room are omitted. Returns the new
 * count. */
size_t process_add_words(const char **argv, size_t count, size_t limit, char *line);

#endif
