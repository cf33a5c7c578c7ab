/* SPDX-License-Identifier: Apache-2.0
 * A network of its own for each instance (Linux network namespaces), connected to the test by a link that can be
 * taken down: then nothing passes, and neither side is notified. The test, its brokers and its storage are in a
 * namespace that contains only these links, so that the machine's own network is not touched and nothing is left
 * behind. */
#ifndef TESTS_TORTURE_NETWORK_H
#define TESTS_TORTURE_NETWORK_H

#include <stdbool.h>

#include "tests/harness/process.h"

#define NETWORK_LIMIT 3

/* Where the instances reach the test. */
#define NETWORK_HOST "10.77.255.1"

struct network {
	struct process holder[NETWORK_LIMIT]; /* keeps the namespace when no instance runs */
	unsigned count;
	char path[NETWORK_LIMIT][64]; /* an argument of nsenter */
};

/* Moves this process out of the machine's network for good, before it starts a thread. False: not permitted. */
bool network_leave(void);

/* After network_leave(). Fails the test if it cannot. */
void network_begin(struct network *network, unsigned count);
void network_end(struct network *network);

/* The first two arguments of a command that is to run in there. */
#define NETWORK_ARGUMENTS 2
void network_command(const struct network *network, unsigned number, const char *argv[NETWORK_ARGUMENTS]);

void network_set_link(const struct network *network, unsigned number, bool up);

#endif
