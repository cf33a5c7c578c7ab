/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client/service_http.h"

#include <curl/curl.h>
#include <stdio.h>

#include "core/base/alloc.h"

static size_t keep(char *bytes, size_t size, size_t count, void *closure)
{
	text_add_bytes(closure, bytes, size * count);
	return size * count;
}

static long get(CURL *curl, const struct config *config, const char *path, struct text *body, char *why, size_t size)
{
	char url[512];
	long status = 0;
	/* Without a host, the service listens on all addresses, including the loopback address. */
	snprintf(url, sizeof url, "http://%s%s%s", config->http_addr[0] == ':' ? "127.0.0.1" : "", config->http_addr, path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 5L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	if (config->http_token != NULL) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, config->http_token);
	}
	CURLcode code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	else
		snprintf(why, size, "%s: %s: is `postprocessing server` running?", config->http_addr, curl_easy_strerror(code));
	return status;
}

long service_http_get(const struct config *config, const char *path, struct text *body, char *why, size_t size)
{
	CURL *curl = alloc_checked(curl_easy_init());
	long status = get(curl, config, path, body, why, size);
	curl_easy_cleanup(curl);
	return status;
}
