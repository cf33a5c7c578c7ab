/* SPDX-License-Identifier: Apache-2.0 */
#include "core/content/content_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/content/content_head.h"

#define CONNECT_TIMEOUT_MS 10000L
/* How often libcurl is called while it connects: 7.88 sets no timer for trying the next address of a host. */
#define CONNECT_INTERVAL (500 * MILLISECOND)
#define HOST_TEXT_SIZE 300

struct content_http {
	const struct content_options *options;
	CURLM *multi; /* keeps the connections */
	/* The transfer under way, or NULL. A new one each time: on a used one libcurl before 8.1 reads what it has freed
	 * when the first header begins with a blank (curl/curl#11103). */
	CURL *easy;
	CURLU *url; /* of the transfer under way; holds a secret */
	struct curl_slist *headers;
	char host[HOST_TEXT_SIZE]; /* host:port of it, all that messages may hold */
	char curl_error[CURL_ERROR_SIZE];
	unsigned char *buffer; /* of the read under way */
	size_t size, used;
	int64_t expected; /* expected bytes; -1: unknown until the headers arrive */
	int64_t total;    /* received bytes */
	struct content_head head;
	char refusal[200]; /* why the answer is rejected, regardless of libcurl's result; "" */
	int socket_error;  /* errno of the last failed socket(); 0: none */
	int last_error;    /* errno after the last call of libcurl */
	bool accepted;     /* the status was seen, and is 200 */
	bool paused;       /* libcurl buffers bytes that did not fit */
	bool ended;        /* all bytes have arrived */
	bool gone;         /* the status was 404 or 410 */
};

bool content_cancelled(int descriptor)
{
	struct pollfd wait = {.fd = descriptor, .events = POLLIN};
	return descriptor >= 0 && poll(&wait, 1, 0) > 0;
}

static ssize_t fail(char error[CONTENT_ERROR_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));

static ssize_t fail(char error[CONTENT_ERROR_SIZE], const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error, CONTENT_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return -1;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct content_http *http = context;
	(void)purpose;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
		http->socket_error = errno;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* The headers of a 200 answer are complete: checks that they announce the upload's size. */
static bool take_length(struct content_http *http)
{
	const struct content_head *head = &http->head;
	if (http->expected < 0 && !head->sized) {
		snprintf(http->refusal, sizeof http->refusal,
		         "the size of the upload is unknown: the answer has no "
		         "Content-Length, and the event that began the upload has no size");
		return false;
	}
	if (http->expected < 0)
		http->expected = head->length;
	if (!head->sized || head->length == http->expected)
		return true;
	snprintf(http->refusal, sizeof http->refusal, "it has %lld bytes, but the upload has %lld", (long long)head->length,
	         (long long)http->expected);
	return false;
}

/* libcurl treats some invalid status lines as 200, and decodes some encodings that were not requested. */
static size_t take_header(char *line, size_t size, size_t count, void *context)
{
	struct content_http *http = context;
	size_t length = size * count;
	bool complete = http->head.complete;
	bool good = content_head_take(&http->head, line, length, http->refusal, sizeof http->refusal);
	if (good && http->head.complete && !complete)
		good = take_length(http);
	return good ? length : 0;
}

static size_t take_bytes(char *data, size_t size, size_t count, void *context)
{
	struct content_http *http = context;
	size_t length = size * count; /* libcurl's size is always 1 */
	if (!http->accepted) {
		long status = 0;
		if (curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != 200 ||
		    !http->head.complete)
			return CURL_WRITEFUNC_ERROR;
		http->accepted = true;
	}
	if (length > http->size)
		return CURL_WRITEFUNC_ERROR;
	if ((int64_t)length > http->expected - http->total) {
		snprintf(http->refusal, sizeof http->refusal, "it has more bytes than the upload (%lld)",
		         (long long)http->expected);
		return CURL_WRITEFUNC_ERROR;
	}
	if (length > http->size - http->used) {
		http->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(http->buffer + http->used, data, length);
	http->used += length;
	http->total += (int64_t)length;
	/* Pausing while there is still room for everything that libcurl has read saves it a copy of the rest. */
	if (http->size - http->used < CONTENT_HTTP_BUFFER_MIN && http->total < http->expected && !http->paused)
		http->paused = curl_easy_pause(http->easy, CURLPAUSE_RECV) == CURLE_OK;
	return length;
}

/* Sets the options that are the same for all transfers. */
static bool set_options(struct content_http *http)
{
	const struct content_options *options = http->options;
	CURL *easy = http->easy;
	long verify = options->tls_insecure ? 0L : 1L;
	CURLcode code = CURLE_OK;
#define SET(option, value) (code = code != CURLE_OK ? code : curl_easy_setopt(easy, option, value))
	SET(CURLOPT_WRITEFUNCTION, take_bytes);
	SET(CURLOPT_WRITEDATA, http);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, http);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, http);
	SET(CURLOPT_ERRORBUFFER, http->curl_error);
	SET(CURLOPT_BUFFERSIZE, (long)CONTENT_HTTP_BUFFER_MIN);
	SET(CURLOPT_NOSIGNAL, 1L);
	/* A cancelled run does not wait for a name server. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	/* The storage is a neighbour, and its URL a secret: a proxy that happens to be in the environment must
	 * not see it. "" turns all of them off. */
	SET(CURLOPT_PROXY, "");
	/* A single transfer gains nothing from HTTP/2, but its window would keep bytes in memory. */
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(CURLOPT_HTTPHEADER, http->headers);
	SET(CURLOPT_TCP_NODELAY, 1L);
	SET(CURLOPT_SSL_VERIFYPEER, verify);
	SET(CURLOPT_SSL_VERIFYHOST, verify * 2);
	if (options->ca_file != NULL)
		SET(CURLOPT_CAINFO, options->ca_file);
#undef SET
	return code == CURLE_OK;
}

