/* SPDX-License-Identifier: Apache-2.0
 * Serves local files over HTTP while they are submitted, each under its own random path that cannot be guessed:
 * /data/<128 bits as hex>. Memory use does not depend on the size of the files. The URLs are secrets, because they
 * grant access to the files. All functions may be called from any thread. */
#ifndef CORE_HTTP_FILE_SERVER_H
#define CORE_HTTP_FILE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_server;

/* Room for the longest URL. */
#define FILE_URL_SIZE 512

/* `addr`: the address to listen on; NULL: a free port on 127.0.0.1. `url`: the URL at which the service reaches it,
 * "http://HOST:PORT" or longer, for example through a proxy; NULL: the address itself, which then must be a specific
 * address of this host. Returns NULL if it failed; `why` has the reason. */
struct file_server *file_server_start(const char *addr, const char *url, char *why, size_t size);

/* Serves a regular file in its current state. The file stays open (one descriptor) until the server stops. */
bool file_server_add(struct file_server *server, const char *path, char url[FILE_URL_SIZE], int64_t *length, char *why,
                     size_t size);

/* From now on each request for the URL gets another part of the file, of so many bytes: each begins FILE_SHIFT bytes
 * behind the one before, and at the end of the file it begins from the start again. Returns how many parts there are;
 * 0: the URL is not known, or the file is shorter than one. */
#define FILE_SHIFT 16
uint64_t file_server_vary(struct file_server *server, const char *url, int64_t part);

/* Ends all transfers. */
void file_server_stop(struct file_server *server);

#endif
