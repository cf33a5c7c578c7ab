/* SPDX-License-Identifier: Apache-2.0
 * The fake world that each test of the coordinator has for itself, and what they ask of it. */
#ifndef TESTS_COORDINATOR_COORDINATOR_WORLD_H
#define TESTS_COORDINATOR_COORDINATOR_WORLD_H

#include "tests/coordinator/fake_ports.h"
#include "tests/harness/suite.h"

extern struct fake_world world;

/* The main() of a test program: the world is opened before each test and closed after it. */
int coordinator_world_run(const char *name, const TTest *const *test, size_t count);

/* The status of a record that there has to be. */
struct status stored(const char *id);
bool is_stored(const char *id);

/* Writes a record that said all that it had to say. */
void store(const char *id, const char *owner, struct status status);
/* A status for it: in the first step, not begun. */
extern const struct status queued;

/* Through both steps, up to where storage is told. */
void run_to_end(const char *id, uint64_t sequence);

#endif
