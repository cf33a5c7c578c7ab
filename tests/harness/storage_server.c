/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/storage_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 * 1024)

struct storage_server_file {
	struct storage_server_file *next;
	char *path, *bytes;
	size_t length;
};

/* An answer in progress. */
struct body {
	struct storage_server *server;
	struct MHD_Connection *connection;
	uint64_t ends_at; /* here something happens: */
	bool stalls;
};

unsigned char storage_server_byte(uint64_t position)
{
	return (unsigned char)(position % 251);
}

/* Suspends the connection until the server stops. False: it is stopping. */
static bool suspend(struct storage_server *server, struct MHD_Connection *connection)
{
	pthread_mutex_lock(&server->lock);
	bool suspended = !server->stopping && server->suspended_count < SUSPENDED_MAX;
	if (suspended) {
		server->suspended[server->suspended_count++] = connection;
		MHD_suspend_connection(connection);
	}
	pthread_mutex_unlock(&server->lock);
	return suspended;
}

static ssize_t give_bytes(void *context, uint64_t position, char *bytes, size_t size)
{
	struct body *body = context;
	if (position >= body->ends_at && body->stalls && suspend(body->server, body->connection))
		return 0;
	if (position >= body->ends_at)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (size > body->ends_at - position)
		size = (size_t)(body->ends_at - position);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)storage_server_byte(position + i);
	return (ssize_t)size;
}

static ssize_t give_all(void *context, uint64_t position, char *bytes, size_t size)
{
	const struct body *body = context;
	return position >= body->ends_at ? MHD_CONTENT_READER_END_OF_STREAM : give_bytes(context, position, bytes, size);
}

static struct MHD_Response *make_body(struct storage_server *server, struct MHD_Connection *connection,
                                      uint64_t announced, uint64_t ends_at, bool stalls, bool whole)
{
	struct body *body = calloc(1, sizeof *body);
	if (body == NULL)
		return NULL;
	body->server = server;
	body->connection = connection;
	body->ends_at = ends_at;
	body->stalls = stalls;
	return MHD_create_response_from_callback(announced, BLOCK_SIZE, whole ? give_all : give_bytes, body, free);
}

static struct MHD_Response *text_response(const char *text, const char *header, const char *value)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
	if (response != NULL && header != NULL)
		MHD_add_response_header(response, header, value);
	return response;
}

/* The number behind `head`; false: the path does not begin with it. */
static bool path_is(const char *path, const char *head, uint64_t *number)
{
	size_t length = strlen(head);
	if (strncmp(path, head, length) != 0)
		return false;
	*number = strtoull(path + length, NULL, 10);
	return true;
}

/* A response with the bytes that were put at the path; NULL: none were. */
static struct MHD_Response *stored_response(struct storage_server *server, const char *path)
{
	struct MHD_Response *response = NULL;
	pthread_mutex_lock(&server->lock);
	struct storage_server_file *file = server->file;
	while (file != NULL && strcmp(file->path, path) != 0)
		file = file->next;
	if (file != NULL)
		response = MHD_create_response_from_buffer(file->length, file->bytes, MHD_RESPMEM_MUST_COPY);
	pthread_mutex_unlock(&server->lock);
	return response;
}

static struct MHD_Response *respond(struct storage_server *server, struct MHD_Connection *connection, const char *path,
                                    unsigned *status)
{
	uint64_t number;
	struct MHD_Response *stored = stored_response(server, path);
	if (stored != NULL)
		return stored;
	if (path_is(path, "/ok/", &number))
		return make_body(server, connection, number, number, false, true);
	if (path_is(path, "/chunked/", &number))
		return make_body(server, connection, MHD_SIZE_UNKNOWN, number, false, true);
	if (path_is(path, "/cut/", &number))
		return make_body(server, connection, number, number / 2, false, false);
	if (path_is(path, "/cut-chunked/", &number))
		return make_body(server, connection, MHD_SIZE_UNKNOWN, number / 2, false, false);
	if (path_is(path, "/stall/", &number))
		return make_body(server, connection, number, number / 2, true, false);
	if (path_is(path, "/status/", &number)) {
		*status = (unsigned)number;
		if (number == 204)
			return text_response("", NULL, NULL);
		return number / 100 == 3 ? text_response("moved", "Location", "/ok/10")
		                         : make_body(server, connection, 1000000, 1000000, false, true);
	}
	if (strcmp(path, "/gzip") == 0)
		return text_response("abc", "Content-Encoding", "gzip");
	*status = 404;
	return text_response("no such path", NULL, NULL);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *data, size_t *size, void **request)
{
	static const int seen;
	struct storage_server *server = context;
	(void)version;
	(void)data;
	(void)size;
	if (*request == NULL) {
		*request = (void *)(uintptr_t)&seen;
		return strcmp(method, "GET") == 0 ? MHD_YES : MHD_NO;
	}
	atomic_fetch_add(&server->requests, 1);
	const char *encoding = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding");
	if (encoding == NULL || strcmp(encoding, "identity") != 0)
		atomic_store(&server->identity_asked, false);
	if (strcmp(path, "/silent") == 0)
		return suspend(server, connection) ? MHD_YES : MHD_NO;
	unsigned status = 200;
	struct MHD_Response *response = respond(server, connection, path, &status);
	if (response == NULL)
		return MHD_NO;
	enum MHD_Result queued = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

static void count_connection(void *context, struct MHD_Connection *connection, void **socket,
                             enum MHD_ConnectionNotificationCode code)
{
	struct storage_server *server = context;
	(void)connection;
	(void)socket;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		atomic_fetch_add(&server->connections, 1);
}

void storage_server_start(struct storage_server *server, const char *host, const char *certificate, const char *key)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(host)};
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
		{MHD_OPTION_END, 0, NULL},
	};
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	if (certificate == NULL)
		tls[0].option = MHD_OPTION_END;
	else
		flags |= MHD_USE_TLS;
	memset(server, 0, sizeof *server);
	atomic_store(&server->identity_asked, true);
	ck_assert_int_eq(pthread_mutex_init(&server->lock, NULL), 0);
	server->daemon =
		MHD_start_daemon(flags, 0, NULL, NULL, handle, server, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
	                     MHD_OPTION_NOTIFY_CONNECTION, count_connection, server, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	ck_assert_ptr_nonnull(server->daemon);
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
	ck_assert_ptr_nonnull(info);
	server->port = info->port;
}

void storage_server_put(struct storage_server *server, const char *path, const void *bytes, size_t length)
{
	struct storage_server_file *file = calloc(1, sizeof *file);
	ck_assert_ptr_nonnull(file);
	file->path = strdup(path);
	file->bytes = malloc(length + 1);
	ck_assert(file->path != NULL && file->bytes != NULL);
	memcpy(file->bytes, bytes, length);
	file->length = length;
	pthread_mutex_lock(&server->lock);
	file->next = server->file;
	server->file = file;
	pthread_mutex_unlock(&server->lock);
}

void storage_server_stop(struct storage_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	for (size_t i = 0; i < server->suspended_count; i++)
		MHD_resume_connection(server->suspended[i]);
	pthread_mutex_unlock(&server->lock);
	MHD_stop_daemon(server->daemon);
	while (server->file != NULL) {
		struct storage_server_file *file = server->file;
		server->file = file->next;
		free(file->path);
		free(file->bytes);
		free(file);
	}
	pthread_mutex_destroy(&server->lock);
}
