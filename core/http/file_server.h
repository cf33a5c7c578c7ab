/* SPDX-License-Identifier: Apache-2.0
 * Serves local files over HTTP while they are submitted, each below a random path of its own that nobody can
 * guess: /data/<128 bits as hex>. Memory is constant, whatever the size. The URLs are secrets: who has one reads
 * the file. Safe to call from any thread. */
#ifndef CORE_HTTP_FILE_SERVER_H
#define CORE_HTTP_FILE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_server;

/* Room for the longest URL. */
#define FILE_URL_SIZE 512

/* `addr`: where to listen; NULL: a free port of 127.0.0.1. `url`: how the service reaches that, "http://HOST:PORT" or longer,
 * through a proxy for example; NULL: under the address itself, which then has to be one of this host and not all of them. NULL:
 * `why` says what stands against it. */
struct file_server *file_server_start(const char *addr, const char *url, char *why, size_t size);

/* Serves a regular file as it is now; it stays open (one descriptor) until it is removed. */
bool file_server_add(struct file_server *server, const char *path, char url[FILE_URL_SIZE], int64_t *length, char *why,
                     size_t size);

/* From now on 404; a transfer under way is carried to its end. */
void file_server_remove(struct file_server *server, const char *url);

/* Ends all transfers. */
void file_server_stop(struct file_server *server);

#endif
