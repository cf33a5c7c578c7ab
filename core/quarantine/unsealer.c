/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/text_file.h"
#include "core/quarantine/seal_private.h"

struct unsealer {
	int file;
	int64_t left; /* of the file */
	struct seal_cipher cipher;
	unsigned char *header; /* and the note, terminated */
	unsigned char chunk[SEAL_CHUNK + SEAL_TAG];
};

static bool fail(char error[SEAL_ERROR_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(char error[SEAL_ERROR_SIZE], const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error, SEAL_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return false;
}

/* Reads exactly so many bytes. */
static bool read_part(struct unsealer *unsealer, unsigned char *bytes, size_t length, char error[SEAL_ERROR_SIZE])
{
	ssize_t count = file_read_all(unsealer->file, (char *)bytes, length);
	if (count < 0)
		return fail(error, "%s", strerror(errno));
	if ((size_t)count < length)
		return fail(error, "the file was cut");
	unsealer->left -= count;
	return true;
}

static size_t get_number(const unsigned char *at)
{
	return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

static bool read_header(struct unsealer *unsealer, char error[SEAL_ERROR_SIZE])
{
	unsigned char *header = unsealer->header;
	if (unsealer->left < SEAL_HEADER + SEAL_TAG)
		return fail(error, "not a sealed file: it is too short");
	if (!read_part(unsealer, header, SEAL_HEADER, error))
		return false;
	if (memcmp(header, SEAL_MAGIC, 8) != 0)
		return fail(error, "not a sealed file");
	if (get_number(header + 8) != SEAL_VERSION)
		return fail(error, "a sealed file of version %zu; this program knows version %d", get_number(header + 8),
		            SEAL_VERSION);
	size_t length = get_number(header + 12);
	if (length > SEAL_NOTE_LIMIT || unsealer->left < (int64_t)length + SEAL_TAG)
		return fail(error, "the file was cut, or the length of its note was changed");
	if (!read_part(unsealer, header + SEAL_HEADER, length, error))
		return false;
	if (memchr(header + SEAL_HEADER, 0, length) != NULL)
		return fail(error, "the note was changed");
	return seal_digest(header, SEAL_HEADER + length, unsealer->cipher.digest) ||
	       fail(error, "no digest can be computed");
}

struct unsealer *unsealer_open(int file, char error[SEAL_ERROR_SIZE])
{
	struct unsealer *unsealer = alloc_zeroed(1, sizeof *unsealer);
	struct stat info;
	unsealer->file = file;
	unsealer->header = alloc_zeroed(1, SEAL_HEADER + SEAL_NOTE_LIMIT + 1);
	if (fstat(file, &info) != 0)
		fail(error, "%s", strerror(errno));
	else if (!S_ISREG(info.st_mode))
		fail(error, "not a regular file");
	else {
		unsealer->left = info.st_size;
		if (read_header(unsealer, error))
			return unsealer;
	}
	unsealer_free(unsealer);
	return NULL;
}

const char *unsealer_note(const struct unsealer *unsealer)
{
	return (const char *)unsealer->header + SEAL_HEADER;
}

const unsigned char *unsealer_key(const struct unsealer *unsealer)
{
	return unsealer->header + 16;
}

bool unsealer_unlock(struct unsealer *unsealer, const unsigned char private_key[SEAL_KEY], char error[SEAL_ERROR_SIZE])
{
	unsigned char public_key[SEAL_KEY];
	size_t length = SEAL_KEY;
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, SEAL_KEY);
	bool good = own != NULL && EVP_PKEY_get_raw_public_key(own, public_key, &length) == 1;
	if (!good)
		fail(error, "the private key cannot be used");
	else if (memcmp(public_key, unsealer_key(unsealer), SEAL_KEY) != 0)
		good = fail(error, "sealed for another key");
	else if (!seal_cipher_init(&unsealer->cipher, false, own, unsealer->header + 48))
		good = fail(error, "the file was changed: its key cannot be used");
	EVP_PKEY_free(own);
	return good;
}

ssize_t unsealer_read(struct unsealer *unsealer, const void **bytes, char error[SEAL_ERROR_SIZE])
{
	const int64_t whole = SEAL_CHUNK + SEAL_TAG;
	bool first = unsealer->cipher.chunk == 0, last = unsealer->left <= whole;
	size_t length = (size_t)(last ? unsealer->left : whole);
	*bytes = unsealer->chunk;
	if (unsealer->left == 0)
		return 0;
	if (unsealer->left < SEAL_TAG || (length == SEAL_TAG && !first)) {
		fail(error, "the file was cut");
		return -1;
	}
	if (!read_part(unsealer, unsealer->chunk, length, error))
		return -1;
	length -= SEAL_TAG;
	if (unseal_chunk(&unsealer->cipher, unsealer->chunk, length, last))
		return (ssize_t)length;
	unsealer->left = -1; /* it stays broken */
	fail(error, "the file was changed or cut: %s",
	     first ? "its note or its first 64 KiB are not what was sealed" : "a part of it is not what was sealed");
	return -1;
}

void unsealer_free(struct unsealer *unsealer)
{
	if (unsealer == NULL)
		return;
	seal_cipher_free(&unsealer->cipher);
	OPENSSL_cleanse(unsealer->chunk, sizeof unsealer->chunk);
	free(unsealer->header);
	free(unsealer);
}
