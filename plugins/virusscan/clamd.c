/* SPDX-License-Identifier: Apache-2.0
 * The scanner "clamav": streams the upload to clamd (INSTREAM) while it is downloaded. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scanner.h"
#include "session.h"

#define SECOND_NANOS INT64_C(1000000000)
#define CHECK_TIME (5 * SECOND_NANOS)
/* For what clamd said before it closed: it is there already, or never comes. */
#define LAST_WORDS_TIME (2 * SECOND_NANOS)

struct clamd {
	struct session_pool pool;
	int64_t timeout; /* nanoseconds, of each wait for clamd */
};

/* One upload on its way to clamd. */
struct transfer {
	struct clamd *clamd;
	struct source *source;
	struct session *session; /* NULL: none */
	char *text;              /* FINDING_TEXT_SIZE */
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

static struct limits limits_of(const struct transfer *transfer, int64_t most)
{
	const struct pp_host *host = transfer->source->host;
	struct pp_run *run = transfer->source->run;
	int64_t left = host->deadline(run) - host->now(run);
	if (left > most)
		left = most;
	return (struct limits){.until = monotonic_now() + left, .cancel_fd = host->cancel_fd(run)};
}

static enum finding none_for(const struct transfer *transfer, enum exchange failure, const char *doing)
{
	const char *where = transfer->clamd->pool.endpoint.text;
	switch (failure) {
	case EXCHANGE_TIMEOUT:
		return none(transfer, "clamd (%s) did not %s within the step's timeout or deadline", where, doing);
	case EXCHANGE_CANCELLED:
		return none(transfer, "the scan was cancelled before clamd (%s) could %s", where, doing);
	case EXCHANGE_CLOSED:
	case EXCHANGE_ANSWERED:
		return none(transfer, "clamd (%s) closed the connection before it could %s", where, doing);
	case EXCHANGE_MALFORMED:
		return none(transfer, "clamd (%s) gave an invalid answer: is another program listening there?", where);
	case EXCHANGE_OK:
	case EXCHANGE_ERROR:
		break;
	}
	return none(transfer, "the connection to clamd (%s) broke: %s", where, strerror(errno));
}

/* Does `text` end with `end`? Then where that begins, else NULL. */
static char *ending(char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);
	return length >= tail && strcmp(text + length - tail, end) == 0 ? text + length - tail : NULL;
}

static enum finding refused(const struct transfer *transfer, const char *answer)
{
	if (strstr(answer, "size limit exceeded") != NULL)
		return none(transfer,
		            "the file exceeds clamd's limit: raise StreamMaxLength in clamd.conf, or set "
		            "max_scan_size (clamd: %.200s)",
		            answer);
	return none(transfer, "clamd could not scan the file: %.200s", answer);
}

/* Names that clamd gives to what no signature knows. */
static bool is_heuristic(const char *name)
{
	return strncmp(name, "Heuristics.", 11) == 0;
}

/* What clamd's complete answer to a complete stream means. Only two forms are verdicts. */
static enum finding judge(const struct transfer *transfer, char *answer)
{
	static const char head[] = "stream: ";
	if (strcmp(answer, "stream: OK") == 0)
		return FINDING_CLEAN;
	if (ending(answer, "ERROR") != NULL)
		return refused(transfer, answer);
	char *end = ending(answer, " FOUND");
	if (strncmp(answer, head, sizeof head - 1) != 0 || end == NULL || end <= answer + sizeof head - 1)
		return none(transfer, "clamd gave an unknown answer: %.100s", answer);
	const char *name = answer + sizeof head - 1;
	*end = '\0';
	/* clamd's way of saying that it has not looked at all of it. */
	if (strncmp(name, "Heuristics.Limits.Exceeded", 26) == 0)
		return none(transfer,
		            "clamd did not scan the whole file (%.100s): raise MaxFileSize and MaxScanSize in "
		            "clamd.conf (clamd reports this because AlertExceedsMax is set)",
		            name);
	if (strlen(name) >= FINDING_TEXT_SIZE)
		return none(transfer, "clamd reported a virus name longer than %d bytes", FINDING_TEXT_SIZE - 1);
	memcpy(transfer->text, name, strlen(name) + 1);
	return is_heuristic(name) ? FINDING_SUSPICIOUS : FINDING_INFECTED;
}

/* clamd spoke, or closed, before the stream was complete. That is an error, and says which at best: a verdict
 * on a part is none. */
static enum finding hear_last_words(const struct transfer *transfer)
{
	char answer[ANSWER_SIZE];
	struct limits limits = limits_of(transfer, LAST_WORDS_TIME);
	enum exchange heard = session_answer(transfer->session, answer, &limits);
	if (heard == EXCHANGE_CLOSED)
		return none(transfer,
		            "clamd (%s) closed the connection before it had received the whole file: clamd was "
		            "stopped, or the download was slower than ReadTimeout in clamd.conf allows",
		            transfer->clamd->pool.endpoint.text);
	if (heard != EXCHANGE_OK)
		return none_for(transfer, heard, "take the whole file");
	if (ending(answer, "ERROR") != NULL)
		return refused(transfer, answer);
	return none(transfer, "clamd answered before it had received the whole file: %.100s", answer);
}

