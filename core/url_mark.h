/* SPDX-License-Identifier: Apache-2.0
 * What tells the URL of one upload from that of another, and nobody what it is: an upload's URL is a secret. */
#ifndef CORE_URL_MARK_H
#define CORE_URL_MARK_H

/* 64 bits of its SHA-256, as hexadecimal digits, and a terminator. */
#define URL_MARK_SIZE 17
void url_mark(const char *url, char mark[URL_MARK_SIZE]);

#endif
