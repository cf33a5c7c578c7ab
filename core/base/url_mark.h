/* SPDX-License-Identifier: Apache-2.0
 * Marks that distinguish the URLs of uploads without revealing them, because URLs are secrets. */
#ifndef CORE_BASE_URL_MARK_H
#define CORE_BASE_URL_MARK_H

/* 64 bits of the URL's SHA-256 as hexadecimal digits, and a terminator. */
#define URL_MARK_SIZE 17

/* The mark is "" if it cannot be computed; no URL has this mark. */
void url_mark(const char *url, char mark[URL_MARK_SIZE]);

#endif
