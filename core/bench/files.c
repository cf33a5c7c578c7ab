/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/files.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/terminal.h"

#define BLOCK 65536
/* Set in every byte: no archive begins with two such bytes. */
#define NO_MAGIC 0x80
/* So many transfers have distinct bytes. */
#define PARTS INT64_C(65536)

/* The key stream of a cipher, with that bit set. */
static bool write_stream(EVP_CIPHER_CTX *cipher, int fd, int64_t size)
{
	static const unsigned char zeros[BLOCK];
	unsigned char block[BLOCK];
	int length;
	if (EVP_EncryptInit_ex(cipher, EVP_aes_128_ctr(), NULL, zeros, zeros) != 1)
		return false;
	for (; size > 0; size -= length) {
		if (EVP_EncryptUpdate(cipher, block, &length, zeros, size < BLOCK ? (int)size : BLOCK) != 1)
			return false;
		for (int i = 0; i < length; i++)
			block[i] |= NO_MAGIC;
		if (write(fd, block, (size_t)length) != length)
			return false;
	}
	/* Otherwise writing it back would disturb the measurement. */
	return fsync(fd) == 0;
}

bool bench_files_write(int fd, int64_t size)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	bool good = cipher != NULL && write_stream(cipher, fd, size);
	EVP_CIPHER_CTX_free(cipher);
	return good;
}

static bool make_file(char *path, int64_t size)
{
	int fd = mkstemp(path);
	bool good = fd >= 0 && bench_files_write(fd, size);
	if (!good)
		terminal_error("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

bool bench_files_serve(struct bench_files *files, const char *addr, const char *base, int64_t size, bool distinct,
                       struct bench_file *file)
{
	char path[256], why[512] = "";
	const char *folder = getenv("TMPDIR");
	if (files->server == NULL)
		files->server = file_server_start(addr, base, why, sizeof why);
	if (files->server == NULL) {
		terminal_error("%s", why);
		return false;
	}
	snprintf(path, sizeof path, "%s/postprocessing-bench-XXXXXX", folder != NULL ? folder : "/tmp");
	char *url = files->url[files->count];
	bool made = make_file(path, distinct ? size + (PARTS - 1) * FILE_SHIFT : size);
	bool good = made && file_server_add(files->server, path, url, &file->size, why, sizeof why);
	if (made && !good)
		terminal_error("%s", why);
	unlink(path);
	if (good && distinct) {
		file->size = size;
		good = file_server_vary(files->server, url, size) == PARTS;
	}
	if (good) {
		file->url = url;
		files->count++;
	}
	return good;
}

void bench_files_end(struct bench_files *files)
{
	if (files->server != NULL)
		file_server_stop(files->server);
}
