/* SPDX-License-Identifier: Apache-2.0
 * The scanner "clamav": streams the upload to clamd (INSTREAM) while it is downloaded. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scanner.h"
#include "session.h"

#define SECOND_NANOS INT64_C(1000000000)
/* For what clamd said before it closed: it is there already, or never comes. */
#define LAST_WORDS_TIME (2 * SECOND_NANOS)
#define NOT_THERE_HINT "is clamd running, and is clamav_socket correct?"

struct clamd {
	struct session_pool pool;
	int64_t timeout; /* nanoseconds, of each wait for clamd */
	bool asks;       /* the version of each verdict is needed */
};

/* One upload on its way to clamd. */
struct transfer {
	struct clamd *clamd;
	struct source *source;
	struct session *session; /* NULL: none */
	struct report *report;
	bool whole; /* the stream and its answer are over, so the session can be used again */
};

static enum finding none_for(const struct transfer *transfer, enum exchange failure, const char *doing)
{
	const char *where = transfer->clamd->pool.endpoint.text;
	switch (failure) {
	case EXCHANGE_TIMEOUT:
		return report_none(transfer->report, "clamd (%s) did not %s within the step's timeout or deadline", where,
		                   doing);
	case EXCHANGE_CANCELLED:
		return report_none(transfer->report, "the scan was cancelled before clamd (%s) could %s", where, doing);
	case EXCHANGE_CLOSED:
	case EXCHANGE_ANSWERED:
		return report_none(transfer->report, "clamd (%s) closed the connection before it could %s", where, doing);
	case EXCHANGE_MALFORMED:
		return report_none(transfer->report, "clamd (%s) gave an invalid answer: is another program listening there?",
		                   where);
	case EXCHANGE_OK:
	case EXCHANGE_ERROR:
		break;
	}
	return report_none(transfer->report, "the connection to clamd (%s) broke: %s", where, strerror(errno));
}

/* Does `text` end with `end`? Then where that begins, else NULL. */
static char *ending(char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);
	return length >= tail && strcmp(text + length - tail, end) == 0 ? text + length - tail : NULL;
}

/* clamd could not scan it. That is a finding only if it is so whenever the file is scanned again. */
static enum finding refused(const struct transfer *transfer, const char *answer)
{
	if (strcmp(answer, "INSTREAM size limit exceeded. ERROR") == 0)
		return report_set(transfer->report, FINDING_UNSCANNABLE,
		                  "larger than clamd accepts: raise StreamMaxLength in clamd.conf, or set max_scan_size");
	return report_none(transfer->report, "clamd could not scan the file: %.200s", answer);
}

/* What clamd's complete answer to a complete stream means. Only two forms are verdicts. */
static enum finding judge(const struct transfer *transfer, char *answer)
{
	static const char head[] = "stream: ";
	struct report *report = transfer->report;
	if (strcmp(answer, "stream: OK") == 0)
		return report_set(report, FINDING_CLEAN, "%s", "");
	if (ending(answer, "ERROR") != NULL)
		return refused(transfer, answer);
	char *end = ending(answer, " FOUND");
	if (strncmp(answer, head, sizeof head - 1) != 0 || end == NULL || end <= answer + sizeof head - 1)
		return report_none(report, "clamd gave an unknown answer: %.100s", answer);
	const char *name = answer + sizeof head - 1;
	*end = '\0';
	if (strlen(name) >= REPORT_TEXT_SIZE)
		return report_none(report, "clamd reported a virus name longer than %d bytes", REPORT_TEXT_SIZE - 1);
	return report_set(report, finding_of_name(name), "%s", name);
}

/* clamd spoke, or closed, before the stream was complete. That is an error, and says which at best: a verdict
 * on a part is none. */
static enum finding hear_last_words(const struct transfer *transfer)
{
	char answer[ANSWER_SIZE];
	struct limits limits = source_limits(transfer->source, LAST_WORDS_TIME);
	enum exchange heard = session_answer(transfer->session, answer, &limits);
	if (heard == EXCHANGE_CLOSED)
		return report_none(transfer->report,
		                   "clamd (%s) closed the connection before it had received the whole file: clamd was "
		                   "stopped, or the download was slower than ReadTimeout in clamd.conf allows",
		                   transfer->clamd->pool.endpoint.text);
	if (heard != EXCHANGE_OK)
		return none_for(transfer, heard, "take the whole file");
	if (ending(answer, "ERROR") != NULL)
		return refused(transfer, answer);
	return report_none(transfer->report, "clamd answered before it had received the whole file: %.100s", answer);
}

