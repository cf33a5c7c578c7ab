/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "core/quarantine/seal_private.h"

/* The raw bytes of an X25519 key. Frees the key. */
static bool take_raw(EVP_PKEY *key, bool private, const char *path, unsigned char raw[SEAL_KEY],
                     char error[SEAL_ERROR_SIZE])
{
	size_t length = SEAL_KEY;
	bool good = key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_X25519 &&
	            (private ? EVP_PKEY_get_raw_private_key(key, raw, &length)
	                     : EVP_PKEY_get_raw_public_key(key, raw, &length)) == 1;
	if (!good && key == NULL)
		snprintf(error, SEAL_ERROR_SIZE, "%.300s: not a PEM file with a %s key%s", path, private ? "private" : "public",
		         private ? ", or the passphrase is wrong" : "; `openssl pkey -pubout` makes one of a private key");
	else if (!good)
		snprintf(error, SEAL_ERROR_SIZE, "%.300s: not an X25519 key; `openssl genpkey -algorithm X25519` makes one",
		         path);
	EVP_PKEY_free(key);
	return good;
}

static FILE *open_key(const char *path, char error[SEAL_ERROR_SIZE])
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		snprintf(error, SEAL_ERROR_SIZE, "%.300s: %s", path, strerror(errno));
	return file;
}

bool seal_public_key_read(const char *path, unsigned char key[SEAL_KEY], char error[SEAL_ERROR_SIZE])
{
	FILE *file = open_key(path, error);
	if (file == NULL)
		return false;
	EVP_PKEY *read = PEM_read_PUBKEY(file, NULL, NULL, NULL);
	fclose(file);
	return take_raw(read, false, path, key, error);
}

bool seal_private_key_read(const char *path, unsigned char key[SEAL_KEY], char error[SEAL_ERROR_SIZE])
{
	FILE *file = open_key(path, error);
	if (file == NULL)
		return false;
	EVP_PKEY *read = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	return take_raw(read, true, path, key, error);
}
