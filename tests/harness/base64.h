/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_HARNESS_BASE64_H
#define TESTS_HARNESS_BASE64_H

#include <stddef.h>

/* Returns the bytes, followed by a terminator, for the caller to free(); NULL: not base64. */
char *base64_bytes(const char *encoded, size_t *length);

#endif
