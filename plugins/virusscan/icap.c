/* SPDX-License-Identifier: Apache-2.0
 * The scanner "icap": any virus scanner behind an ICAP server (RFC 3507). RESPMOD if the server offers it, else REQMOD;
 * with a preview if it wants one. What it found decides, not its status: a status says clean only if it is 204, or if
 * the same bytes came back. */
#include <ctype.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "icap_exchange.h"
#include "idle.h"
#include "scanner.h"

#define SECOND_NANOS INT64_C(1000000000)
#define OPTIONS_TTL (3600 * SECOND_NANOS)
#define NAME_SIZE 768
#define NOT_THERE_HINT "is the server running, and is icap_url correct?"

struct icap {
	struct endpoint endpoint;
	struct tls *tls;                   /* NULL: plain connections */
	char url[512];                     /* of the service, … */
	const char *service, *service_key; /* … its name, a part of the URL, and the key that has it */
	int64_t timeout;
	struct idle_pool *idle;
	pthread_mutex_t lock;      /* of what follows */
	struct icap_words options; /* status 0: unknown */
	int64_t options_until;     /* monotonic */
	bool sends_back;           /* it has sent bytes back although it may answer 204, so they are compared at once */
};

/* One upload on its way. */
struct transfer {
	struct icap *icap;
	struct source *source;
	struct report *report;
	struct icap_exchange exchange;
	struct icap_words options;
	EVP_MD_CTX *back; /* the digest of the bytes that come back */
	int64_t back_bytes;
};

static int64_t opened(const void *connection)
{
	return connection_opened(connection);
}

static bool is_idle(void *connection)
{
	return connection_is_idle(connection);
}

static void close_kept(void *connection)
{
	connection_close(connection);
}

static const struct idle_kind kind = {.opened = opened, .alive = is_idle, .close = close_kept};

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
		snprintf(exchange->why, sizeof exchange->why, "it has no service \"%.200s\" (%s)", icap->service,
		         icap->service_key);
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

/* The service's name, and the ISTag, which stands for its signatures. */
static void format_version(const char *service, const char *istag, char version[REPORT_VERSION_SIZE])
{
	if (istag[0] == '\0')
		version[0] = '\0';
	else
		snprintf(version, REPORT_VERSION_SIZE, "%.100s%sISTag %.140s", service, service[0] != '\0' ? ", " : "", istag);
}

static ssize_t next_bytes(void *closure, const void **bytes)
{
	struct transfer *transfer = closure;
	return source_read(transfer->source, bytes);
}

static void take_back(void *closure, const void *bytes, size_t length)
{
	struct transfer *transfer = closure;
	transfer->back_bytes += (int64_t)length;
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
	struct icap_exchange *exchange = &transfer->exchange;
	const struct icap_words *options = &transfer->options;
	char name[NAME_SIZE], length[48] = "", first[NAME_SIZE + 256], second[256] = "", preview[48] = "";
	encode_name(transfer->source->name, name);
	int64_t size = source_expected(transfer->source);
	if (size >= 0)
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
	exchange->steady = transfer->source->memory != NULL;
	exchange->closure = transfer;
	icap_answer_begin(&exchange->answer, take_back, transfer);
}

/* Whether the server sent the same bytes back. */
static bool is_unchanged(struct transfer *transfer)
{
	unsigned char sent[EVP_MAX_MD_SIZE], back[EVP_MAX_MD_SIZE];
	unsigned length = 0, other = 0;
	return transfer->exchange.all_sent && transfer->source->handed == transfer->back_bytes &&
	       source_digest(transfer->source, sent, &length) && EVP_DigestFinal_ex(transfer->back, back, &other) == 1 &&
	       length == other && memcmp(sent, back, length) == 0;
}

/* What the names of finds say: infected, if one of them says so. */
static enum finding finding_of_threat(const struct icap_words *words)
{
	enum finding finding = finding_of_name(words->threat);
	const char *next = words->several ? strstr(words->threat, ICAP_BETWEEN) : NULL;
	for (; next != NULL && finding != FINDING_INFECTED; next = strstr(next, ICAP_BETWEEN)) {
		next += sizeof ICAP_BETWEEN - 1;
		finding = finding_of_name(next);
	}
	return finding;
}

