/* SPDX-License-Identifier: Apache-2.0
 * Scans by the module virusscan, for its tests. */
#ifndef TESTS_PLUGINS_SCAN_H
#define TESTS_PLUGINS_SCAN_H

#include "tests/plugins/stub_host.h"

#define MEGABYTE ((size_t)1024 * 1024)

/* An instance that uses the clamd at `socket`, without self-test and cache, with two more values of its configuration
 * or NULL. */
void *create_at(const char *socket, const char *value, const char *value2);
/* The same with an ICAP server, "icap_url=…". */
void *create_icap(const char *url, const char *value);

/* The module's check, which may take ten seconds. False: `why` says why not. */
bool check(void *instance, char *why, size_t size);

/* Carries out a run. Returns its outcome, and fails the test if there is a Result without a verdict. */
uint32_t scan(void *instance, struct pp_run *run);

void assert_holds(const char *text, const char *part);

#endif
