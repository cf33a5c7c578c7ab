/* SPDX-License-Identifier: Apache-2.0
 * What tells the URL of one upload from that of another, and nobody what it is: an upload's URL is a secret. */
#ifndef CORE_BASE_URL_MARK_H
#define CORE_BASE_URL_MARK_H

/* 64 bits of its SHA-256, as hexadecimal digits, and a terminator. */
#define URL_MARK_SIZE 17

/* What making marks needs; to look it up for each costs more than the mark. For one thread at a time. */
struct url_marker;
struct url_marker *url_marker_create(void); /* NULL: out of memory */
void url_marker_free(struct url_marker *marker); /* NULL is fine */

/* "" if it cannot be made, which is the mark of no URL. */
void url_mark(struct url_marker *marker, const char *url, char mark[URL_MARK_SIZE]);

#endif