struct content_http *content_http_create(const struct content_options *options)
{
	struct content_http *http = calloc(1, sizeof *http);
	if (http == NULL)
		return NULL;
	http->options = options;
	http->multi = curl_multi_init();
	/* Request the bytes as they are stored: compressed bytes would be scanned and counted in their compressed form. */
	http->headers = curl_slist_append(NULL, "Accept-Encoding: identity");
	if (http->multi == NULL || http->headers == NULL) {
		content_http_destroy(http);
		return NULL;
	}
	return http;
}

void content_http_destroy(struct content_http *http)
{
	if (http == NULL)
		return;
	content_http_close(http);
	curl_multi_cleanup(http->multi);
	curl_slist_free_all(http->headers);
	free(http);
}

/* False: the URL has no host. */
static bool remember_host(struct content_http *http)
{
	char *host = NULL, *port = NULL;
	bool found = curl_url_get(http->url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	             curl_url_get(http->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	if (found)
		snprintf(http->host, sizeof http->host, "%s:%s", host, port);
	curl_free(host);
	curl_free(port);
	return found;
}

bool content_http_open(struct content_http *http, const char *url, int64_t expected, char error[CONTENT_ERROR_SIZE])
{
	content_http_close(http);
	/* A new handle each time, because on a used one a relative URL would be resolved against the previous one. */
	http->url = curl_url();
	if (http->url == NULL) {
		fail(error, "out of memory");
		return false;
	}
	if (curl_url_set(http->url, CURLUPART_URL, url, 0) != CURLUE_OK || !remember_host(http)) {
		fail(error, "the upload's URL is malformed");
		return false;
	}
	http->head = (struct content_head){0};
	http->accepted = http->paused = http->ended = http->gone = false;
	http->expected = expected;
	http->total = 0;
	http->used = 0;
	http->refusal[0] = '\0';
	http->socket_error = http->last_error = 0;
	http->curl_error[0] = '\0';
	http->easy = curl_easy_init();
	if (http->easy == NULL || !set_options(http) ||
	    curl_easy_setopt(http->easy, CURLOPT_CURLU, http->url) != CURLE_OK ||
	    curl_multi_add_handle(http->multi, http->easy) != CURLM_OK) {
		fail(error, "cannot start the download from the storage %s: out of memory", http->host);
		return false;
	}
	return true;
}

void content_http_close(struct content_http *http)
{
	if (http->easy != NULL) {
		curl_multi_remove_handle(http->multi, http->easy);
		curl_easy_cleanup(http->easy);
	}
	curl_url_cleanup(http->url);
	http->easy = NULL;
	http->url = NULL;
}

static ssize_t fail_status(const struct content_http *http, long status, char error[CONTENT_ERROR_SIZE])
{
	const char *hint = "";
	if (status == 401 || status == 403)
		hint = ": the upload's URL may have expired";
	else if (status >= 300 && status < 400)
		hint = ": redirects are not followed";
	return fail(error, "the storage %s answered %ld%s", http->host, status, hint);
}

/* libcurl has many error codes for a failed connection. */
static bool is_out_of_descriptors(const struct content_http *http)
{
	if (http->socket_error == EMFILE || http->socket_error == ENFILE)
		return true;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd < 0 && (errno == EMFILE || errno == ENFILE);
}

/* Errors before the answer. 0: `code` is another error. */
static ssize_t fail_connection(const struct content_http *http, CURLcode code, char error[CONTENT_ERROR_SIZE])
{
	long number = 0;
	curl_easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &number);
	if (number == 0)
		number = http->socket_error;
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return fail(error, "cannot connect to the storage %s: %s", http->host,
		            number != 0 ? strerror((int)number) : "no answer");
	case CURLE_COULDNT_RESOLVE_HOST:
		return fail(error, "cannot look up the storage %s", http->host);
	case CURLE_OPERATION_TIMEDOUT:
		return fail(error, "cannot connect to the storage %s: no answer within %ld s", http->host,
		            CONNECT_TIMEOUT_MS / 1000);
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail(error,
		            "the certificate of the storage %s is not trusted (%s): set [content] ca_file, or tls_insecure",
		            http->host, http->curl_error);
	case CURLE_SSL_CACERT_BADFILE:
		return http->options->ca_file != NULL ? fail(error, "[content] ca_file contains no usable certificates")
		                                      : fail(error,
		                                             "the system has no certificates to verify the storage %s: install "
		                                             "ca-certificates, or set [content] ca_file",
		                                             http->host);
	default:
		return 0;
	}
}

