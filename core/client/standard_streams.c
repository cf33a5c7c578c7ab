/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/client/options.h"

bool standard_streams_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* open() returns the lowest free descriptor, which is this one. */
		if (open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
			return false;
	}
	return true;
}

/* Whether standard output is a pipe without a reader. errno no longer tells if an earlier write failed. */
static bool reader_is_gone(void)
{
	struct pollfd output = {.fd = STDOUT_FILENO};
	return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

int standard_streams_finish(const char *program, int status)
{
	bool written = fflush(stdout) == 0 && ferror(stdout) == 0;
	if (written || status > EXIT_ERROR)
		return status;
	/* `… | head` is no error. A library may ignore SIGPIPE, which would have ended the program. */
	if (reader_is_gone())
		return 128 + SIGPIPE;
	fprintf(stderr, "%s: standard output: %s\n", program, strerror(errno));
	return EXIT_ERROR;
}
