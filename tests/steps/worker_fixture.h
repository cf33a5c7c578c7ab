/* SPDX-License-Identifier: Apache-2.0
 * The worker's program of this build. */
#ifndef TESTS_STEPS_WORKER_FIXTURE_H
#define TESTS_STEPS_WORKER_FIXTURE_H

#include "core/steps/worker_process.h"

/* Opens it once; root's workers run as nobody. */
const struct worker_launch *worker_fixture(void);

#endif