/* Says why a transfer ended with `code`. libcurl's own text may hold parts of the URL, so it is used only
 * where it is known to speak of certificates. */
static ssize_t fail_transfer(const struct content_http *http, CURLcode code, char error[CONTENT_ERROR_SIZE])
{
	long status = 0;
	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	if (http->refusal[0] != '\0')
		return fail(error, "the answer of the storage %s is rejected: %s", http->host, http->refusal);
	if ((code == CURLE_OK || code == CURLE_WRITE_ERROR) && status != 200)
		return fail_status(http, status, error);
	if ((code == CURLE_OK || code == CURLE_WRITE_ERROR) && !http->head.well)
		return fail(error, "the storage %s gave an answer that is not HTTP", http->host);
	if (code == CURLE_PARTIAL_FILE)
		return fail(error, "the storage %s closed the connection before all bytes had arrived", http->host);
	if (!http->head.complete && is_out_of_descriptors(http))
		return fail(error, "cannot connect to the storage %s: this process has no file descriptors left", http->host);
	/* libcurl's error for a header line that is too long. */
	if (code == CURLE_OUT_OF_MEMORY && !http->head.complete && http->last_error != ENOMEM)
		return fail(error, "the answer of the storage %s is rejected: a header line is longer than 100 KB", http->host);
	if (fail_connection(http, code, error) < 0)
		return -1;
	return fail(error, "the download from the storage %s broke: %s", http->host, curl_easy_strerror(code));
}

