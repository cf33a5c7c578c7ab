/* SPDX-License-Identifier: Apache-2.0
 * Sealed files: what was sealed comes out again, with the right key only, and every change is found. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/quarantine/seal.h"
#include "tests/harness/folder.h"
#include "tests/harness/suite.h"

#define NOTE "{\"id\":\"u1\"}"

static unsigned char private_key[SEAL_KEY], public_key[SEAL_KEY];
static char error[SEAL_ERROR_SIZE];

static void make_key(unsigned char private[SEAL_KEY], unsigned char public[SEAL_KEY])
{
	size_t length = SEAL_KEY;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	ck_assert_int_eq(EVP_PKEY_get_raw_private_key(key, private, &length), 1);
	ck_assert_int_eq(EVP_PKEY_get_raw_public_key(key, public, &length), 1);
	EVP_PKEY_free(key);
}

static void setup(void)
{
	make_key(private_key, public_key);
}

/* A file in memory. */
static int file_of(const void *bytes, size_t length)
{
	int file = memfd_create("sealed", MFD_CLOEXEC);
	ck_assert(file >= 0 && write(file, bytes, length) == (ssize_t)length && lseek(file, 0, SEEK_SET) == 0);
	return file;
}

/* Byte `at` of the content. */
static unsigned char content_byte(size_t at)
{
	return (unsigned char)(at * 7 + at / 251);
}

/* Seals content of a length, written in parts. Returns the sealed file's bytes, which the caller frees. */
static unsigned char *seal(size_t content, size_t part, size_t *length)
{
	int file = file_of("", 0);
	unsigned char *bytes = malloc(part > 0 ? part : 1);
	struct sealer *sealer = sealer_begin(file, public_key, NOTE, error);
	ck_assert_msg(sealer != NULL, "%s", error);
	for (size_t done = 0; done < content;) {
		size_t now = content - done < part ? content - done : part;
		for (size_t i = 0; i < now; i++)
			bytes[i] = content_byte(done + i);
		ck_assert(sealer_write(sealer, bytes, now, error));
		done += now;
	}
	ck_assert(sealer_end(sealer, error));
	sealer_free(sealer);
	free(bytes);
	*length = (size_t)lseek(file, 0, SEEK_END);
	unsigned char *sealed = malloc(*length);
	ck_assert(pread(file, sealed, *length, 0) == (ssize_t)*length);
	close(file);
	return sealed;
}

/* Opens a sealed file and compares the content. False: refused; `error` says why. */
static bool opens(const unsigned char *sealed, size_t length, const unsigned char key[SEAL_KEY], size_t content)
{
	int file = file_of(sealed, length);
	const void *bytes;
	ssize_t count = -1;
	size_t done = 0;
	error[0] = '\0';
	struct unsealer *unsealer = unsealer_open(file, error);
	if (unsealer != NULL && unsealer_unlock(unsealer, key, error)) {
		while ((count = unsealer_read(unsealer, &bytes, error)) > 0)
			for (ssize_t i = 0; i < count; i++, done++)
				ck_assert_uint_eq(((const unsigned char *)bytes)[i], content_byte(done));
		if (count < 0) /* and it does not recover */
			ck_assert_int_eq(unsealer_read(unsealer, &bytes, error), -1);
	}
	if (count == 0) {
		ck_assert_uint_eq(done, content);
		ck_assert_str_eq(unsealer_note(unsealer), NOTE);
		ck_assert_mem_eq(unsealer_key(unsealer), public_key, SEAL_KEY);
	} else {
		ck_assert_str_ne(error, "");
	}
	unsealer_free(unsealer);
	close(file);
	return count == 0;
}

START_TEST(test_round_trip)
{
	static const size_t sizes[] = {0, 1, 100, SEAL_CHUNK - 1, SEAL_CHUNK, SEAL_CHUNK + 1, 2 * SEAL_CHUNK, 300000};
	static const size_t parts[] = {1000000, SEAL_CHUNK, 4099};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (size_t j = 0; j < sizeof parts / sizeof parts[0]; j++) {
			size_t length;
			unsigned char *sealed = seal(sizes[i], parts[j], &length);
			ck_assert_int_eq((int64_t)length, seal_size(strlen(NOTE), (int64_t)sizes[i]));
			ck_assert_msg(opens(sealed, length, private_key, sizes[i]), "%s", error);
			free(sealed);
		}
}
END_TEST

