/* SPDX-License-Identifier: Apache-2.0
 * A real ICAP server for a test: c-icap with its services virus_scan ("avscan"), on a clamd of the test's, and echo. */
#ifndef TESTS_HARNESS_FIXTURE_ICAP_H
#define TESTS_HARNESS_FIXTURE_ICAP_H

#include "tests/harness/fixture_clamd.h"
#include "tests/harness/folder.h"
#include "tests/harness/process.h"

struct fixture_icap {
	struct process process;
	char folder[FOLDER_PATH_SIZE];
	unsigned port;
};

/* Starts it and waits until it listens. `lines`: additional lines of its configuration; NULL: none. False: the reason
 * is on stderr, and nothing is left behind. */
bool fixture_icap_start(struct fixture_icap *icap, const struct fixture_clamd *clamd, const char *lines);
/* The same on this port. */
bool fixture_icap_start_at(struct fixture_icap *icap, const struct fixture_clamd *clamd, const char *lines,
                           unsigned port);
/* Ends it and removes its folder. */
void fixture_icap_stop(struct fixture_icap *icap);

/* Sends a signal to it and to the processes that do its work, as SIGSTOP or SIGKILL. */
void fixture_icap_signal(const struct fixture_icap *icap, int signal);

/* Whether this machine has c-icap and its virus_scan. */
bool fixture_icap_present(void);

#endif
