/* SPDX-License-Identifier: Apache-2.0
 * An HTTP server on a free port of loopback that behaves, well or badly, as the path says. */
#ifndef TESTS_HARNESS_STORAGE_SERVER_H
#define TESTS_HARNESS_STORAGE_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct MHD_Connection;
struct MHD_Daemon;

#define SUSPENDED_MAX 16

/* Paths:
 *   /ok/N           N bytes, with Content-Length
 *   /chunked/N      N bytes, chunked
 *   /cut/N          announces N bytes, closes after the half
 *   /cut-chunked/N  chunked, and closes after the half of N
 *   /stall/N        announces N bytes, stops after the half
 *   /silent         never answers
 *   /status/C       a body of 1 MB with status C; with Location and a short one for 3xx
 *   /gzip           3 bytes that call themselves gzip
 *   others          404
 * Byte i of a body is storage_server_byte(i). */
struct storage_server {
	struct MHD_Daemon *daemon;
	uint16_t port;
	atomic_uint connections, requests;
	pthread_mutex_t lock;
	bool stopping;
	struct MHD_Connection *suspended[SUSPENDED_MAX];
	size_t suspended_count;
	atomic_bool identity_asked;       /* every request so far had Accept-Encoding: identity */
	struct storage_server_file *file; /* under the lock */
};

/* Fails the test if it cannot start. `host`: an address of this machine; `certificate` and `key` (PEM): https; NULL:
 * http. */
#define FILE_SERVER_LOOPBACK "127.0.0.1"
void storage_server_start(struct storage_server *server, const char *host, const char *certificate, const char *key);
void storage_server_stop(struct storage_server *server);

/* From now on answers `path`, whatever its name, with a copy of these bytes. Can be called at any time. */
void storage_server_put(struct storage_server *server, const char *path, const void *bytes, size_t length);

unsigned char storage_server_byte(uint64_t position);

#endif
