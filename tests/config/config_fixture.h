/* SPDX-License-Identifier: Apache-2.0
 * For the tests of the configuration: a folder with its own files, and what was read from them. */
#ifndef TESTS_CONFIG_CONFIG_FIXTURE_H
#define TESTS_CONFIG_CONFIG_FIXTURE_H

#include "core/config/config.h"

struct config_fixture {
	char folder[64];
	char path[96]; /* the main file */
	struct config *config;
	struct problems problems;
};

/* Makes the folder, with an empty steps.d. */
void fixture_open(struct config_fixture *fixture);
/* Removes the folder and all in it. */
void fixture_close(struct config_fixture *fixture);

/* Writes a file below the folder; `length` bytes, or the whole text for (size_t)-1. */
void fixture_write(struct config_fixture *fixture, const char *name, const char *text, size_t length);

/* Writes the main file (NULL: leaves it unchanged) and reads everything with the environment (names and values in
 * one string, NULL-terminated list). */
void fixture_read(struct config_fixture *fixture, const char *text, char *const *environment);

/* The number of problems that contain the text. */
size_t fixture_problems(const struct config_fixture *fixture, const char *text);

/* Fails unless exactly one warning, or note, contains the text. */
void assert_warning(const struct config_fixture *fixture, const char *text);
void assert_note(const struct config_fixture *fixture, const char *text);
/* Fails unless there are that many of them; prints them. */
void assert_counts(const struct config_fixture *fixture, size_t warnings, size_t notes);

#define ENVIRONMENT(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})

/* Fails the test unless there is no problem, or unless there are exactly `total`; prints them. */
void assert_sound(const struct config_fixture *fixture);
void assert_problems(const struct config_fixture *fixture, size_t total);
/* Fails unless exactly one problem contains the text. */
void assert_problem(const struct config_fixture *fixture, const char *text);

#endif