/* Asks on the session for the version. An answer that is none is EXCHANGE_OK, and the session has no version. */
static enum exchange ask_version(struct session *session, const struct limits *limits)
{
	_Static_assert(SESSION_VERSION_SIZE == REPORT_VERSION_SIZE, "copied below");
	char answer[ANSWER_SIZE];
	enum exchange done = session_send(session, "zVERSION", NULL, 0, limits);
	if (done == EXCHANGE_OK)
		done = session_answer(session, answer, limits);
	session->version[0] = '\0';
	if (done == EXCHANGE_OK && strncmp(answer, "ClamAV ", 7) == 0 && strlen(answer) < sizeof session->version)
		memcpy(session->version, answer, strlen(answer) + 1);
	return done;
}

/* The first chunk, on a kept session or a fresh one. A kept one that turns out dead costs nothing: the
 * chunk is still there. */
static enum exchange begin(struct transfer *transfer, const void *bytes, size_t length)
{
	struct clamd *clamd = transfer->clamd;
	struct limits limits = source_limits(transfer->source, clamd->timeout);
	transfer->session = session_take(&clamd->pool);
	if (transfer->session != NULL) {
		enum exchange sent = session_send(transfer->session, "zINSTREAM", bytes, length, &limits);
		if (sent != EXCHANGE_ANSWERED && sent != EXCHANGE_ERROR)
			return sent;
		session_close(transfer->session);
	}
	struct cause cause;
	transfer->session = session_open(&clamd->pool, &limits, &cause);
	if (transfer->session == NULL) {
		cause_wrap(&cause, "clamd: ", NOT_THERE_HINT);
		report_none(transfer->report, "%s", cause.text);
		return EXCHANGE_ERROR;
	}
	/* Several clamd with other signatures each may be behind the address: the one that scans is asked. */
	enum exchange asked = clamd->asks ? ask_version(transfer->session, &limits) : EXCHANGE_OK;
	return asked == EXCHANGE_OK ? session_send(transfer->session, "zINSTREAM", bytes, length, &limits) : asked;
}

static enum finding stream(struct transfer *transfer)
{
	const void *bytes = "";
	ssize_t length = source_read(transfer->source, &bytes);
	enum exchange sent = EXCHANGE_OK;
	bool begun = false;
	for (; length >= 0 && sent == EXCHANGE_OK; length = source_read(transfer->source, &bytes)) {
		if (length == 0)
			bytes = "";
		if (!begun) {
			sent = begin(transfer, bytes, (size_t)length);
			if (transfer->session == NULL)
				return FINDING_NONE;
			begun = true;
		} else {
			struct limits limits = source_limits(transfer->source, transfer->clamd->timeout);
			sent = session_send(transfer->session, NULL, bytes, (size_t)length, &limits);
		}
		if (length == 0 || sent != EXCHANGE_OK)
			break;
	}
	if (length < 0)
		return report_none(transfer->report, "%s", source_error(transfer->source));
	if (sent == EXCHANGE_ANSWERED)
		return hear_last_words(transfer);
	if (sent != EXCHANGE_OK)
		return none_for(transfer, sent, "take the whole file");
	char answer[ANSWER_SIZE];
	struct limits limits = source_limits(transfer->source, transfer->clamd->timeout);
	enum exchange heard = session_answer(transfer->session, answer, &limits);
	transfer->whole = heard == EXCHANGE_OK;
	return heard == EXCHANGE_OK ? judge(transfer, answer) : none_for(transfer, heard, "answer");
}

