/* SPDX-License-Identifier: Apache-2.0
 * Self-signed certificates, created for each test. */
#ifndef TESTS_HARNESS_CERTIFICATE_H
#define TESTS_HARNESS_CERTIFICATE_H

#define PEM_SIZE 4096

/* One for 127.0.0.1. Both as PEM; fails the test if it cannot. */
void certificate_make(char certificate[PEM_SIZE], char key[PEM_SIZE]);

/* The same for another name, as "DNS:localhost", that ends this many seconds from now, which may be in the past. */
void certificate_make_as(const char *name, long until, char certificate[PEM_SIZE], char key[PEM_SIZE]);

#endif
