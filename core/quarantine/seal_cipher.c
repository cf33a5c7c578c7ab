/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "core/quarantine/seal_private.h"

static const char info[] = "postprocessing quarantine 1";

bool seal_digest(const unsigned char *bytes, size_t length, unsigned char digest[SEAL_DIGEST])
{
	unsigned size = 0;
	return EVP_Digest(bytes, length, digest, &size, EVP_sha256(), NULL) == 1 && size == SEAL_DIGEST;
}

/* It fails for a public key that gives a secret everybody knows. */
static bool agree(EVP_PKEY *own, const unsigned char other[SEAL_KEY], unsigned char secret[SEAL_KEY])
{
	size_t length = SEAL_KEY;
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, other, SEAL_KEY);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
	bool good = peer != NULL && context != NULL && EVP_PKEY_derive_init(context) == 1 &&
	            EVP_PKEY_derive_set_peer(context, peer) == 1 && EVP_PKEY_derive(context, secret, &length) == 1 &&
	            length == SEAL_KEY;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
	return good;
}

static bool derive(unsigned char secret[SEAL_KEY], unsigned char digest[SEAL_DIGEST], unsigned char key[SEAL_KEY])
{
	char hash[] = "SHA256", about[sizeof info];
	memcpy(about, info, sizeof info);
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, SEAL_KEY),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, digest, SEAL_DIGEST),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, about, sizeof about - 1),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *algorithm = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	EVP_KDF_CTX *context = algorithm != NULL ? EVP_KDF_CTX_new(algorithm) : NULL;
	bool good = context != NULL && EVP_KDF_derive(context, key, SEAL_KEY, parameters) == 1;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(algorithm);
	return good;
}

bool seal_cipher_init(struct seal_cipher *cipher, bool encrypt, EVP_PKEY *own, const unsigned char other[SEAL_KEY])
{
	unsigned char secret[SEAL_KEY], key[SEAL_KEY];
	cipher->context = EVP_CIPHER_CTX_new();
	bool good = cipher->context != NULL && agree(own, other, secret) && derive(secret, cipher->digest, key) &&
	            EVP_CipherInit_ex(cipher->context, EVP_aes_256_gcm(), NULL, key, NULL, encrypt) == 1;
	OPENSSL_cleanse(secret, sizeof secret);
	OPENSSL_cleanse(key, sizeof key);
	return good;
}

void seal_cipher_free(struct seal_cipher *cipher)
{
	EVP_CIPHER_CTX_free(cipher->context);
	cipher->context = NULL;
}

/* Sets the nonce of the next chunk, and the associated data. */
static bool begin_chunk(struct seal_cipher *cipher, bool last)
{
	unsigned char nonce[SEAL_NONCE] = {0};
	int length = 0;
	for (unsigned i = 0; i < 8; i++)
		nonce[3 + i] = (unsigned char)(cipher->chunk >> (56 - 8 * i));
	nonce[11] = last;
	cipher->chunk++;
	return EVP_CipherInit_ex(cipher->context, NULL, NULL, NULL, nonce, -1) == 1 &&
	       EVP_CipherUpdate(cipher->context, NULL, &length, cipher->digest, SEAL_DIGEST) == 1;
}

bool seal_chunk(struct seal_cipher *cipher, unsigned char *bytes, size_t length, bool last)
{
	int count = 0;
	return begin_chunk(cipher, last) && EVP_CipherUpdate(cipher->context, bytes, &count, bytes, (int)length) == 1 &&
	       EVP_CipherFinal_ex(cipher->context, bytes + length, &count) == 1 &&
	       EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_GCM_GET_TAG, SEAL_TAG, bytes + length) == 1;
}

bool unseal_chunk(struct seal_cipher *cipher, unsigned char *bytes, size_t length, bool last)
{
	unsigned char tag[SEAL_TAG];
	int count = 0;
	memcpy(tag, bytes + length, SEAL_TAG);
	return begin_chunk(cipher, last) && EVP_CipherUpdate(cipher->context, bytes, &count, bytes, (int)length) == 1 &&
	       EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_GCM_SET_TAG, SEAL_TAG, tag) == 1 &&
	       EVP_CipherFinal_ex(cipher->context, bytes + length, &count) == 1;
}