START_TEST(test_wrong_key)
{
	unsigned char other_private[SEAL_KEY], other_public[SEAL_KEY];
	size_t length;
	unsigned char *sealed = seal(1000, 1000, &length);
	make_key(other_private, other_public);
	ck_assert(!opens(sealed, length, other_private, 1000));
	ck_assert_str_eq(error, "sealed for another key");
	/* The header says it is for that key: the secret still is another one. */
	memcpy(sealed + 16, other_public, SEAL_KEY);
	ck_assert(!opens(sealed, length, other_private, 1000));
	free(sealed);
}
END_TEST

START_TEST(test_each_byte)
{
	size_t length;
	unsigned char *sealed = seal(150, 150, &length);
	for (size_t i = 0; i < length; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			sealed[i] = (unsigned char)(sealed[i] ^ 1u << bit);
			bool opened = opens(sealed, length, private_key, 150);
			/* X25519 ignores the highest bit of a public key, but the digest has it. */
			ck_assert_msg(!opened, "byte %zu, bit %u", i, bit);
			sealed[i] = (unsigned char)(sealed[i] ^ 1u << bit);
		}
	ck_assert(opens(sealed, length, private_key, 150));
	free(sealed);
}
END_TEST

START_TEST(test_cut_and_longer)
{
	size_t length;
	unsigned char *sealed = seal(150, 150, &length);
	for (size_t i = 0; i < length; i++)
		ck_assert_msg(!opens(sealed, i, private_key, 150), "cut to %zu", i);
	sealed = realloc(sealed, length + 200);
	memset(sealed + length, 0, 200);
	for (size_t i = 1; i <= 200; i++)
		ck_assert_msg(!opens(sealed, length + i, private_key, 150), "longer by %zu", i);
	free(sealed);
}
END_TEST

START_TEST(test_chunks)
{
	const size_t step = SEAL_CHUNK + SEAL_TAG, start = SEAL_HEADER + strlen(NOTE), content = 4 * SEAL_CHUNK;
	size_t length;
	unsigned char *sealed = seal(content, content, &length), *changed = malloc(length + step);
	ck_assert_uint_eq(length, start + 4 * step);
	/* Cut between chunks. */
	for (size_t i = 0; i < 4; i++)
		ck_assert(!opens(sealed, start + i * step, private_key, content));
	/* Two exchanged, one left out, one repeated, and the last one repeated. */
	memcpy(changed, sealed, length);
	memcpy(changed + start, sealed + start + step, step);
	memcpy(changed + start + step, sealed + start, step);
	ck_assert(!opens(changed, length, private_key, content));
	memcpy(changed, sealed, length);
	memmove(changed + start + step, sealed + start + 2 * step, 2 * step);
	ck_assert(!opens(changed, length - step, private_key, content));
	memcpy(changed, sealed, start + 2 * step);
	memcpy(changed + start + 2 * step, sealed + start + step, 3 * step);
	ck_assert(!opens(changed, length + step, private_key, content));
	memcpy(changed, sealed, length);
	memcpy(changed + length, sealed + start + 3 * step, step);
	ck_assert(!opens(changed, length + step, private_key, content));
	/* A chunk, and then all, of another file with the same key and note. */
	unsigned char *other = seal(content, content, &length);
	memcpy(changed, sealed, length);
	memcpy(changed + start + step, other + start + step, step);
	ck_assert(!opens(changed, length, private_key, content));
	memcpy(changed + start, other + start, 4 * step);
	ck_assert(!opens(changed, length, private_key, content));
	ck_assert(opens(sealed, length, private_key, content));
	free(other);
	free(changed);
	free(sealed);
}
END_TEST

static unsigned char *from_hex(const char *text, size_t *length)
{
	unsigned value;
	*length = strlen(text) / 2;
	unsigned char *bytes = malloc(*length);
	for (size_t i = 0; i < *length; i++) {
		ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &value), 1);
		bytes[i] = (unsigned char)value;
	}
	return bytes;
}

