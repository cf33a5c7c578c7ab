/* SPDX-License-Identifier: Apache-2.0
 * A second service on the scenario's broker, with the same configuration and a state folder of its own. */
#ifndef TESTS_SCENARIO_OTHER_H
#define TESTS_SCENARIO_OTHER_H

#include "tests/scenario/scenario.h"

struct other {
	struct process process;
	char log[FOLDER_PATH_SIZE + 64];
};

#define OTHER_NONE \
	{ \
		.process = PROCESS_NONE \
	}

/* Starts it, and waits until it reports that it is ready. */
void other_start(struct other *other, const struct scenario *scenario);
void other_end(struct other *other);

/* Whether its log contains the text. */
bool other_says(const struct other *other, const char *text);
/* Waits for it. False: it did not appear within the limit. */
bool other_awaits(const struct other *other, const char *text, nanos limit);

#endif
