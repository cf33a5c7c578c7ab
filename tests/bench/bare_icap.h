/* SPDX-License-Identifier: Apache-2.0
 * A bare ICAP client: sends the same file to a server again and again, with the requests that virusscan makes, and
 * nothing around them. The file lies in memory as it goes on the wire. */
#ifndef TESTS_BENCH_BARE_ICAP_H
#define TESTS_BENCH_BARE_ICAP_H

#include <stdbool.h>
#include <stddef.h>

/* What is sent, which several connections may share. */
struct bare_icap {
	unsigned port;
	char *begin, *rest; /* the request with the preview, and what follows if the server wants more */
	size_t begin_length, rest_length, size;
};

/* Asks the server how long a preview it wants, and makes the requests for a file of so many bytes, as
 * bench_files_write() makes them. False: with the reason on stderr. The caller ends it in both cases. */
bool bare_icap_begin(struct bare_icap *icap, unsigned port, const char *service, size_t size);
void bare_icap_end(struct bare_icap *icap);

/* One request on the connection *fd, which is made if it is -1 or if the server has closed it. False: the file was not
 * found clean, with the reason on stderr. */
bool bare_icap_scan(const struct bare_icap *icap, int *fd);

#endif
