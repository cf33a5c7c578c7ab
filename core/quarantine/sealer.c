/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/quarantine/seal_private.h"

struct sealer {
	int file;
	struct seal_cipher cipher;
	size_t length; /* of what waits: */
	unsigned char waiting[SEAL_CHUNK + SEAL_TAG];
};

int64_t seal_size(size_t note_length, int64_t content_length)
{
	int64_t chunks = content_length > 0 ? (content_length - 1) / SEAL_CHUNK + 1 : 1;
	return SEAL_HEADER + (int64_t)note_length + content_length + chunks * SEAL_TAG;
}

static bool fail(char error[SEAL_ERROR_SIZE], const char *why)
{
	snprintf(error, SEAL_ERROR_SIZE, "%s", why);
	return false;
}

static bool write_all(int file, const unsigned char *bytes, size_t length, char error[SEAL_ERROR_SIZE])
{
	while (length > 0) {
		ssize_t count = write(file, bytes, length);
		if (count == 0 || (count < 0 && errno != EINTR))
			return fail(error, count == 0 ? "nothing was written" : strerror(errno));
		bytes += count > 0 ? count : 0;
		length -= count > 0 ? (size_t)count : 0;
	}
	return true;
}

static void put_number(unsigned char *at, size_t number)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (unsigned char)(number >> (24 - 8 * i));
}

static void put_bytes(unsigned char *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
}

/* Writes all before the chunks. */
static bool write_header(struct sealer *sealer, const unsigned char key[SEAL_KEY], EVP_PKEY *own, const char *note,
                         char error[SEAL_ERROR_SIZE])
{
	unsigned char *header = sealer->waiting; /* larger than any header */
	size_t length = strlen(note), raw = SEAL_KEY;
	_Static_assert(SEAL_HEADER + SEAL_NOTE_LIMIT <= SEAL_CHUNK, "the room for a header");
	if (length > SEAL_NOTE_LIMIT)
		return fail(error, "the note is too long");
	put_bytes(header, SEAL_MAGIC, 8);
	put_number(header + 8, SEAL_VERSION);
	put_number(header + 12, length);
	put_bytes(header + 16, key, SEAL_KEY);
	if (EVP_PKEY_get_raw_public_key(own, header + 48, &raw) != 1)
		return fail(error, "no key can be made");
	put_bytes(header + SEAL_HEADER, note, length);
	length += SEAL_HEADER;
	return (seal_digest(header, length, sealer->cipher.digest) || fail(error, "no digest can be computed")) &&
	       write_all(sealer->file, header, length, error);
}

struct sealer *sealer_begin(int file, const unsigned char key[SEAL_KEY], const char *note, char error[SEAL_ERROR_SIZE])
{
	struct sealer *sealer = alloc_zeroed(1, sizeof *sealer);
	EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	sealer->file = file;
	bool good = (own != NULL || fail(error, "no key can be made")) && write_header(sealer, key, own, note, error) &&
	            (seal_cipher_init(&sealer->cipher, true, own, key) || fail(error, "the public key cannot be used"));
	EVP_PKEY_free(own);
	if (good)
		return sealer;
	sealer_free(sealer);
	return NULL;
}

static bool write_chunk(struct sealer *sealer, bool last, char error[SEAL_ERROR_SIZE])
{
	size_t length = sealer->length;
	sealer->length = 0;
	return (seal_chunk(&sealer->cipher, sealer->waiting, length, last) ||
	        fail(error, "the bytes cannot be encrypted")) &&
	       write_all(sealer->file, sealer->waiting, length + SEAL_TAG, error);
}

bool sealer_write(struct sealer *sealer, const void *bytes, size_t length, char error[SEAL_ERROR_SIZE])
{
	const unsigned char *next = bytes;
	while (length > 0) {
		/* A full chunk waits until it is known whether it is the last one. */
		if (sealer->length == SEAL_CHUNK && !write_chunk(sealer, false, error))
			return false;
		size_t part = SEAL_CHUNK - sealer->length < length ? SEAL_CHUNK - sealer->length : length;
		memcpy(sealer->waiting + sealer->length, next, part);
		sealer->length += part;
		next += part;
		length -= part;
	}
	return true;
}

bool sealer_end(struct sealer *sealer, char error[SEAL_ERROR_SIZE])
{
	return write_chunk(sealer, true, error);
}

void sealer_free(struct sealer *sealer)
{
	if (sealer == NULL)
		return;
	seal_cipher_free(&sealer->cipher);
	OPENSSL_cleanse(sealer->waiting, sizeof sealer->waiting);
	free(sealer);
}