static enum finding clamd_scan(void *endpoint, struct source *source, struct report *report)
{
	struct transfer transfer = {.clamd = endpoint, .source = source, .report = report};
	enum finding finding = stream(&transfer);
	if (transfer.session != NULL && transfer.clamd->asks)
		memcpy(report->version, transfer.session->version, sizeof report->version);
	if (transfer.session != NULL && transfer.whole && finding != FINDING_NONE)
		session_keep(&transfer.clamd->pool, transfer.session);
	else if (transfer.session != NULL)
		session_close(transfer.session);
	return finding;
}

/* Why VERSION was not answered within the time `waited`. */
static void explain(const char *where, enum exchange done, int64_t waited, struct cause *cause)
{
	char prefix[SCANNER_TEXT_SIZE], span[SPAN_SIZE];
	const char *reason = "closed the connection instead of answering";
	snprintf(prefix, sizeof prefix, "clamd (%s) ", where);
	switch (done) {
	case EXCHANGE_TIMEOUT:
		cause_set(cause, prefix, "gave no answer within %s", format_span(waited, span));
		return;
	case EXCHANGE_OK:
	case EXCHANGE_MALFORMED:
		reason = "is not clamd: it does not answer VERSION with its version";
		break;
	case EXCHANGE_CANCELLED:
		reason = "could not answer before the scan was cancelled";
		break;
	case EXCHANGE_ERROR:
		cause_set(cause, prefix, "broke the connection: %s", strerror(errno));
		return;
	case EXCHANGE_CLOSED:
	case EXCHANGE_ANSWERED:
		break;
	}
	cause_set(cause, prefix, "%s", reason);
}

static bool clamd_identify(void *endpoint, const struct limits *limits, char version[REPORT_VERSION_SIZE],
                           struct cause *cause)
{
	int64_t begin = monotonic_now();
	struct clamd *clamd = endpoint;
	enum exchange done = EXCHANGE_CLOSED;
	struct session *session = session_take(&clamd->pool);
	if (session != NULL)
		done = ask_version(session, limits);
	if (session != NULL && (done == EXCHANGE_CLOSED || done == EXCHANGE_ANSWERED || done == EXCHANGE_ERROR)) {
		session_close(session);
		session = NULL;
	}
	/* No session was kept, or it ended just then. */
	if (session == NULL) {
		session = session_open(&clamd->pool, limits, cause);
		if (session == NULL) {
			cause_wrap(cause, "clamd: ", NOT_THERE_HINT);
			return false;
		}
		done = ask_version(session, limits);
	}
	if (done != EXCHANGE_OK || session->version[0] == '\0') {
		explain(clamd->pool.endpoint.text, done, limits->until - begin, cause);
		session_close(session);
		return false;
	}
	memcpy(version, session->version, sizeof session->version);
	session_keep(&clamd->pool, session);
	return true;
}

static bool clamd_is_local(void *endpoint)
{
	return endpoint_is_local(&((struct clamd *)endpoint)->pool.endpoint);
}

static void *clamd_create(const struct pp_host *host, struct pp_setup *setup, const char *address,
                          char where[SCANNER_ADDRESS_SIZE])
{
	struct endpoint endpoint;
	if (!endpoint_parse(address, &endpoint)) {
		host->reject(setup, "clamav_socket", "\"%.100s\": expected a path, unix:///path, tcp://host:port or host:port",
		             address);
		return NULL;
	}
	struct clamd *clamd = calloc(1, sizeof *clamd);
	if (clamd == NULL || !session_pool_init(&clamd->pool, &endpoint)) {
		host->reject(setup, NULL, "out of memory");
		free(clamd);
		return NULL;
	}
	clamd->timeout = host->number(setup, "timeout");
	clamd->asks = host->number(setup, "self_test") > 0 || host->number(setup, "cache") != 0;
	snprintf(where, SCANNER_ADDRESS_SIZE, "%s", endpoint.text);
	return clamd;
}

static void clamd_destroy(void *endpoint)
{
	struct clamd *clamd = endpoint;
	session_pool_destroy(&clamd->pool);
	free(clamd);
}

const struct scanner clamd_scanner = {
	.kind = "clamd",
	.address = "clamav_socket",
	.timeout = "timeout",
	.create = clamd_create,
	.destroy = clamd_destroy,
	.is_local = clamd_is_local,
	.identify = clamd_identify,
	.scan = clamd_scan,
};
