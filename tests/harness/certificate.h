/* SPDX-License-Identifier: Apache-2.0
 * A self-signed certificate for 127.0.0.1, created for each test. */
#ifndef TESTS_HARNESS_CERTIFICATE_H
#define TESTS_HARNESS_CERTIFICATE_H

#define PEM_SIZE 4096

/* Both as PEM; fails the test if it cannot. */
void certificate_make(char certificate[PEM_SIZE], char key[PEM_SIZE]);

#endif
