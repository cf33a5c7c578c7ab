/* SPDX-License-Identifier: Apache-2.0
 * The scanner "icap": any virus scanner behind an ICAP server (RFC 3507). RESPMOD if the server offers it, else REQMOD;
 * with a preview if it wants one. What it found decides, not its status: a status says clean only if it is 204, or if
 * the same bytes came back. */
#include <ctype.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icap_exchange.h"
#include "scanner.h"

#define SECOND_NANOS INT64_C(1000000000)
#define CHECK_TIME (5 * SECOND_NANOS)
#define OPTIONS_TTL (3600 * SECOND_NANOS)
#define IDLE_LIMIT 32
#define NAME_SIZE 768
#define DIGEST_SIZE 32

/* A connection between two requests. */
struct idle {
	struct connection *connection;
	struct idle *next;
};

struct icap {
	struct endpoint endpoint;
	struct tls *tls; /* NULL: plain connections */
	char url[512];   /* of the service */
	int64_t timeout;
	pthread_mutex_t lock; /* of what follows */
	struct idle *idle;
	size_t idle_count;
	struct icap_words options; /* status 0: unknown */
	int64_t options_until;     /* monotonic */
};

/* One upload on its way. */
struct transfer {
	struct icap *icap;
	struct source *source;
	char *text; /* FINDING_TEXT_SIZE */
	struct icap_exchange exchange;
	struct icap_words options;
	EVP_MD_CTX *sent, *back; /* digests of the bytes in both directions */
	uint64_t sent_bytes, back_bytes;
};

