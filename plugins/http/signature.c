/* SPDX-License-Identifier: Apache-2.0 */
#include "signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "whsec_"

/* Without the padding's bytes, which EVP_DecodeBlock() counts. */
static bool decode(struct secret *secret, const char *text)
{
	size_t length = strlen(text);
	if (length == 0 || length % 4 != 0 || length / 4 * 3 > SECRET_SIZE)
		return false;
	int count = EVP_DecodeBlock(secret->bytes, (const unsigned char *)text, (int)length);
	for (size_t i = length; count > 0 && i > length - 2 && text[i - 1] == '='; i--)
		count--;
	secret->length = count > 0 ? (size_t)count : 0;
	return count > 0;
}

bool secret_parse(struct secret *secret, const char *text)
{
	size_t length = strlen(text);
	secret->length = 0;
	if (strncmp(text, PREFIX, sizeof PREFIX - 1) == 0)
		return decode(secret, text + sizeof PREFIX - 1);
	if (length == 0 || length > SECRET_SIZE)
		return false;
	memcpy(secret->bytes, text, length);
	secret->length = length;
	return true;
}

void secret_clear(struct secret *secret)
{
	OPENSSL_cleanse(secret, sizeof *secret);
}

static bool hash(EVP_MAC_CTX *context, const struct secret *secret, const char *head, const void *body, size_t length,
                 unsigned char digest[32])
{
	char name[] = "SHA256";
	const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
	                                 OSSL_PARAM_construct_end()};
	size_t count = 0;
	return EVP_MAC_init(context, secret->bytes, secret->length, parameters) == 1 &&
	       EVP_MAC_update(context, (const unsigned char *)head, strlen(head)) == 1 &&
	       (length == 0 || EVP_MAC_update(context, body, length) == 1) &&
	       EVP_MAC_final(context, digest, &count, 32) == 1 && count == 32;
}

bool signature_make(const struct secret *secret, const char *id, const char *timestamp, const void *body, size_t length,
                    char text[SIGNATURE_SIZE])
{
	char head[512];
	unsigned char digest[32];
	int used = snprintf(head, sizeof head, "%s.%s.", id, timestamp);
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	bool good =
		context != NULL && used > 0 && (size_t)used < sizeof head && hash(context, secret, head, body, length, digest);
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
	if (good) {
		memcpy(text, "v1,", sizeof "v1,");
		EVP_EncodeBlock((unsigned char *)text + 3, digest, sizeof digest);
	}
	return good;
}
