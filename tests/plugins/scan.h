/* SPDX-License-Identifier: Apache-2.0
 * Scans by the module virusscan, for its tests. */
#ifndef TESTS_PLUGINS_SCAN_H
#define TESTS_PLUGINS_SCAN_H

#include "tests/plugins/stub_host.h"

#define MEGABYTE ((size_t)1024 * 1024)

/* An instance that uses the clamd at `socket`, with two more values of its configuration or NULL. */
void *create_at(const char *socket, const char *value, const char *value2);

/* Carries out a run. Returns its outcome, and fails the test if there is a Result without a verdict. */
uint32_t scan(void *instance, struct pp_run *run);

void assert_holds(const char *text, const char *part);

#endif
