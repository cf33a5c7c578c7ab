/* SPDX-License-Identifier: Apache-2.0
 * Temporary folders and free ports of tests. */
#ifndef TESTS_HARNESS_FOLDER_H
#define TESTS_HARNESS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#define FOLDER_PATH_SIZE 256

/* Creates a new folder (0700) below TMPDIR or /tmp. */
bool folder_create(char path[FOLDER_PATH_SIZE]);

/* Removes it with everything in it; links are removed, not followed. */
bool folder_remove(const char *path);

/* Writes a file, `name` relative to the folder. */
bool folder_write(const char *path, const char *name, const void *bytes, size_t length);

/* Reads at most size - 1 bytes of a file as text. False: it does not exist. */
bool folder_read(const char *path, const char *name, char *text, size_t size);

/* A TCP port of 127.0.0.1 on which nobody listens, and which no other process gets from here while this one lives. A
 * server can listen there with SO_REUSEADDR. 0: none is free. */
unsigned port_reserve(void);

/* Whether somebody listens on the port of 127.0.0.1. */
bool port_taken(unsigned port);

#endif