/* A file that another program has made from the description of the format alone (in Python, with its package
 * cryptography). */
START_TEST(test_other_program)
{
	static const char content[] = "Content of the upload.\n";
	size_t length;
	const void *bytes;
	unsigned char key[SEAL_KEY];
	unsigned char *sealed =
		from_hex("70707365616c6564000000010000000b8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
	             "7d9c24316539825c1896e57f28197746793ce60cbee3ad47da9d07b85fa55e2a7b226964223a227531227d2f16b4f5d3"
	             "be186fe84ca725a084fe736e6095c9b897320ca8ecc16d4754494a3217899f575573",
	             &length);
	for (unsigned i = 0; i < SEAL_KEY; i++)
		key[i] = (unsigned char)i;
	int file = file_of(sealed, length);
	struct unsealer *unsealer = unsealer_open(file, error);
	ck_assert(unsealer != NULL && unsealer_unlock(unsealer, key, error));
	ck_assert_str_eq(unsealer_note(unsealer), NOTE);
	ck_assert_int_eq(unsealer_read(unsealer, &bytes, error), (ssize_t)strlen(content));
	ck_assert_mem_eq(bytes, content, strlen(content));
	ck_assert_int_eq(unsealer_read(unsealer, &bytes, error), 0);
	unsealer_free(unsealer);
	close(file);
	free(sealed);
}
END_TEST

static void write_key(const char *path, EVP_PKEY *key, bool private)
{
	FILE *file = fopen(path, "w");
	ck_assert_int_eq(private ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) : PEM_write_PUBKEY(file, key),
	                 1);
	fclose(file);
}

START_TEST(test_key_files)
{
	char folder[FOLDER_PATH_SIZE], private_path[FOLDER_PATH_SIZE + 16], public_path[FOLDER_PATH_SIZE + 16];
	unsigned char read_private[SEAL_KEY], read_public[SEAL_KEY];
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, SEAL_KEY);
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ck_assert(folder_create(folder));
	snprintf(private_path, sizeof private_path, "%s/private.pem", folder);
	snprintf(public_path, sizeof public_path, "%s/public.pem", folder);
	ck_assert(!seal_public_key_read(public_path, read_public, error));
	ck_assert_ptr_nonnull(strstr(error, "No such file"));
	write_key(private_path, key, true);
	write_key(public_path, key, false);
	ck_assert_msg(seal_private_key_read(private_path, read_private, error), "%s", error);
	ck_assert_msg(seal_public_key_read(public_path, read_public, error), "%s", error);
	ck_assert_mem_eq(read_private, private_key, SEAL_KEY);
	ck_assert_mem_eq(read_public, public_key, SEAL_KEY);
	/* The wrong one of the two, and one for signatures. */
	ck_assert(!seal_public_key_read(private_path, read_public, error));
	ck_assert_ptr_nonnull(strstr(error, "not a PEM file with a public key"));
	ck_assert(!seal_private_key_read(public_path, read_private, error));
	write_key(public_path, other, false);
	ck_assert(!seal_public_key_read(public_path, read_public, error));
	ck_assert_ptr_nonnull(strstr(error, "not an X25519 key"));
	EVP_PKEY_free(other);
	EVP_PKEY_free(key);
	folder_remove(folder);
}
END_TEST

/* A public key whose secret everybody knows is refused. */
START_TEST(test_weak_key)
{
	const unsigned char zero[SEAL_KEY] = {0};
	int file = file_of("", 0);
	ck_assert_ptr_null(sealer_begin(file, zero, NOTE, error));
	ck_assert_str_eq(error, "the public key cannot be used");
	close(file);
}
END_TEST

START_TEST(test_full_disk)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert(full >= 0);
	ck_assert_ptr_null(sealer_begin(full, public_key, NOTE, error));
	ck_assert_str_eq(error, strerror(ENOSPC));
	close(full);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {test_round_trip,    test_wrong_key, test_each_byte, test_cut_and_longer, test_chunks,
	                              test_other_program, test_key_files, test_weak_key,  test_full_disk};
	return suite_run_with("seal", setup, NULL, tests, sizeof tests / sizeof tests[0], 60);
}
