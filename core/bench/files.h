/* SPDX-License-Identifier: Apache-2.0
 * The files of a benchmark's uploads: one for each size, which all uploads of that size share, or of which each
 * transfer has another part. Their bytes look random,
 * so that a scanner has to look at all of them, but nothing in them looks like the beginning of an archive. In a
 * gigabyte of random bytes clamd finds so many of these that it takes from two to a hundred times as long, or refuses
 * the file because of its limits. */
#ifndef CORE_BENCH_FILES_H
#define CORE_BENCH_FILES_H

#include "core/bench/load.h"
#include "core/http/file_server.h"

#define BENCH_FILES_LIMIT 2

struct bench_files {
	struct file_server *server;
	char url[BENCH_FILES_LIMIT][FILE_URL_SIZE];
	size_t count;
};

/* Writes `size` such bytes. False: with errno set, or out of memory. */
bool bench_files_write(int fd, int64_t size);
/* Makes a temporary file, which is gone when the process ends, and serves it. `addr` and `base` (its URL): see
 * file_server_start(). `distinct`: each transfer has other bytes, up to the 65,536th. False: with a message on stderr.
 */
bool bench_files_serve(struct bench_files *files, const char *addr, const char *base, int64_t size, bool distinct,
                       struct bench_file *file);
void bench_files_end(struct bench_files *files);

#endif
