/* SPDX-License-Identifier: Apache-2.0
 * The bytes of a benchmark's uploads: one file of random bytes for each size, which all uploads of that size share. */
#ifndef CORE_BENCH_FILES_H
#define CORE_BENCH_FILES_H

#include "core/bench_load.h"
#include "core/file_server.h"

#define BENCH_FILES_LIMIT 2

struct bench_files {
	struct file_server *server;
	char url[BENCH_FILES_LIMIT][FILE_URL_SIZE];
	size_t count;
};

/* Makes a temporary file, which is gone with the process, and serves it. `addr`: see file_server_start(). False: with a
 * message on stderr. */
bool bench_files_serve(struct bench_files *files, const char *addr, int64_t size, struct bench_file *file);
void bench_files_end(struct bench_files *files);

#endif
