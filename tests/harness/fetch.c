/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/fetch.h"

#include <curl/curl.h>
#include <string.h>

uint64_t fetch_checksum(uint64_t checksum, const void *bytes, size_t length)
{
	const unsigned char *byte = bytes;
	for (size_t i = 0; i < length; i++)
		checksum = (checksum ^ byte[i]) * UINT64_C(1099511628211);
	return checksum;
}

static size_t take_body(char *bytes, size_t unit, size_t length, void *closure)
{
	(void)unit;
	struct fetch *fetch = closure;
	if (fetch->length < sizeof fetch->body - 1) {
		size_t room = sizeof fetch->body - 1 - (size_t)fetch->length;
		memcpy(fetch->body + fetch->length, bytes, length < room ? length : room);
	}
	fetch->length += length;
	fetch->checksum = fetch_checksum(fetch->checksum, bytes, length);
	return length;
}

void fetch_url(struct fetch *fetch, const char *url, const char *method, const char *header)
{
	memset(fetch, 0, sizeof *fetch);
	fetch->checksum = FETCH_CHECKSUM_START;
	CURL *curl = curl_easy_init();
	if (curl == NULL)
		return;
	struct curl_slist *headers = header != NULL ? curl_slist_append(NULL, header) : NULL;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch);
	if (method != NULL && strcmp(method, "HEAD") == 0)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else if (method != NULL)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (curl_easy_perform(curl) == CURLE_OK) {
		const char *type = NULL;
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &fetch->status);
		if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL)
			strncpy(fetch->type, type, sizeof fetch->type - 1);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
}
