/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench_files.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 65536

static bool write_random(int fd, int64_t size)
{
	unsigned char block[BLOCK];
	while (size > 0) {
		size_t length = size < BLOCK ? (size_t)size : BLOCK;
		if (RAND_bytes(block, (int)length) != 1 || write(fd, block, length) != (ssize_t)length)
			return false;
		size -= (int64_t)length;
	}
	/* So that writing it back disturbs no measurement. */
	return fsync(fd) == 0;
}

static bool make_file(char *path, int64_t size)
{
	int fd = mkstemp(path);
	bool good = fd >= 0 && write_random(fd, size);
	if (!good)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

bool bench_files_serve(struct bench_files *files, const char *addr, int64_t size, struct bench_file *file)
{
	char path[256], why[256] = "";
	const char *folder = getenv("TMPDIR");
	if (files->server == NULL)
		files->server = file_server_start(addr, why, sizeof why);
	if (files->server == NULL) {
		fprintf(stderr, "%s\n", why);
		return false;
	}
	snprintf(path, sizeof path, "%s/postprocessing-bench-XXXXXX", folder != NULL ? folder : "/tmp");
	char *url = files->url[files->count];
	bool made = make_file(path, size);
	bool good = made && file_server_add(files->server, path, url, &file->size, why, sizeof why);
	if (made && !good)
		fprintf(stderr, "%s\n", why);
	unlink(path);
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
