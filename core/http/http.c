/* SPDX-License-Identifier: Apache-2.0 */

#include "core/http/http.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/http/listener.h"

/* Probes and one scraper: few and short. */
static const struct listener_limits limits = {
	.connections = {.count = 32, .request = 10 * SECOND, .reply = 30 * SECOND}, .timeout = 10, .memory = 8192};

struct http {
	struct http_options options;
	struct listener *listener; /* NULL: does not listen */
	char address[LISTENER_TEXT_SIZE];
	char why[256]; /* of the last attempt to listen */
};

struct http *http_create(const struct http_options *options)
{
	struct http *http = alloc_zeroed(1, sizeof *http);
	http->options = *options;
	return http;
}

void http_destroy(struct http *http)
{
	if (http == NULL)
		return;
	listener_stop(http->listener);
	free(http);
}

const char *http_address(const struct http *http)
{
	return http->listener != NULL ? http->address : NULL;
}

static bool has_token(struct MHD_Connection *connection, const char *token)
{
	static const char scheme[] = "Bearer ";
	const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
	if (given == NULL || strncasecmp(given, scheme, sizeof scheme - 1) != 0)
		return false;
	given += sizeof scheme - 1;
	size_t length = strlen(token);
	return strlen(given) == length && CRYPTO_memcmp(given, token, length) == 0;
}

static enum MHD_Result reply_with(struct MHD_Connection *connection, const struct http_route *route, void *closure)
{
	char *text = NULL;
	size_t length = 0;
	struct http_reply reply = {.status = MHD_HTTP_OK, .type = "text/plain; charset=utf-8"};
	reply.body = open_memstream(&text, &length);
	if (reply.body == NULL)
		return MHD_NO;
	route->answer(closure, &reply);
	bool whole = ferror(reply.body) == 0;
	if (fclose(reply.body) != 0 || !whole) {
		free(text);
		return listener_refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL, NULL);
	}
	struct MHD_Response *response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(text);
		return MHD_NO;
	}
	return listener_reply(connection, reply.status, response, reply.type, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static const struct http_route *find_route(const struct http *http, const char *path)
{
	for (size_t i = 0; i < http->options.route_count; i++)
		if (strcmp(path, http->options.route[i].path) == 0)
			return &http->options.route[i];
	return NULL;
}

static bool knows(void *closure, const char *path)
{
	return find_route(closure, path) != NULL;
}

static enum MHD_Result answer(void *closure, struct MHD_Connection *connection, const char *path)
{
	const struct http *http = closure;
	const struct http_route *route = find_route(http, path);
	const char *token = http->options.token;
	if (route->guarded && token != NULL && *token != '\0' && !has_token(connection, token))
		return listener_refuse(connection, MHD_HTTP_UNAUTHORIZED, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	return reply_with(connection, route, http->options.closure);
}

bool http_start(struct http *http)
{
	const struct listener_handler handler = {knows, answer, http};
	char why[sizeof http->why];
	if (http->listener != NULL)
		return true;
	http->listener = listener_start(http->options.addr, &limits, &handler, http->address, why, sizeof why);
	if (http->listener == NULL) {
		if (strcmp(why, http->why) != 0)
			log_warning(http->options.log, "HTTP ([http] addr, POSTPROCESSING_HTTP_ADDR): %s; retrying", why);
		memcpy(http->why, why, sizeof why);
		return false;
	}
	http->why[0] = '\0';
	log_info(http->options.log, "health and metrics on http://%s", http->address);
	return true;
}
