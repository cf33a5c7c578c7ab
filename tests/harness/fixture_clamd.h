/* SPDX-License-Identifier: Apache-2.0
 * A real clamd for a test: its own folder, socket and configuration, and one signature of our own, that of
 * the EICAR test file. */
#ifndef TESTS_HARNESS_FIXTURE_CLAMD_H
#define TESTS_HARNESS_FIXTURE_CLAMD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct fixture_clamd {
	pid_t pid;
	char folder[64];
	char socket[108];
};

/* Starts it and waits until it answers PING. `lines`: additional lines of clamd.conf, which may override those of
 * the fixture (the sizes are 1G); NULL: none. False: the reason is on stderr, and nothing is left behind. */
bool fixture_clamd_start(struct fixture_clamd *clamd, const char *lines);

/* Gives it a database with this number, made at this time (seconds), as freshclam would: without one clamd does not say
 * which signatures it has. Returns when clamd has loaded it. */
bool fixture_clamd_update(struct fixture_clamd *clamd, unsigned number, time_t time);

/* Ends it and removes its folder. */
void fixture_clamd_stop(struct fixture_clamd *clamd);

/* Whether this machine has a clamd. */
bool fixture_clamd_present(void);

#define EICAR_SIZE 68
/* The EICAR test file, assembled here so that no file of the tree contains it. Ends with a NUL. */
void eicar_make(char text[EICAR_SIZE + 1]);

#define EICAR_NAME "Own-Eicar-Test.UNOFFICIAL"

/* A zip archive with one stored file, eicar.com. Returns its size. */
#define EICAR_ZIP_SIZE 256
size_t eicar_zip_make(unsigned char zip[EICAR_ZIP_SIZE]);

#endif
