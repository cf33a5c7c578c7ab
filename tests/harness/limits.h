/* SPDX-License-Identifier: Apache-2.0
 * Waiting in tests: always for a condition, never for a fixed time. */
#ifndef TESTS_HARNESS_LIMITS_H
#define TESTS_HARNESS_LIMITS_H

#include <stdbool.h>

#include "core/base/clock.h"

/* How long a test waits for what must happen; generous, because the machine may be busy. */
#define TEST_LIMIT (30 * SECOND)

/* Checks `condition` every few milliseconds until it holds. False: it did not hold within `limit`. */
bool wait_until(bool (*condition)(void *closure), void *closure, nanos limit);

#endif
