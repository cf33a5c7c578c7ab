/* SPDX-License-Identifier: Apache-2.0
 * An HTTP server on a free port of loopback that behaves, well or badly, as the path says. */
#ifndef TESTS_FILE_SERVER_H
#define TESTS_FILE_SERVER_H

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
 * Byte i of a body is file_server_byte(i). */
struct file_server {
	struct MHD_Daemon *daemon;
	uint16_t port;
	atomic_uint connections, requests;
	pthread_mutex_t lock;
	bool stopping;
	struct MHD_Connection *suspended[SUSPENDED_MAX];
	size_t suspended_count;
	atomic_bool identity_asked; /* each request so far came with Accept-Encoding: identity */
	struct file_server_file *file; /* under the lock */
};

/* Fails the test if it cannot start. `host`: an address of this machine; `certificate` and `key` (PEM): https; NULL: http. */
#define FILE_SERVER_LOOPBACK "127.0.0.1"
void file_server_start(struct file_server *server, const char *host, const char *certificate, const char *key);
void file_server_stop(struct file_server *server);

/* From now on answers `path`, whatever it says, with a copy of these bytes. At any time. */
void file_server_put(struct file_server *server, const char *path, const void *bytes, size_t length);

unsigned char file_server_byte(uint64_t position);

#endif