static enum finding none(const struct transfer *transfer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static enum finding none(const struct transfer *transfer, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(transfer->text, FINDING_TEXT_SIZE, format, arguments);
	va_end(arguments);
	return FINDING_NONE;
}

static struct connection *take_idle(struct icap *icap)
{
	struct connection *connection = NULL;
	pthread_mutex_lock(&icap->lock);
	while (icap->idle != NULL && connection == NULL) {
		struct idle *idle = icap->idle;
		icap->idle = idle->next;
		icap->idle_count--;
		if (connection_is_idle(idle->connection))
			connection = idle->connection;
		else
			connection_close(idle->connection);
		free(idle);
	}
	pthread_mutex_unlock(&icap->lock);
	return connection;
}

static void keep_idle(struct icap *icap, struct connection *connection)
{
	struct idle *idle = malloc(sizeof *idle);
	pthread_mutex_lock(&icap->lock);
	bool kept = idle != NULL && icap->idle_count < IDLE_LIMIT;
	if (kept) {
		*idle = (struct idle){connection, icap->idle};
		icap->idle = idle;
		icap->idle_count++;
	}
	pthread_mutex_unlock(&icap->lock);
	if (kept)
		return;
	connection_close(connection);
	free(idle);
}

/* A request without a body. */
static bool ask_options(const struct icap *icap, struct icap_exchange *exchange)
{
	int length = snprintf(exchange->request, sizeof exchange->request,
	                      "OPTIONS %s ICAP/1.0\r\nHost: %s\r\nUser-Agent: postprocessing\r\n"
	                      "Encapsulated: null-body=0\r\n\r\n",
	                      icap->url, icap->endpoint.text);
	exchange->request_length = (size_t)length;
	exchange->body = NULL;
	icap_answer_begin(&exchange->answer, NULL, NULL);
	if (!icap_exchange(exchange))
		return false;
	const struct icap_words *words = &exchange->answer.words;
	if (words->status == 404)
		snprintf(exchange->why, sizeof exchange->why, "it has no service of that name (icap_service)");
	else if (words->status != 200 || (!words->respmod && !words->reqmod))
		snprintf(exchange->why, sizeof exchange->why, "it answered OPTIONS with %d, and offers no scan", words->status);
	return words->status == 200 && (words->respmod || words->reqmod);
}

static void keep_options(struct icap *icap, const struct icap_words *words)
{
	int64_t ttl = words->options_ttl > 0 && words->options_ttl < OPTIONS_TTL / SECOND_NANOS
	                  ? words->options_ttl * SECOND_NANOS
	                  : OPTIONS_TTL;
	pthread_mutex_lock(&icap->lock);
	icap->options = *words;
	icap->options_until = monotonic_now() + ttl;
	pthread_mutex_unlock(&icap->lock);
}

static bool find_options(struct icap *icap, struct icap_words *words)
{
	pthread_mutex_lock(&icap->lock);
	*words = icap->options;
	bool known = words->status != 0 && monotonic_now() < icap->options_until;
	pthread_mutex_unlock(&icap->lock);
	return known;
}

/* The ISTag changes with the signatures, and with it perhaps what the server wants. */
static void note_istag(struct icap *icap, const char *istag)
{
	pthread_mutex_lock(&icap->lock);
	if (istag[0] != '\0' && strcmp(icap->options.istag, istag) != 0)
		icap->options_until = 0;
	pthread_mutex_unlock(&icap->lock);
}

static ssize_t next_bytes(void *closure, const void **bytes)
{
	struct transfer *transfer = closure;
	ssize_t length = source_read(transfer->source, bytes);
	if (length > 0) {
		transfer->sent_bytes += (uint64_t)length;
		if (transfer->sent != NULL)
			EVP_DigestUpdate(transfer->sent, *bytes, (size_t)length);
	}
	return length;
}

static void take_back(void *closure, const void *bytes, size_t length)
{
	struct transfer *transfer = closure;
	transfer->back_bytes += length;
	if (transfer->back != NULL)
		EVP_DigestUpdate(transfer->back, bytes, length);
}

/* The name of the file as a part of a URL. */
static void encode_name(const char *name, char text[NAME_SIZE])
{
	size_t used = 0;
	for (; *name != '\0' && used + 4 < NAME_SIZE; name++) {
		unsigned char byte = (unsigned char)*name;
		if (isalnum(byte) || strchr("-._~", byte) != NULL)
			text[used++] = (char)byte;
		else
			used += (size_t)snprintf(text + used, 4, "%%%02X", byte);
	}
	text[used] = '\0';
}

/* The request, up to its body. The bytes pass as an answer to a download, or as an upload. */
static void make_request(struct transfer *transfer)
{
	const struct pp_host *host = transfer->source->host;
	struct icap_exchange *exchange = &transfer->exchange;
	const struct icap_words *options = &transfer->options;
	char name[NAME_SIZE], length[48] = "", first[NAME_SIZE + 128], second[256] = "", preview[48] = "";
	const char *filename = host->filename(transfer->source->run);
	encode_name(filename != NULL ? filename : "upload", name);
	int64_t size = host->filesize(transfer->source->run);
	if (size >= 0 && transfer->source->left < 0)
		snprintf(length, sizeof length, "Content-Length: %lld\r\n", (long long)size);
	if (options->respmod) {
		snprintf(first, sizeof first, "GET http://upload/%s HTTP/1.1\r\nHost: upload\r\n\r\n", name);
		snprintf(second, sizeof second, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n%s\r\n", length);
	} else {
		snprintf(first, sizeof first,
		         "PUT http://upload/%s HTTP/1.1\r\nHost: upload\r\nContent-Type: application/octet-stream\r\n%s\r\n",
		         name, length);
	}
	exchange->preview = options->preview < ICAP_PREVIEW_LIMIT ? options->preview : ICAP_PREVIEW_LIMIT;
	if (exchange->preview >= 0)
		snprintf(preview, sizeof preview, "Preview: %lld\r\n", (long long)exchange->preview);
	size_t head = strlen(first);
	int used = snprintf(exchange->request, sizeof exchange->request,
	                    "%s %s ICAP/1.0\r\nHost: %s\r\nUser-Agent: postprocessing\r\n%s%s",
	                    options->respmod ? "RESPMOD" : "REQMOD", transfer->icap->url, transfer->icap->endpoint.text,
	                    options->allows_204 ? "Allow: 204\r\n" : "", preview);
	char *rest = exchange->request + used;
	size_t room = sizeof exchange->request - (size_t)used;
	if (options->respmod)
		used += snprintf(rest, room, "Encapsulated: req-hdr=0, res-hdr=%zu, res-body=%zu\r\n\r\n%s%s", head,
		                 head + strlen(second), first, second);
	else
		used += snprintf(rest, room, "Encapsulated: req-hdr=0, req-body=%zu\r\n\r\n%s", head, first);
	exchange->request_length = (size_t)used;
	exchange->body = next_bytes;
	exchange->closure = transfer;
	icap_answer_begin(&exchange->answer, take_back, transfer);
}

/* Whether the server sent the same bytes back. */
static bool is_unchanged(struct transfer *transfer)
{
	unsigned char sent[EVP_MAX_MD_SIZE], back[EVP_MAX_MD_SIZE];
	unsigned length = 0, other = 0;
	return transfer->exchange.all_sent && transfer->sent != NULL && transfer->back != NULL &&
	       transfer->sent_bytes == transfer->back_bytes && EVP_DigestFinal_ex(transfer->sent, sent, &length) == 1 &&
	       EVP_DigestFinal_ex(transfer->back, back, &other) == 1 && length == other && memcmp(sent, back, length) == 0;
}

static enum finding found(const struct transfer *transfer, enum finding finding, const char *text, const char *fallback)
{
	snprintf(transfer->text, FINDING_TEXT_SIZE, "%s", text[0] != '\0' ? text : fallback);
	return finding;
}

/* What the complete answer means. What was found outranks the status. */
static enum finding judge(struct transfer *transfer)
{
	const struct icap_exchange *exchange = &transfer->exchange;
	const struct icap_words *words = &exchange->answer.words;
	if (words->infection == 0 || (words->infection < 0 && words->violation))
		return found(transfer, FINDING_INFECTED, words->threat, "a threat without a name");
	if (words->infection == 1 || (words->infection < 0 && words->blocked))
		return found(transfer, FINDING_BLOCKED, words->threat[0] != '\0' ? words->threat : words->block_reason,
		             "blocked by the scanner's policy");
	if (words->infection == 2)
		return found(transfer, FINDING_UNSCANNABLE, words->threat, "the scanner could not scan the file");
	if (words->status == 204 && !exchange->all_sent && !exchange->of_preview)
		return none(transfer, "icap: the server answered before it had received the whole file");
	/* In answer to a preview, 204 is always allowed. */
	if (words->status == 204 && !transfer->options.allows_204 && exchange->preview < 0)
		return none(transfer, "icap: the server answered 204, which it was not allowed to");
	if (words->status == 204)
		return FINDING_CLEAN;
	if (words->status == 200 && words->http_status >= 400)
		return found(transfer, FINDING_BLOCKED, "", "the server sent a page of its own instead of the file");
	if (words->status == 200 && words->has_body && is_unchanged(transfer))
		return FINDING_CLEAN;
	if (words->status == 200)
		return none(transfer, "icap: the server answered 200 without the same bytes, and named no threat");
	return none(transfer, "icap: the server (%s) answered %d", transfer->icap->endpoint.text, words->status);
}

static void prepare(const struct transfer *transfer, struct icap_exchange *exchange)
{
	const struct pp_host *host = transfer->source->host;
	struct pp_run *run = transfer->source->run;
	exchange->timeout = transfer->icap->timeout;
	exchange->until = monotonic_now() + host->deadline(run) - host->now(run);
	exchange->cancel_fd = host->cancel_fd(run);
}

/* A connection, and what the server offers. False: the text says why. */
static bool open_connection(struct transfer *transfer, bool fresh)
{
	struct icap *icap = transfer->icap;
	struct icap_exchange *exchange = &transfer->exchange;
	char why[ICAP_WHY_SIZE];
	prepare(transfer, exchange);
	const struct limits limits = {.until = monotonic_now() + exchange->timeout < exchange->until
	                                           ? monotonic_now() + exchange->timeout
	                                           : exchange->until,
	                              .cancel_fd = exchange->cancel_fd};
	exchange->connection = fresh ? NULL : take_idle(icap);
	if (exchange->connection == NULL)
		exchange->connection = connection_open(&icap->endpoint, icap->tls, &limits, why, sizeof why);
	if (exchange->connection == NULL)
		return none(transfer, "icap: %s; is the server running, and is icap_url correct?", why) != FINDING_NONE;
	if (find_options(icap, &transfer->options))
		return true;
	if (!ask_options(icap, exchange))
		return none(transfer, "icap (%s): %s", icap->endpoint.text, exchange->why) != FINDING_NONE;
	transfer->options = exchange->answer.words;
	keep_options(icap, &transfer->options);
	exchange->heard = false;
	return true;
}

static enum finding scan_once(struct transfer *transfer, bool fresh, bool *again)
{
	struct icap_exchange *exchange = &transfer->exchange;
	enum finding finding = FINDING_NONE;
	*exchange = (struct icap_exchange){0};
	transfer->sent_bytes = transfer->back_bytes = 0;
	bool opened = open_connection(transfer, fresh);
	bool kept = false;
	/* A kept connection may have ended before the server is asked for its options again. */
	*again = !opened && exchange->connection != NULL && !exchange->heard;
	if (opened) {
		make_request(transfer);
		bool answered = icap_exchange(exchange);
		if (exchange->body_failed) {
			none(transfer, "%s", transfer->source->host->read_error(transfer->source->run));
		} else if (answered) {
			finding = judge(transfer);
			note_istag(transfer->icap, exchange->answer.words.istag);
			kept = (exchange->all_sent || exchange->of_preview) && !exchange->answer.words.closes &&
			       finding != FINDING_NONE;
		} else {
			none(transfer, "icap (%s): %s", transfer->icap->endpoint.text, exchange->why);
		}
		*again = !answered && !exchange->heard && !exchange->body_failed;
	}
	if (kept)
		keep_idle(transfer->icap, exchange->connection);
	else
		connection_close(exchange->connection);
	return finding;
}

static bool begin_digests(struct transfer *transfer)
{
	transfer->sent = EVP_MD_CTX_new();
	transfer->back = EVP_MD_CTX_new();
	return transfer->sent != NULL && transfer->back != NULL &&
	       EVP_DigestInit_ex(transfer->sent, EVP_sha256(), NULL) == 1 &&
	       EVP_DigestInit_ex(transfer->back, EVP_sha256(), NULL) == 1;
}

static enum finding icap_scan(void *state, struct source *source, char text[FINDING_TEXT_SIZE])
{
	struct transfer *transfer = calloc(1, sizeof *transfer);
	text[0] = '\0';
	if (transfer == NULL) {
		snprintf(text, FINDING_TEXT_SIZE, "out of memory");
		return FINDING_NONE;
	}
	*transfer = (struct transfer){.icap = state, .source = source, .text = text};
	const struct source begun = *source;
	bool again = false;
	enum finding finding = FINDING_NONE;
	if (!begin_digests(transfer))
		none(transfer, "out of memory");
	else
		finding = scan_once(transfer, false, &again);
	/* A kept connection may have ended just then. */
	if (again && PP_HOST_HAS(source->host, rewind) && source->host->rewind(source->run) == 0) {
		*source = begun;
		EVP_MD_CTX_free(transfer->sent);
		EVP_MD_CTX_free(transfer->back);
		finding = begin_digests(transfer) ? scan_once(transfer, true, &again) : FINDING_NONE;
	}
	EVP_MD_CTX_free(transfer->sent);
	EVP_MD_CTX_free(transfer->back);
	free(transfer);
	return finding;
}

static int icap_check(void *state, char *why, size_t size)
{
	struct icap *icap = state;
	struct limits limits = {.until = monotonic_now() + CHECK_TIME, .cancel_fd = -1};
	struct icap_exchange *exchange = calloc(1, sizeof *exchange);
	if (exchange == NULL) {
		snprintf(why, size, "out of memory");
		return -1;
	}
	exchange->timeout = CHECK_TIME;
	exchange->until = limits.until;
	exchange->cancel_fd = -1;
	char reason[ICAP_WHY_SIZE];
	exchange->connection = connection_open(&icap->endpoint, icap->tls, &limits, reason, sizeof reason);
	if (exchange->connection == NULL)
		snprintf(why, size, "icap: %s", reason);
	bool good = exchange->connection != NULL && ask_options(icap, exchange);
	if (good)
		keep_options(icap, &exchange->answer.words);
	else if (exchange->connection != NULL)
		snprintf(why, size, "icap (%s): %s", icap->endpoint.text, exchange->why);
	connection_close(exchange->connection);
	free(exchange);
	return good ? 0 : -1;
}

/* icap://host:port, or icap://host:port/service in place of icap_service; the same with icaps://, which is *secure. */
static bool read_url(struct icap *icap, const char *url, const char *service, bool *secure)
{
	static const char plain[] = "icap://", tls[] = "icaps://";
	*secure = strncmp(url, tls, sizeof tls - 1) == 0;
	char address[256];
	if (!*secure && strncmp(url, plain, sizeof plain - 1) != 0)
		return false;
	const char *scheme = *secure ? tls : plain, *port = *secure ? ":11344" : ":1344";
	const char *host = url + strlen(scheme), *slash = strchr(host, '/');
	size_t length = slash != NULL ? (size_t)(slash - host) : strlen(host);
	bool has_port = memchr(host, ':', length) != NULL;
	if (slash != NULL && slash[1] != '\0')
		service = slash + 1;
	int used = snprintf(address, sizeof address, "tcp://%.*s%s", (int)length, host, has_port ? "" : port);
	if (used < 0 || (size_t)used >= sizeof address || !endpoint_parse(address, &icap->endpoint) || icap->endpoint.local)
		return false;
	for (const char *c = service; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	used = snprintf(icap->url, sizeof icap->url, "%s%s/%s", scheme, address + sizeof "tcp://" - 1, service);
	return used > 0 && (size_t)used < sizeof icap->url;
}

static void *icap_create(const struct pp_host *host, struct pp_setup *setup)
{
	const char *url = host->string(setup, "icap_url"), *service = host->string(setup, "icap_service");
	struct icap *icap = calloc(1, sizeof *icap);
	if (icap == NULL || pthread_mutex_init(&icap->lock, NULL) != 0) {
		host->reject(setup, NULL, "out of memory");
		free(icap);
		return NULL;
	}
	icap->timeout = host->number(setup, "icap_timeout");
	bool secure = false;
	char why[256];
	if (url == NULL || !read_url(icap, url, service != NULL ? service : "", &secure))
		host->reject(setup, "icap_url",
		             "expected icap://host, icap://host:port or icap://host:port/service, or the same with icaps://");
	else if (!secure)
		return icap;
	else if ((icap->tls = tls_create(&icap->endpoint, host->string(setup, "icap_ca"), why, sizeof why)) != NULL)
		return icap;
	else
		host->reject(setup, "icap_ca", "%s", why);
	pthread_mutex_destroy(&icap->lock);
	free(icap);
	return NULL;
}

static void icap_destroy(void *state)
{
	struct icap *icap = state;
	while (icap->idle != NULL) {
		struct idle *idle = icap->idle;
		icap->idle = idle->next;
		connection_close(idle->connection);
		free(idle);
	}
	tls_destroy(icap->tls);
	pthread_mutex_destroy(&icap->lock);
	free(icap);
}

const struct scanner icap_scanner = {
	.create = icap_create,
	.destroy = icap_destroy,
	.scan = icap_scan,
	.check = icap_check,
};
