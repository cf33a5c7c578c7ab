/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/url_mark.h"

#include <openssl/sha.h>
#include <string.h>

#include "core/base/encoding.h"

void url_mark(const char *url, char mark[URL_MARK_SIZE])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	bool made = SHA256((const unsigned char *)url, strlen(url), hash) != NULL;
	hex_encode(mark, hash, made ? (URL_MARK_SIZE - 1) / 2 : 0);
}
