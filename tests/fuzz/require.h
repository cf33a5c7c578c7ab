/* SPDX-License-Identifier: Apache-2.0
 * A condition that must hold, whatever the input is. Not assert(), which NDEBUG removes. */
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
