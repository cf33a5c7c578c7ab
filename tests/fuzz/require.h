/* SPDX-License-Identifier: Apache-2.0
 * What has to hold, whatever the input is. Not assert(), which NDEBUG takes away. */
#ifndef TESTS_FUZZ_REQUIRE_H
#define TESTS_FUZZ_REQUIRE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition) require((condition), #condition)

static inline void require(bool condition, const char *text)
{
	if (condition)
		return;
	fprintf(stderr, "does not hold: %s\n", text);
	abort();
}

#endif
