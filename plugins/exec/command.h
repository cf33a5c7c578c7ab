/* SPDX-License-Identifier: Apache-2.0
 * One execution of a command: a process group that gets bytes, says something, and is ended with all that is in it. */
#ifndef PLUGINS_EXEC_COMMAND_H
#define PLUGINS_EXEC_COMMAND_H

#include <stdint.h>
#include <sys/types.h>

#include "output.h"
#include "postprocessing/step.h"

/* The descriptor under which the command finds its file. */
#define COMMAND_FILE 3
#define COMMAND_FILE_PATH "/dev/fd/3"

enum command_end {
	COMMAND_EXITED,
	COMMAND_KILLED,  /* by a signal that was not ours */
	COMMAND_TIMEOUT, /* ended by us, and so are: */
	COMMAND_CANCELLED,
	COMMAND_UNREAD, /* the upload's bytes could not be had */
	COMMAND_ERROR   /* errno: it did not start, or could not be watched */
};

struct command {
	const struct pp_host *host;
	struct pp_run *run;
	char *const *arguments, *const *environment;
	int file;      /* passed as COMMAND_FILE; -1: none */
	bool feed;     /* the upload's bytes go to its standard input, which is else empty */
	int64_t until; /* monotonic; the command is ended then */
	struct output out, errors;
	int status; /* the exit status, or the signal */

	/* Its own: */
	pid_t group;
	int input, output[2]; /* our ends of the pipes; -1: closed */
	const char *bytes;    /* not written yet */
	size_t length;
};

int64_t command_now(void); /* monotonic, nanoseconds */
enum command_end command_execute(struct command *command);

#endif
