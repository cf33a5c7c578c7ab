/* SPDX-License-Identifier: Apache-2.0
 * One HTTP request of a test. */
#ifndef TESTS_HARNESS_FETCH_H
#define TESTS_HARNESS_FETCH_H

#include <stddef.h>
#include <stdint.h>

struct fetch {
	long status;       /* 0: there was no answer */
	uint64_t length;   /* of the body */
	uint64_t checksum; /* FNV-1a over the body */
	char type[128];    /* Content-Type; "": none */
	char body[16384];  /* the first bytes as text */
};

/* `method` NULL: GET; `header`: an additional header line, or NULL. Waits at most 30 s. */
void fetch_url(struct fetch *fetch, const char *url, const char *method, const char *header);

#define FETCH_CHECKSUM_START UINT64_C(14695981039346656037)
uint64_t fetch_checksum(uint64_t checksum, const void *bytes, size_t length);

#endif
