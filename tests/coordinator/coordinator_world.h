/* SPDX-License-Identifier: Apache-2.0
 * The fake world of a test of the coordinator, and helpers for what tests ask of it. */
#ifndef TESTS_COORDINATOR_COORDINATOR_WORLD_H
#define TESTS_COORDINATOR_COORDINATOR_WORLD_H

#include "tests/coordinator/fake_ports.h"
#include "tests/harness/suite.h"

extern struct fake_world world;

/* The main() of a test program: the world is opened before each test and closed after it. */
int coordinator_world_run(const char *name, const TTest *const *test, size_t count);

/* The status of a record that must exist. */
struct status stored(const char *id);
bool is_stored(const char *id);

/* Writes a record with nothing left to publish. */
void store(const char *id, const char *owner, struct status status);
/* The status of an upload in the first step that has not begun. */
extern const struct status queued;

/* Takes the upload through both steps, up to the point where storage is told. */
void run_to_end(const char *id, uint64_t sequence);

#endif