/* What the server's headers say was found; FINDING_NONE: nothing. */
static enum finding judge_headers(const struct icap_words *words, struct report *report)
{
	const char *threat = words->threat;
	if (words->infection == 0 || (words->infection < 0 && words->violation))
		return report_set(report, finding_of_threat(words), "%s",
		                  threat[0] != '\0' ? threat : "a threat without a name");
	if (words->infection == 1 || (words->infection < 0 && words->blocked))
		return report_set(report, FINDING_BLOCKED, "%s",
		                  threat[0] != '\0'                ? threat
		                  : words->block_reason[0] != '\0' ? words->block_reason
		                                                   : "blocked by the scanner's policy");
	if (words->infection == 2)
		return report_set(report, FINDING_UNSCANNABLE, "%s",
		                  threat[0] != '\0' ? threat : "the scanner could not scan the file");
	if (words->suspicious)
		return report_set(report, FINDING_SUSPICIOUS, "%s",
		                  threat[0] != '\0' ? threat : "the scanner calls the file suspicious");
	return FINDING_NONE;
}

/* What the complete answer means. What was found outranks the status. */
static enum finding judge(struct transfer *transfer)
{
	const struct icap_exchange *exchange = &transfer->exchange;
	const struct icap_words *words = &exchange->answer.words;
	struct report *report = transfer->report;
	if (judge_headers(words, report) != FINDING_NONE)
		return report->finding;
	if (words->strange[0] != '\0')
		return report_none(report, "icap: the server calls its result \"%.80s\", which is not known", words->strange);
	if (words->status == 204 && !exchange->all_sent && !exchange->of_preview)
		return report_none(report, "icap: the server answered before it had received the whole file");
	if (words->status == 204 && (words->has_body || words->http_status >= 400))
		return report_none(report, "icap: the server answered 204, and sent a page with it");
	/* In answer to a preview, 204 is always allowed. */
	if (words->status == 204 && !transfer->options.allows_204 && !exchange->of_preview)
		return report_none(report, "icap: the server answered 204, which it was not allowed to");
	if (words->status == 204)
		return report_set(report, FINDING_CLEAN, "%s", "");
	if (words->status == 200 && words->http_status >= 400)
		return report_set(report, FINDING_BLOCKED, "the server sent a page of its own instead of the file");
	if (words->status == 200 && words->has_body && is_unchanged(transfer))
		return report_set(report, FINDING_CLEAN, "%s", "");
	if (words->status == 200)
		return report_none(report, "icap: the server answered 200 without the same bytes, and named no threat");
	return report_none(report, "icap: the server (%s) answered %d", transfer->icap->endpoint.text, words->status);
}

/* A connection, and what the server offers. False: the text says why. */
static bool open_connection(struct transfer *transfer, bool fresh)
{
	struct icap *icap = transfer->icap;
	struct icap_exchange *exchange = &transfer->exchange;
	struct cause cause;
	const struct limits limits = source_limits(transfer->source, icap->timeout);
	exchange->timeout = limits.until - monotonic_now();
	exchange->until = transfer->source->until;
	exchange->cancel_fd = limits.cancel_fd;
	exchange->connection = fresh ? NULL : idle_take(icap->idle);
	if (exchange->connection == NULL)
		exchange->connection = connection_open(&icap->endpoint, icap->tls, &limits, &cause);
	if (exchange->connection == NULL) {
		cause_wrap(&cause, "icap: ", NOT_THERE_HINT);
		report_none(transfer->report, "%s", cause.text);
		return false;
	}
	if (find_options(icap, &transfer->options))
		return true;
	if (!ask_options(icap, exchange))
		return report_none(transfer->report, "icap (%s): %s", icap->endpoint.text, exchange->why) != FINDING_NONE;
	transfer->options = exchange->answer.words;
	keep_options(icap, &transfer->options);
	exchange->heard = false;
	return true;
}

/* The bytes are digested as they are sent, unless the server is expected to answer 204. */
static bool begin_comparison(struct transfer *transfer)
{
	struct icap *icap = transfer->icap;
	pthread_mutex_lock(&icap->lock);
	bool wanted = icap->sends_back || !transfer->options.allows_204;
	pthread_mutex_unlock(&icap->lock);
	if (!wanted || transfer->source->digesting || source_begin_digest(transfer->source))
		return true;
	report_none(transfer->report, "out of memory");
	return false;
}

