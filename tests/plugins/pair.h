/* SPDX-License-Identifier: Apache-2.0
 * Up to two scripted clamd in place of real ones, and a run of virusscan that asks them. */
#ifndef TESTS_PLUGINS_PAIR_H
#define TESTS_PLUGINS_PAIR_H

#include "tests/harness/fixture_clamd.h"
#include "tests/harness/folder.h"
#include "tests/plugins/fake_clamd.h"
#include "tests/plugins/scan.h"

#define PAIR_VERSION "ClamAV 1.4.3/27824/Sun Nov 16 10:40:01 2025"
#define PAIR_NEWER_VERSION "ClamAV 1.4.3/27825/Mon Nov 17 10:40:01 2025"

extern struct fake_clamd one, two;
extern struct pp_run run;
extern char eicar[EICAR_SIZE + 1]; /* set by pair_start() */

/* Starts one of them, which finds EICAR and has the version above. */
void pair_start(struct fake_clamd *clamd);
/* An instance that uses both, or only `one` if `count` is 1. */
void *pair_create(size_t count, const char *value, const char *value2);
/* A run on the text; it has the cache of the last one. */
uint32_t pair_scan(void *instance, const char *text);
/* How many streams it has had; a test of a scanner takes two. */
unsigned pair_streams(struct fake_clamd *clamd);
/* Writes a file of these lines; `value` is the setting that names it. */
void pair_write_list(const char *key, const char *lines, char value[FOLDER_PATH_SIZE + 32]);

#endif
