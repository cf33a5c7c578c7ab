/* SPDX-License-Identifier: Apache-2.0
 * Marks that distinguish the URLs of uploads without revealing them, because URLs are secrets. */
#ifndef CORE_BASE_URL_MARK_H
#define CORE_BASE_URL_MARK_H

/* 64 bits of the URL's SHA-256 as hexadecimal digits, and a terminator. */
#define URL_MARK_SIZE 17

/* The resources for computing marks, because creating them for each mark would cost more than the mark itself. For one
 * thread at a time. */
struct url_marker;
struct url_marker *url_marker_create(void);
void url_marker_free(struct url_marker *marker);

/* The mark is "" if it cannot be computed; no URL has this mark. */
void url_mark(struct url_marker *marker, const char *url, char mark[URL_MARK_SIZE]);

#endif
