/* SPDX-License-Identifier: Apache-2.0 */
#include "core/url_mark.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

void url_mark(const char *url, char mark[URL_MARK_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[SHA256_DIGEST_LENGTH];
	mark[0] = '\0';
	if (SHA256((const unsigned char *)url, strlen(url), hash) == NULL)
		return;
	for (size_t i = 0; i < (URL_MARK_SIZE - 1) / 2; i++) {
		mark[2 * i] = digits[hash[i] >> 4];
		mark[2 * i + 1] = digits[hash[i] & 15];
	}
	mark[URL_MARK_SIZE - 1] = '\0';
}
