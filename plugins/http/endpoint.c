/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)
#define CONNECT_MILLISECONDS 10000L
#define CHECK_MILLISECONDS 5000L
/* How often libcurl is called while it connects: 7.88 sets no timer for trying the next address of a host. */
#define INTERVAL_MILLISECONDS 500

/* One request under way. */
struct transfer {
	const struct request *request;
	struct answer *answer;
	CURL *easy;
	char error[CURL_ERROR_SIZE];
	const char *bytes; /* not sent yet */
	size_t left;
	int64_t sent;
	bool ended;  /* the end of the upload was read */
	bool unread; /* the upload's bytes cannot be had */
};

static bool find_host(struct endpoint *endpoint)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	CURLU *url = curl_url();
	bool good = url != NULL && curl_url_set(url, CURLUPART_URL, endpoint->url, 0) == CURLUE_OK &&
	            curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	            (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
	            curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	            curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	if (good)
		snprintf(endpoint->host, sizeof endpoint->host, "%.280s:%.8s", host, port);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	return good;
}

bool endpoint_init(struct endpoint *endpoint, const char *url, const char *ca_file, const char **why)
{
	*endpoint = (struct endpoint){.url = strdup(url), .ca_file = ca_file != NULL ? strdup(ca_file) : NULL};
	pthread_mutex_init(&endpoint->lock, NULL);
	*why = endpoint->url == NULL || (ca_file != NULL && endpoint->ca_file == NULL) ||
	               curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK
	           ? "out of memory"
	       : !find_host(endpoint) ? "expected https://HOST/PATH or http://HOST/PATH"
	                              : NULL;
	return *why == NULL;
}

void endpoint_free(struct endpoint *endpoint)
{
	if (endpoint->idle != NULL)
		curl_multi_cleanup(endpoint->idle);
	pthread_mutex_destroy(&endpoint->lock);
	free(endpoint->url);
	free(endpoint->ca_file);
}

static size_t take_answer(char *data, size_t size, size_t count, void *context)
{
	struct answer *answer = ((struct transfer *)context)->answer;
	size_t length = size * count, room = ANSWER_SIZE - 1 - answer->used;
	answer->cut = answer->cut || length > room;
	if (length > room)
		return CURL_WRITEFUNC_ERROR;
	memcpy(answer->text + answer->used, data, length);
	answer->used += length;
	answer->text[answer->used] = '\0';
	return length;
}

static size_t give_bytes(char *room, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	const struct request *request = transfer->request;
	const void *bytes = NULL;
	if (transfer->left == 0) {
		ssize_t got = request->host->read(request->run, &bytes);
		transfer->unread = got < 0;
		transfer->ended = got == 0;
		if (got < 0)
			return CURL_READFUNC_ABORT;
		transfer->bytes = bytes;
		transfer->left = (size_t)got;
	}
	size_t length = transfer->left < size * count ? transfer->left : size * count;
	if (length > 0)
		memcpy(room, transfer->bytes, length);
	transfer->bytes += length;
	transfer->left -= length;
	transfer->sent += (int64_t)length;
	return length;
}

#define SET(option, value) (code = code != CURLE_OK ? code : curl_easy_setopt(easy, option, value))

/* What all connections have in common. */
static CURLcode set_options(const struct endpoint *endpoint, CURL *easy, char *error)
{
	CURLcode code = CURLE_OK;
	SET(CURLOPT_ERRORBUFFER, error);
	SET(CURLOPT_URL, endpoint->url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MILLISECONDS);
	SET(CURLOPT_USERAGENT, "postprocessing");
	if (endpoint->ca_file != NULL) {
		SET(CURLOPT_CAINFO, endpoint->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	return code;
}

static CURLcode set_request(struct transfer *transfer)
{
	const struct request *request = transfer->request;
	CURL *easy = transfer->easy;
	CURLcode code = CURLE_OK;
	int64_t timeout = request->timeout / MILLISECOND;
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_HTTPHEADER, request->headers);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_TIMEOUT_MS, timeout > 0 ? (long)timeout : 1L);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
	SET(CURLOPT_WRITEFUNCTION, take_answer);
	SET(CURLOPT_WRITEDATA, transfer);
	if (request->body != NULL) {
		SET(CURLOPT_POSTFIELDS, request->body);
	} else {
		SET(CURLOPT_READFUNCTION, give_bytes);
		SET(CURLOPT_READDATA, transfer);
		SET(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
		/* The bytes can be read once only, so a kept connection that has ended would cost a retry. */
		SET(CURLOPT_FRESH_CONNECT, 1L);
	}
	return code;
}

/* Until the answer is there. False: cancelled. */
static bool perform(CURLM *multi, const struct request *request, CURLcode *code)
{
	struct curl_waitfd cancel = {.fd = request->host->cancel_fd(request->run), .events = CURL_WAIT_POLLIN};
	for (int running = 1;;) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return true;
		int queued;
		const CURLMsg *message = curl_multi_info_read(multi, &queued);
		if (message != NULL && message->msg == CURLMSG_DONE) {
			*code = message->data.result;
			return true;
		}
		if (request->host->cancelled(request->run))
			return false;
		curl_multi_poll(multi, &cancel, cancel.fd >= 0 ? 1 : 0, INTERVAL_MILLISECONDS, NULL);
	}
}