/* Checks whether the transfer has ended. 1: no, 0: all bytes have arrived, -1: an error. */
static ssize_t take_end(struct content_http *http, char error[CONTENT_ERROR_SIZE])
{
	int left;
	CURLMsg *message = curl_multi_info_read(http->multi, &left);
	if (message == NULL || message->msg != CURLMSG_DONE)
		return 1;
	CURLcode code = message->data.result;
	long status = 0;
	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	http->gone = status == 404 || status == 410;
	ssize_t end = code == CURLE_OK && status == 200 && http->head.complete ? 0 : fail_transfer(http, code, error);
	content_http_close(http);
	return end;
}

static int milliseconds(nanos duration)
{
	nanos rounded = duration / MILLISECOND + 1;
	return rounded > 60000 ? 60000 : (int)rounded;
}

/* Waits for the network for a while, or until `stalled_at` (monotonic), the deadline or the cancellation. -1: one of
 * these three happened. */
static int wait_for_bytes(struct content_http *http, const struct content_limits *limits, nanos stalled_at,
                          char error[CONTENT_ERROR_SIZE])
{
	nanos left = stalled_at - clock_monotonic();
	if (left <= 0) {
		char text[DURATION_TEXT_SIZE];
		return (int)fail(error, "the storage %s sent nothing for %s", http->host, duration_format(limits->stall, text));
	}
	if (limits->deadline != 0) {
		nanos until_deadline = limits->deadline - clock_now();
		if (until_deadline <= 0)
			return (int)fail(error, "the download from the storage %s did not finish before the step's deadline",
			                 http->host);
		if (until_deadline < left)
			left = until_deadline;
	}
	if (http->head.bytes == 0 && left > CONNECT_INTERVAL)
		left = CONNECT_INTERVAL;
	struct curl_waitfd cancel = {.fd = limits->cancel_fd, .events = CURL_WAIT_POLLIN};
	unsigned int extra = limits->cancel_fd >= 0 ? 1 : 0;
	if (curl_multi_poll(http->multi, &cancel, extra, milliseconds(left), NULL) != CURLM_OK)
		return (int)fail(error, "cannot wait for the storage %s", http->host);
	if (cancel.revents != 0)
		return (int)fail(error, "the download from the storage %s was cancelled", http->host);
	return 0;
}

/* Lets libcurl continue with its buffered bytes; -1: an error. */
static ssize_t go_on(struct content_http *http, char error[CONTENT_ERROR_SIZE])
{
	if (!http->paused)
		return 0;
	http->paused = false;
	CURLcode code = curl_easy_pause(http->easy, CURLPAUSE_CONT);
	return code == CURLE_OK ? 0 : fail_transfer(http, code, error);
}

ssize_t content_http_read(struct content_http *http, unsigned char *buffer, size_t size,
                          const struct content_limits *limits, char error[CONTENT_ERROR_SIZE])
{
	if (http->ended)
		return 0;
	http->buffer = buffer;
	http->size = size;
	http->used = 0;
	nanos stalled_at = clock_monotonic() + limits->stall;
	if (go_on(http, error) < 0)
		return -1;
	for (;;) {
		int running;
		errno = 0;
		if (curl_multi_perform(http->multi, &running) != CURLM_OK)
			return fail(error, "the download from the storage %s broke", http->host);
		http->last_error = errno;
		ssize_t end = take_end(http, error);
		if (end < 0)
			return -1;
		http->ended = end == 0;
		/* The last bytes are returned only when it is known that no more follow, so callers need not read on to find
		 * out. */
		bool complete = http->total == http->expected, held_back = complete && http->paused;
		if (http->ended || (http->used > 0 && !complete))
			return (ssize_t)http->used;
		if (held_back ? go_on(http, error) < 0 : wait_for_bytes(http, limits, stalled_at, error) != 0)
			return -1;
	}
}

bool content_http_gone(const struct content_http *http)
{
	return http->gone;
}