/* The server has sent bytes back, and those that were sent were not digested: they have to be sent again. */
static bool must_compare(const struct transfer *transfer)
{
	const struct icap_words *words = &transfer->exchange.answer.words;
	struct icap *icap = transfer->icap;
	if (transfer->source->digesting || words->status != 200 || !words->has_body || words->http_status >= 400 ||
	    judge_headers(words, transfer->report) != FINDING_NONE)
		return false;
	pthread_mutex_lock(&icap->lock);
	icap->sends_back = true;
	pthread_mutex_unlock(&icap->lock);
	report_none(transfer->report, "icap: the bytes that the server sent back were not compared");
	return true;
}

static enum finding scan_once(struct transfer *transfer, bool fresh, bool *again)
{
	struct icap_exchange *exchange = &transfer->exchange;
	enum finding finding = FINDING_NONE;
	*exchange = (struct icap_exchange){0};
	transfer->back_bytes = 0;
	bool opened = open_connection(transfer, fresh);
	bool kept = false;
	/* A kept connection may have ended before the server is asked for its options again. A server that is silent is not
	 * waited for twice. */
	*again = !opened && exchange->ended && !exchange->heard;
	if (opened && begin_comparison(transfer)) {
		make_request(transfer);
		bool answered = icap_exchange(exchange), compare = answered && must_compare(transfer);
		if (exchange->body_failed) {
			report_none(transfer->report, "%s", source_error(transfer->source));
		} else if (answered && !compare) {
			finding = judge(transfer);
			if (exchange->of_preview && !exchange->all_sent)
				transfer->report->bytes = (int64_t)exchange->previewed;
			note_istag(transfer->icap, exchange->answer.words.istag);
			format_version(transfer->options.service, exchange->answer.words.istag, transfer->report->version);
			kept = (exchange->all_sent || exchange->of_preview) && !exchange->answer.words.closes &&
			       finding != FINDING_NONE;
		} else if (!answered) {
			report_none(transfer->report, "icap (%s): %s", transfer->icap->endpoint.text, exchange->why);
		}
		*again = (!answered && exchange->ended && !exchange->heard && !exchange->body_failed) || compare;
	}
	if (kept)
		idle_keep(transfer->icap->idle, exchange->connection);
	else
		connection_close(exchange->connection);
	return finding;
}

static enum finding icap_scan(void *endpoint, struct source *source, struct report *report)
{
	struct transfer *transfer = calloc(1, sizeof *transfer);
	bool again = false;
	if (transfer == NULL)
		return report_none(report, "out of memory");
	*transfer = (struct transfer){.icap = endpoint, .source = source, .report = report, .back = EVP_MD_CTX_new()};
	enum finding finding = FINDING_NONE;
	if (transfer->back == NULL || EVP_DigestInit_ex(transfer->back, EVP_sha256(), NULL) != 1)
		report_none(report, "out of memory");
	else
		finding = scan_once(transfer, false, &again);
	/* A kept connection may have ended just then, or the bytes have to be compared. */
	if (again && source_rewind(source) && EVP_DigestInit_ex(transfer->back, EVP_sha256(), NULL) == 1)
		finding = scan_once(transfer, true, &again);
	EVP_MD_CTX_free(transfer->back);
	free(transfer);
	return finding;
}

/* OPTIONS on a connection of its own, or on a kept one. */
static bool identify_on(struct icap *icap, struct icap_exchange *exchange, const struct limits *limits, bool fresh,
                        struct cause *cause)
{
	*exchange = (struct icap_exchange){.timeout = limits->until - monotonic_now(),
	                                   .until = limits->until,
	                                   .cancel_fd = limits->cancel_fd,
	                                   .connection = fresh ? NULL : idle_take(icap->idle)};
	if (exchange->connection == NULL)
		exchange->connection = connection_open(&icap->endpoint, icap->tls, limits, cause);
	if (exchange->connection == NULL) {
		cause_wrap(cause, "icap: ", NOT_THERE_HINT);
		return false;
	}
	bool good = ask_options(icap, exchange);
	if (good && !exchange->answer.words.closes)
		idle_keep(icap->idle, exchange->connection);
	else
		connection_close(exchange->connection);
	if (!good) {
		char prefix[SCANNER_TEXT_SIZE];
		snprintf(prefix, sizeof prefix, "icap (%s): ", icap->endpoint.text);
		cause_set(cause, prefix, "%.290s", exchange->why);
	}
	return good;
}

