/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/url_mark.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"

struct url_marker {
	EVP_MD *algorithm;
	EVP_MD_CTX *context;
};

struct url_marker *url_marker_create(void)
{
	struct url_marker *marker = alloc_zeroed(1, sizeof *marker);
	marker->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	marker->context = EVP_MD_CTX_new();
	if (marker->algorithm == NULL || marker->context == NULL) /* OpenSSL is broken */
		abort();
	return marker;
}

void url_marker_free(struct url_marker *marker)
{
	EVP_MD_CTX_free(marker->context);
	EVP_MD_free(marker->algorithm);
	free(marker);
}

void url_mark(struct url_marker *marker, const char *url, char mark[URL_MARK_SIZE])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	bool made = EVP_DigestInit_ex2(marker->context, marker->algorithm, NULL) == 1 &&
	            EVP_DigestUpdate(marker->context, url, strlen(url)) == 1 &&
	            EVP_DigestFinal_ex(marker->context, hash, &length) == 1;
	hex_encode(mark, hash, made ? (URL_MARK_SIZE - 1) / 2 : 0);
}
