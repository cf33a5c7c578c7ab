/* SPDX-License-Identifier: Apache-2.0
 * A network of its own for each instance (Linux network namespaces), joined to the test's by a link that can be taken
 * down: then nothing passes, and neither side is told. The test, its brokers and its storage are in one that is empty
 * but for these links, so that nothing of the machine's is touched and nothing is left behind. */
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

/* Takes this process out of the machine's network for good, before it starts a thread. False: it is not allowed to. */
bool network_leave(void);

/* After network_leave(). Fails the test if it cannot. */
void network_begin(struct network *network, unsigned count);
void network_end(struct network *network);

/* What runs a command in there: the two arguments before its own. */
#define NETWORK_ARGUMENTS 2
void network_command(const struct network *network, unsigned number, const char *argv[NETWORK_ARGUMENTS]);

void network_set_link(const struct network *network, unsigned number, bool up);

#endif
