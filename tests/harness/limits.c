/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/limits.h"

#include <poll.h>

bool wait_until(bool (*condition)(void *closure), void *closure, nanos limit)
{
	nanos end = clock_monotonic() + limit;
	while (!condition(closure)) {
		if (clock_monotonic() > end)
			return false;
		poll(NULL, 0, 5);
	}
	return true;
}
