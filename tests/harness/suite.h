/* SPDX-License-Identifier: Apache-2.0
 * The main() of a test program with one test case. */
#ifndef TESTS_HARNESS_SUITE_H
#define TESTS_HARNESS_SUITE_H

#include <check.h>
#include <stddef.h>

/* Runs the tests, each within `seconds`; returns the exit status of the program. */
int suite_run(const char *name, const TTest *const *test, size_t count, double seconds);

/* The same, with functions that run before and after each test, in its process. */
int suite_run_with(const char *name, SFun setup, SFun teardown, const TTest *const *test, size_t count, double seconds);

/* As suite_run(), with up to `abreast` tests at once, each in its own process; the output of each is printed when it
 * ends. For tests that mostly wait. */
int suite_run_abreast(const char *name, const TTest *const *test, size_t count, double seconds, size_t abreast);

#endif