static CURLM *take_multi(struct endpoint *endpoint)
{
	pthread_mutex_lock(&endpoint->lock);
	CURLM *multi = endpoint->idle;
	endpoint->idle = NULL;
	pthread_mutex_unlock(&endpoint->lock);
	return multi != NULL ? multi : curl_multi_init();
}

static void keep_multi(struct endpoint *endpoint, CURLM *multi)
{
	pthread_mutex_lock(&endpoint->lock);
	CURLM *other = endpoint->idle;
	endpoint->idle = multi;
	pthread_mutex_unlock(&endpoint->lock);
	if (other != NULL)
		curl_multi_cleanup(other);
}

/* Whether the endpoint has received all of the body: an answer to a part of it is none. */
static bool is_sent(const struct transfer *transfer)
{
	const struct request *request = transfer->request;
	return request->body != NULL || (request->length >= 0 ? transfer->sent == request->length : transfer->ended);
}

/* Behind the error of a connection that was not made. */
static const char *hint(CURLcode code)
{
	if (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST)
		return "";
	/* In a sandbox without network, socket() fails with EPERM. */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool denied = fd < 0 && errno == EPERM;
	if (fd >= 0)
		close(fd);
	return denied ? "; the sandbox does not allow the network (key allow)" : "";
}

static void conclude(const struct endpoint *endpoint, struct transfer *transfer, CURLcode code)
{
	const struct request *request = transfer->request;
	struct answer *answer = transfer->answer;
	const char *why = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code);
	curl_off_t wait = 0;
	long status = 0;
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &wait);
	answer->wait = (int64_t)wait;
	if (transfer->unread)
		snprintf(answer->error, sizeof answer->error, "%s", request->host->read_error(request->run));
	else if (answer->cut)
		snprintf(answer->error, sizeof answer->error, "%s gave an answer of more than %u bytes", endpoint->host,
		         ANSWER_SIZE - 1);
	else if (code != CURLE_OK)
		snprintf(answer->error, sizeof answer->error, "%.100s: %.200s%s", endpoint->host, why, hint(code));
	else if ((status == 200 || status == 204) && !is_sent(transfer))
		snprintf(answer->error, sizeof answer->error, "%s answered before it had received the whole upload",
		         endpoint->host);
	else
		answer->status = status;
}

void endpoint_post(struct endpoint *endpoint, const struct request *request, struct answer *answer)
{
	struct transfer transfer = {.request = request, .answer = answer, .easy = curl_easy_init()};
	CURLM *multi = take_multi(endpoint);
	CURLcode code = CURLE_OUT_OF_MEMORY;
	bool performed = true;
	answer->text = calloc(1, ANSWER_SIZE);
	if (multi != NULL && transfer.easy != NULL && answer->text != NULL)
		code = set_options(endpoint, transfer.easy, transfer.error);
	if (code == CURLE_OK)
		code = set_request(&transfer);
	if (code == CURLE_OK && curl_multi_add_handle(multi, transfer.easy) == CURLM_OK) {
		code = CURLE_FAILED_INIT;
		performed = perform(multi, request, &code);
	}
	if (!performed)
		snprintf(answer->error, sizeof answer->error, "cancelled before %s answered", endpoint->host);
	else if (transfer.easy != NULL)
		conclude(endpoint, &transfer, code);
	else
		snprintf(answer->error, sizeof answer->error, "out of memory");
	if (multi != NULL && transfer.easy != NULL)
		curl_multi_remove_handle(multi, transfer.easy);
	curl_easy_cleanup(transfer.easy);
	if (multi != NULL)
		keep_multi(endpoint, multi);
}

bool endpoint_connect(const struct endpoint *endpoint, char *error, size_t size)
{
	char text[CURL_ERROR_SIZE] = "";
	CURL *easy = curl_easy_init();
	CURLcode code = easy == NULL ? CURLE_OUT_OF_MEMORY : set_options(endpoint, easy, text);
	SET(CURLOPT_CONNECT_ONLY, 1L);
	SET(CURLOPT_TIMEOUT_MS, CHECK_MILLISECONDS);
	if (code == CURLE_OK)
		code = curl_easy_perform(easy);
	if (code != CURLE_OK)
		snprintf(error, size, "%.100s: %.200s%s", endpoint->host, text[0] != '\0' ? text : curl_easy_strerror(code),
		         hint(code));
	curl_easy_cleanup(easy);
	return code == CURLE_OK;
}