static bool icap_identify(void *endpoint, const struct limits *limits, char version[REPORT_VERSION_SIZE],
                          struct cause *cause)
{
	struct icap *icap = endpoint;
	struct icap_exchange *exchange = calloc(1, sizeof *exchange);
	if (exchange == NULL) {
		cause_set(cause, "icap: ", "out of memory");
		return false;
	}
	bool good = identify_on(icap, exchange, limits, false, cause);
	/* A kept connection may have ended just then. */
	if (!good && exchange->ended && !exchange->heard)
		good = identify_on(icap, exchange, limits, true, cause);
	if (good) {
		keep_options(icap, &exchange->answer.words);
		format_version(exchange->answer.words.service, exchange->answer.words.istag, version);
	}
	free(exchange);
	return good;
}

static bool icap_is_local(void *endpoint)
{
	return endpoint_is_local(&((struct icap *)endpoint)->endpoint);
}

static int64_t icap_connections(void *endpoint)
{
	struct icap *icap = endpoint;
	pthread_mutex_lock(&icap->lock);
	int64_t connections = icap->options.status != 0 ? icap->options.connections : 0;
	pthread_mutex_unlock(&icap->lock);
	return connections > 0 ? connections : 0;
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
	/* Behind an IPv6 address, which has colons itself. */
	const char *bracket = *host == '[' ? memchr(host, ']', length) : NULL, *behind = bracket != NULL ? bracket : host;
	bool has_port = memchr(behind, ':', length - (size_t)(behind - host)) != NULL;
	bool named = slash != NULL && slash[1] != '\0';
	if (named)
		service = slash + 1;
	int used = snprintf(address, sizeof address, "tcp://%.*s%s", (int)length, host, has_port ? "" : port);
	if (used < 0 || (size_t)used >= sizeof address || !endpoint_parse(address, &icap->endpoint) || icap->endpoint.local)
		return false;
	for (const char *c = service; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	used = snprintf(icap->url, sizeof icap->url, "%s%s/%s", scheme, address + sizeof "tcp://" - 1, service);
	if (used <= 0 || (size_t)used >= sizeof icap->url)
		return false;
	icap->service = icap->url + used - strlen(service);
	icap->service_key = named ? "icap_url" : "icap_service";
	return true;
}

static void *icap_create(const struct pp_host *host, struct pp_setup *setup, const char *address,
                         char where[SCANNER_ADDRESS_SIZE])
{
	const char *service = host->string(setup, "icap_service");
	struct icap *icap = calloc(1, sizeof *icap);
	if (icap != NULL)
		icap->idle = idle_create(&kind);
	if (icap == NULL || icap->idle == NULL || pthread_mutex_init(&icap->lock, NULL) != 0) {
		host->reject(setup, NULL, "out of memory");
		if (icap != NULL)
			idle_destroy(icap->idle);
		free(icap);
		return NULL;
	}
	icap->timeout = host->number(setup, "icap_timeout");
	bool secure = false;
	char why[256] = "";
	bool good = read_url(icap, address, service != NULL ? service : "", &secure);
	if (!good)
		host->reject(setup, "icap_url",
		             "\"%.80s\": expected icap://host, icap://host:port or icap://host:port/service, or the same with "
		             "icaps://",
		             address);
	if (good && secure) {
		icap->tls = tls_create(&icap->endpoint, host->string(setup, "icap_ca"), why, sizeof why);
		good = icap->tls != NULL;
		if (!good)
			host->reject(setup, "icap_ca", "%s", why);
	}
	if (good) {
		snprintf(where, SCANNER_ADDRESS_SIZE, "%.*s", SCANNER_ADDRESS_SIZE - 1, icap->url);
		return icap;
	}
	idle_destroy(icap->idle);
	pthread_mutex_destroy(&icap->lock);
	free(icap);
	return NULL;
}

static void icap_destroy(void *endpoint)
{
	struct icap *icap = endpoint;
	idle_destroy(icap->idle);
	tls_destroy(icap->tls);
	pthread_mutex_destroy(&icap->lock);
	free(icap);
}

const struct scanner icap_scanner = {
	.kind = "icap",
	.address = "icap_url",
	.timeout = "icap_timeout",
	.create = icap_create,
	.destroy = icap_destroy,
	.by_name = true, /* in the URL of the request */
	.is_local = icap_is_local,
	.identify = icap_identify,
	.connections = icap_connections,
	.scan = icap_scan,
};
