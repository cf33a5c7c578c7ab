/* SPDX-License-Identifier: Apache-2.0 */

#include "core/http/file_server.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "core/base/printable.h"
#include "core/base/thread.h"
#include "core/http/listener.h"

#define TOKEN_BYTES 16
#define TOKEN_LENGTH (2 * TOKEN_BYTES)
#define PREFIX "/data/"
#define FILE_BASE_SIZE (FILE_URL_SIZE - (int)sizeof PREFIX - TOKEN_LENGTH)

/* A slow scanner may make a transfer wait, but a dead one must not hold it forever. */
static const struct listener_limits limits = {
	.connections = {.count = 256, .request = 30 * SECOND}, .timeout = 300, .memory = 16384};

struct file {
	struct file *next;
	int fd;
	int64_t part;            /* the bytes of each transfer; 0: all */
	uint64_t parts, request; /* how many parts there are, and which is next */
	char token[TOKEN_LENGTH + 1];
};

struct file_server {
	struct listener *listener;
	char address[LISTENER_TEXT_SIZE];
	char base[FILE_BASE_SIZE];
	pthread_mutex_t lock; /* of `file` */
	struct file *file;
};

/* What one request gets. */
struct transfer {
	int fd; /* of its own */
	uint64_t offset;
	int64_t part; /* 0: all */
};

/* With the lock held. */
static struct file *find_token(const struct file_server *server, const char *token)
{
	struct file *file = server->file;
	if (strlen(token) != TOKEN_LENGTH)
		return NULL;
	while (file != NULL && CRYPTO_memcmp(file->token, token, TOKEN_LENGTH) != 0)
		file = file->next;
	return file;
}

/* False: no such file. */
static bool open_token(struct file_server *server, const char *token, struct transfer *transfer)
{
	pthread_mutex_lock(&server->lock);
	struct file *file = find_token(server, token);
	*transfer = (struct transfer){.fd = file != NULL ? fcntl(file->fd, F_DUPFD_CLOEXEC, 3) : -1};
	if (file != NULL && file->parts > 0) {
		transfer->part = file->part;
		transfer->offset = file->request++ % file->parts * FILE_SHIFT;
	}
	pthread_mutex_unlock(&server->lock);
	return transfer->fd >= 0;
}

static enum MHD_Result reply_with_file(struct MHD_Connection *connection, const struct transfer *transfer)
{
	int fd = transfer->fd;
	struct stat status;
	/* From a descriptor libmicrohttpd reads by offset (sendfile or pread), so transfers of one file do not disturb
	 * each other; it closes it in the end. */
	struct MHD_Response *response = NULL;
	if (fstat(fd, &status) == 0)
		response = MHD_create_response_from_fd_at_offset64(
			(uint64_t)(transfer->part > 0 ? transfer->part : status.st_size), fd, transfer->offset);
	if (response == NULL) {
		close(fd);
		return listener_refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL, NULL);
	}
	return listener_reply(connection, MHD_HTTP_OK, response, "application/octet-stream", NULL, NULL);
}

static bool knows(void *closure, const char *path)
{
	(void)closure;
	return strncmp(path, PREFIX, sizeof PREFIX - 1) == 0;
}

static enum MHD_Result answer(void *closure, struct MHD_Connection *connection, const char *path)
{
	struct transfer transfer;
	if (!open_token(closure, path + sizeof PREFIX - 1, &transfer))
		return listener_refuse(connection, MHD_HTTP_NOT_FOUND, NULL, NULL);
	return reply_with_file(connection, &transfer);
}

/* Whether paths can be appended to the URL. */
static bool is_base(const char *url)
{
	const char *host = strncmp(url, "http://", 7) == 0 ? url + 7 : strncmp(url, "https://", 8) == 0 ? url + 8 : "";
	bool plain = url[strcspn(url, "?#@ \t\\\"<>")] == '\0' && printable_length(url, strlen(url)) == strlen(url);
	return host[0] != '\0' && host[0] != '/' && host[0] != ':' && plain && strlen(url) < FILE_BASE_SIZE;
}

/* Sets the prefix of the files' URLs. */
static bool choose_base(struct file_server *server, const char *addr, const char *url, char *why, size_t size)
{
	if (url != NULL && !is_base(url)) {
		snprintf(why, size, "%s: expected http://HOST:PORT or https://HOST/PATH", url);
		return false;
	}
	if (url == NULL && listener_is_everywhere(server->address)) {
		snprintf(why, size,
		         "%s: this address stands for all addresses of the host, and files cannot be fetched from "
		         "it: give an address that the service can reach, or use --url to give the URL at which the "
		         "service reaches this process",
		         addr);
		return false;
	}
	snprintf(server->base, sizeof server->base, "%s%s", url != NULL ? "" : "http://",
	         url != NULL ? url : server->address);
	for (size_t length = strlen(server->base); server->base[length - 1] == '/'; length--)
		server->base[length - 1] = '\0';
	return true;
}

struct file_server *file_server_start(const char *addr, const char *url, char *why, size_t size)
{
	struct file_server *server = alloc_zeroed(1, sizeof *server);
	const struct listener_handler handler = {knows, answer, server};
	lock_init(&server->lock);
	if (addr == NULL)
		addr = "127.0.0.1:0";
	server->listener = listener_start(addr, &limits, &handler, server->address, why, size);
	if (server->listener == NULL || !choose_base(server, addr, url, why, size)) {
		file_server_stop(server);
		return NULL;
	}
	return server;
}

/* Opens a regular file; -1: failed; `why` has the reason. */
static int open_regular(const char *path, int64_t *length, char *why, size_t size)
{
	/* Without O_NONBLOCK, opening a named pipe would block. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(status.st_mode)) {
		snprintf(why, size, "%s: not a regular file", path);
	} else {
		*length = status.st_size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

bool file_server_add(struct file_server *server, const char *path, char url[FILE_URL_SIZE], int64_t *length, char *why,
                     size_t size)
{
	int fd = open_regular(path, length, why, size);
	if (fd < 0)
		return false;
	struct file *file = alloc_zeroed(1, sizeof *file);
	if (!random_hex(file->token, TOKEN_BYTES)) {
		snprintf(why, size, "%s: no random numbers available", path);
		free(file);
		close(fd);
		return false;
	}
	file->fd = fd;
	snprintf(url, FILE_URL_SIZE, "%s" PREFIX "%s", server->base, file->token);
	pthread_mutex_lock(&server->lock);
	file->next = server->file;
	server->file = file;
	pthread_mutex_unlock(&server->lock);
	return true;
}

uint64_t file_server_vary(struct file_server *server, const char *url, int64_t part)
{
	const char *token = strrchr(url, '/');
	struct stat status;
	pthread_mutex_lock(&server->lock);
	struct file *file = token != NULL ? find_token(server, token + 1) : NULL;
	uint64_t parts = 0;
	if (file != NULL && part > 0 && fstat(file->fd, &status) == 0 && status.st_size >= part) {
		parts = (uint64_t)(status.st_size - part) / FILE_SHIFT + 1;
		file->part = part;
		file->parts = parts;
	}
	pthread_mutex_unlock(&server->lock);
	return parts;
}

void file_server_stop(struct file_server *server)
{
	listener_stop(server->listener);
	for (struct file *file = server->file, *next; file != NULL; file = next) {
		next = file->next;
		close(file->fd);
		free(file);
	}
	pthread_mutex_destroy(&server->lock);
	free(server);
}
