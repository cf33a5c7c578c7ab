/* SPDX-License-Identifier: Apache-2.0
 * What the writer and the reader of sealed files share. */
#ifndef CORE_QUARANTINE_SEAL_PRIVATE_H
#define CORE_QUARANTINE_SEAL_PRIVATE_H

#include <openssl/evp.h>

#include "core/quarantine/seal.h"

#define SEAL_MAGIC "ppsealed"
#define SEAL_VERSION 1
#define SEAL_NONCE 12
#define SEAL_DIGEST 32

/* The cipher of one file, and the chunk that comes next. */
struct seal_cipher {
	EVP_CIPHER_CTX *context;
	unsigned char digest[SEAL_DIGEST]; /* of the header */
	uint64_t chunk;
};

/* Derives the key of the file from one side's private key and the other side's public key. False: failed. */
bool seal_cipher_init(struct seal_cipher *cipher, bool encrypt, EVP_PKEY *own, const unsigned char other[SEAL_KEY]);
void seal_cipher_free(struct seal_cipher *cipher);
/* Encrypts `length` bytes in place and appends the tag, or checks the tag behind the bytes and decrypts them. False:
 * failed; when decrypting, the chunk is not what was written. */
bool seal_chunk(struct seal_cipher *cipher, unsigned char *bytes, size_t length, bool last);
bool unseal_chunk(struct seal_cipher *cipher, unsigned char *bytes, size_t length, bool last);

bool seal_digest(const unsigned char *bytes, size_t length, unsigned char digest[SEAL_DIGEST]);

#endif