/* The first chunk, on a kept session or a fresh one. A kept one that turns out dead costs nothing: the
 * chunk is still there. */
static enum exchange begin(struct transfer *transfer, const void *bytes, size_t length)
{
	struct clamd *clamd = transfer->clamd;
	struct limits limits = limits_of(transfer, clamd->timeout);
	transfer->session = session_take(&clamd->pool);
	if (transfer->session != NULL) {
		enum exchange sent = session_send(transfer->session, "zINSTREAM", bytes, length, &limits);
		if (sent != EXCHANGE_ANSWERED && sent != EXCHANGE_ERROR)
			return sent;
		session_close(transfer->session);
	}
	char why[FINDING_TEXT_SIZE - 64];
	transfer->session = session_open(&clamd->pool, &limits, why, sizeof why);
	if (transfer->session == NULL) {
		none(transfer, "clamd: %s; is clamd running, and is clamav_socket correct?", why);
		return EXCHANGE_ERROR;
	}
	return session_send(transfer->session, "zINSTREAM", bytes, length, &limits);
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
			struct limits limits = limits_of(transfer, transfer->clamd->timeout);
			sent = session_send(transfer->session, NULL, bytes, (size_t)length, &limits);
		}
		if (length == 0 || sent != EXCHANGE_OK)
			break;
	}
	if (length < 0)
		return none(transfer, "%s", transfer->source->host->read_error(transfer->source->run));
	if (sent == EXCHANGE_ANSWERED)
		return hear_last_words(transfer);
	if (sent != EXCHANGE_OK)
		return none_for(transfer, sent, "take the whole file");
	char answer[ANSWER_SIZE];
	struct limits limits = limits_of(transfer, transfer->clamd->timeout);
	enum exchange heard = session_answer(transfer->session, answer, &limits);
	return heard == EXCHANGE_OK ? judge(transfer, answer) : none_for(transfer, heard, "answer");
}

static enum finding clamd_scan(void *state, struct source *source, char text[FINDING_TEXT_SIZE])
{
	struct transfer transfer = {.clamd = state, .source = source, .text = text};
	text[0] = '\0';
	enum finding finding = stream(&transfer);
	if (transfer.session != NULL && finding != FINDING_NONE)
		session_keep(&transfer.clamd->pool, transfer.session);
	else if (transfer.session != NULL)
		session_close(transfer.session);
	return finding;
}

/* Why a PING was not answered with PONG. */
static void explain_check(const char *where, enum exchange done, char *why, size_t size)
{
	switch (done) {
	case EXCHANGE_TIMEOUT:
		snprintf(why, size, "clamd (%s) did not answer PING within 5 s", where);
		break;
	case EXCHANGE_CLOSED:
	case EXCHANGE_ANSWERED:
		snprintf(why, size, "clamd (%s) closed the connection instead of answering PING", where);
		break;
	case EXCHANGE_OK:
	case EXCHANGE_MALFORMED:
		snprintf(why, size, "%s is not clamd: it does not answer PING with PONG", where);
		break;
	case EXCHANGE_CANCELLED:
	case EXCHANGE_ERROR:
		snprintf(why, size, "the connection to clamd (%s) broke: %s", where, strerror(errno));
		break;
	}
}

static int clamd_check(void *state, char *why, size_t size)
{
	struct clamd *clamd = state;
	struct limits limits = {.until = monotonic_now() + CHECK_TIME, .cancel_fd = -1};
	char answer[ANSWER_SIZE];
	struct session *session = session_open(&clamd->pool, &limits, why, size);
	if (session == NULL)
		return -1;
	enum exchange done = session_send(session, "zPING", NULL, 0, &limits);
	if (done == EXCHANGE_OK)
		done = session_answer(session, answer, &limits);
	bool pong = done == EXCHANGE_OK && strcmp(answer, "PONG") == 0;
	if (!pong)
		explain_check(clamd->pool.endpoint.text, done, why, size);
	session_close(session);
	return pong ? 0 : -1;
}

static void *clamd_create(const struct pp_host *host, struct pp_setup *setup)
{
	const char *socket = host->string(setup, "clamav_socket");
	struct endpoint endpoint;
	if (socket == NULL || !endpoint_parse(socket, &endpoint)) {
		host->reject(setup, "clamav_socket", "expected a path, unix:///path, tcp://host:port or host:port");
		return NULL;
	}
	struct clamd *clamd = calloc(1, sizeof *clamd);
	if (clamd == NULL || !session_pool_init(&clamd->pool, &endpoint)) {
		host->reject(setup, NULL, "out of memory");
		free(clamd);
		return NULL;
	}
	clamd->timeout = host->number(setup, "timeout");
	return clamd;
}

static void clamd_destroy(void *state)
{
	struct clamd *clamd = state;
	session_pool_destroy(&clamd->pool);
	free(clamd);
}

const struct scanner clamd_scanner = {
	.create = clamd_create,
	.destroy = clamd_destroy,
	.scan = clamd_scan,
	.check = clamd_check,
};
