/* SPDX-License-Identifier: Apache-2.0
 * The input is a sealed file for the key 00 01 02 … 1f. Whatever it is, the reader stays within it, and what it accepts
 * has a note without a zero byte, no more content than the file has bytes, and does not change when it is read again.
 * With a first byte of 1, the rest is content: it is sealed, and must come out again, but not if one bit of the sealed
 * file is changed. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/quarantine/note.h"
#include "core/quarantine/seal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"

static const unsigned char private_key[SEAL_KEY] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

/* Returns the length of the content; -1: refused. `expected`: what it must be; NULL: anything. */
static int64_t read_all(int file, const uint8_t *expected, size_t size)
{
	char error[SEAL_ERROR_SIZE] = "";
	struct read_note read;
	const void *bytes;
	ssize_t count = -1;
	int64_t length = 0;
	REQUIRE(lseek(file, 0, SEEK_SET) == 0);
	struct unsealer *unsealer = unsealer_open(file, error);
	if (unsealer != NULL) {
		note_decode(unsealer_note(unsealer), &read);
		REQUIRE(strlen(read.note.id) <= SEAL_NOTE_LIMIT);
		note_clear(&read);
	}
	if (unsealer != NULL && unsealer_unlock(unsealer, private_key, error))
		while ((count = unsealer_read(unsealer, &bytes, error)) > 0) {
			if (expected != NULL)
				REQUIRE((size_t)(length + count) <= size && memcmp(expected + length, bytes, (size_t)count) == 0);
			length += count;
		}
	unsealer_free(unsealer);
	REQUIRE(count == 0 || error[0] != '\0');
	return count == 0 ? length : -1;
}

static void round_trip(int file, const uint8_t *data, size_t size)
{
	unsigned char public_key[SEAL_KEY], byte;
	char error[SEAL_ERROR_SIZE];
	size_t length = SEAL_KEY;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, SEAL_KEY);
	REQUIRE(EVP_PKEY_get_raw_public_key(key, public_key, &length) == 1);
	EVP_PKEY_free(key);
	struct sealer *sealer = sealer_begin(file, public_key, "{}", error);
	REQUIRE(sealer != NULL && sealer_write(sealer, data, size, error) && sealer_end(sealer, error));
	sealer_free(sealer);
	off_t end = lseek(file, 0, SEEK_END);
	REQUIRE(end == (off_t)seal_size(2, (int64_t)size));
	REQUIRE(read_all(file, data, size) == (int64_t)size);
	off_t place = size > 0 ? (data[0] * 257 + data[size - 1]) % end : 0;
	REQUIRE(pread(file, &byte, 1, place) == 1);
	byte ^= (unsigned char)(1u << (size % 8));
	REQUIRE(pwrite(file, &byte, 1, place) == 1);
	REQUIRE(read_all(file, NULL, 0) == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int file = memfd_create("sealed", MFD_CLOEXEC);
	REQUIRE(file >= 0);
	if (size > 0 && data[0] == 1) {
		round_trip(file, data + 1, size - 1);
	} else {
		REQUIRE(write(file, data, size) == (ssize_t)size);
		int64_t length = read_all(file, NULL, 0);
		REQUIRE(length < (int64_t)size && read_all(file, NULL, 0) == length);
	}
	close(file);
	return 0;
}
