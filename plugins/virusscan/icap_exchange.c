/* SPDX-License-Identifier: Apache-2.0 */
#include "icap_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NANOS INT64_C(1000000000)
/* After an early answer, and for what stands in the way of one. */
#define LAST_WORDS_TIME (2 * SECOND_NANOS)

static bool fail(struct icap_exchange *exchange, const char *why)
{
	if (exchange->why[0] == '\0')
		snprintf(exchange->why, sizeof exchange->why, "%s", why);
	return false;
}

static void add_part(struct icap_exchange *exchange, const void *bytes, size_t length)
{
	exchange->part[exchange->parts++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
}

/* Takes the next bytes of the body, or what was kept of the last ones. */
static ssize_t next_bytes(struct icap_exchange *exchange, const void **bytes)
{
	if (exchange->kept_length == 0)
		return exchange->body(exchange->closure, bytes);
	*bytes = exchange->kept;
	ssize_t length = (ssize_t)exchange->kept_length;
	exchange->kept_length = 0;
	return length;
}

/* The end of the preview: with `whole`, there is nothing more. */
static void end_preview(struct icap_exchange *exchange, bool whole)
{
	const char *end = whole ? "0; ieof\r\n\r\n" : "0\r\n\r\n";
	add_part(exchange, end, strlen(end));
	exchange->all_sent = whole;
	exchange->sending = SEND_PAUSE;
}

static void add_chunk(struct icap_exchange *exchange, const void *bytes, size_t length)
{
	char *frame = exchange->frame[exchange->chunks++];
	int count = snprintf(frame, sizeof exchange->frame[0], "%zx\r\n", length);
	add_part(exchange, frame, (size_t)count);
	add_part(exchange, bytes, length);
	add_part(exchange, "\r\n", 2);
}

/* Adds the next chunk, or the end. False: the body cannot be had. */
static bool add_next(struct icap_exchange *exchange)
{
	const void *bytes = NULL;
	size_t room = SIZE_MAX;
	if (exchange->sending == SEND_PREVIEW) {
		room = (size_t)exchange->preview - exchange->previewed;
		/* Whether there is more than the preview shows only when the next bytes are there. */
		if (room == 0 && exchange->kept_length > 0) {
			end_preview(exchange, false);
			return true;
		}
	}
	ssize_t length = next_bytes(exchange, &bytes);
	if (length < 0) {
		exchange->body_failed = true;
		return false;
	}
	if (length == 0 && exchange->sending == SEND_PREVIEW) {
		end_preview(exchange, true);
	} else if (length == 0) {
		add_part(exchange, "0\r\n\r\n", 5);
		exchange->all_sent = true;
		exchange->sending = SEND_NOTHING;
	} else if (room == 0) {
		exchange->kept = bytes;
		exchange->kept_length = (size_t)length;
		end_preview(exchange, false);
	} else {
		size_t part = (size_t)length < room ? (size_t)length : room;
		exchange->kept = (const char *)bytes + part;
		exchange->kept_length = (size_t)length - part;
		exchange->previewed += part;
		add_chunk(exchange, bytes, part);
	}
	return true;
}

/* Whether there is more to send at once. The next bytes may take the place of those of the last chunk. */
static bool can_add(const struct icap_exchange *exchange)
{
	return (exchange->sending == SEND_PREVIEW || exchange->sending == SEND_BODY) && exchange->chunks < ICAP_CHUNKS &&
	       (exchange->chunks == 0 || exchange->steady || exchange->kept_length > 0);
}

/* Puts together what is sent in one go. False: the body cannot be had. */
static bool fill(struct icap_exchange *exchange)
{
	while (can_add(exchange))
		if (!add_next(exchange))
			return false;
	return true;
}

static bool has_parts(const struct icap_exchange *exchange)
{
	return exchange->next < exchange->parts;
}

static bool wants_to_send(const struct icap_exchange *exchange)
{
	return has_parts(exchange) || exchange->sending == SEND_PREVIEW || exchange->sending == SEND_BODY;
}

/* Sends as much as there is room for. False: the connection is broken, or the body cannot be had. */
static bool send_some(struct icap_exchange *exchange)
{
	if (!has_parts(exchange)) {
		exchange->parts = exchange->next = exchange->chunks = 0;
		if (!fill(exchange))
			return false;
	}
	struct iovec *part = &exchange->part[exchange->next];
	ssize_t sent = connection_send(exchange->connection, part, exchange->parts - exchange->next);
	if (sent < 0 && errno == EAGAIN)
		return true;
	exchange->ended = sent < 0;
	if (exchange->ended)
		return fail(exchange, "the connection broke while the file was sent");
	for (size_t left = (size_t)sent; has_parts(exchange); part++) {
		size_t taken = left < part->iov_len ? left : part->iov_len;
		part->iov_base = (char *)part->iov_base + taken;
		part->iov_len -= taken;
		left -= taken;
		if (part->iov_len > 0)
			break;
		exchange->next++;
	}
	return true;
}

/* Reads what there is. False: the connection is over. */
static bool receive_some(struct icap_exchange *exchange)
{
	char bytes[16384];
	ssize_t count = connection_receive(exchange->connection, bytes, sizeof bytes);
	if (count < 0 && errno == EAGAIN)
		return true;
	exchange->ended = count <= 0;
	if (exchange->ended)
		return fail(exchange, count == 0 ? "it closed the connection before it had answered"
		                                 : "the connection broke before it had answered");
	exchange->heard = true;
	size_t taken = icap_answer_feed(&exchange->answer, bytes, (size_t)count);
	if (exchange->answer.state == ICAP_BROKEN)
		return fail(exchange, exchange->answer.why);
	/* Nothing may follow an answer: there is one request at a time. */
	return taken == (size_t)count || fail(exchange, "it sent more than its answer");
}

/* The answer to the preview: the server wants the rest. */
static bool goes_on(struct icap_exchange *exchange)
{
	struct icap_answer *answer = &exchange->answer;
	if (answer->state != ICAP_DONE || answer->words.status != 100 || exchange->sending != SEND_PAUSE)
		return false;
	icap_answer_begin(answer, answer->take, answer->closure);
	exchange->sending = SEND_BODY;
	return true;
}

static bool wait_for(struct icap_exchange *exchange, unsigned *ways)
{
	int64_t now = monotonic_now(), until = now + exchange->timeout;
	struct limits limits = {until < exchange->until ? until : exchange->until, exchange->cancel_fd};
	enum waited waited = connection_wait(exchange->connection, ways, &limits);
	if (waited == WAIT_READY)
		return true;
	char why[64], span[SPAN_SIZE];
	snprintf(why, sizeof why, "it gave no answer within %s", format_span(limits.until - now, span));
	return fail(exchange, waited == WAIT_TIMEOUT     ? why
	                      : waited == WAIT_CANCELLED ? "the scan was cancelled"
	                                                 : strerror(errno));
}

/* The server takes no more: what it has said already may be its answer. */
static void hear_last_words(struct icap_exchange *exchange)
{
	char why[ICAP_WHY_SIZE];
	memcpy(why, exchange->why, sizeof why);
	exchange->why[0] = '\0';
	exchange->timeout = LAST_WORDS_TIME;
	unsigned ways = CONNECTION_RECEIVE;
	while (exchange->answer.state != ICAP_DONE && wait_for(exchange, &ways) && receive_some(exchange))
		ways = CONNECTION_RECEIVE;
	memcpy(exchange->why, why, sizeof why);
}

/* What was sent when the answer was complete. Until its last byte has left, the server does not know that it has all.
 */
static void note_sent(struct icap_exchange *exchange)
{
	exchange->all_sent = exchange->all_sent && !has_parts(exchange);
	exchange->of_preview = exchange->sending == SEND_PAUSE && !has_parts(exchange);
}

/* The request and the first bytes of its body. False: they cannot be had. */
static bool begin(struct icap_exchange *exchange)
{
	exchange->sending = exchange->body == NULL ? SEND_NOTHING : exchange->preview >= 0 ? SEND_PREVIEW : SEND_BODY;
	exchange->parts = exchange->next = exchange->chunks = 0;
	exchange->all_sent = exchange->body == NULL;
	add_part(exchange, exchange->request, exchange->request_length);
	return fill(exchange);
}

bool icap_exchange(struct icap_exchange *exchange)
{
	struct icap_answer *answer = &exchange->answer;
	unsigned ways = CONNECTION_SEND;
	if (!begin(exchange))
		return false;
	for (;;) {
		if ((ways & CONNECTION_RECEIVE) != 0 && !receive_some(exchange))
			return false;
		bool sends = goes_on(exchange) || (ways & CONNECTION_SEND) != 0;
		if (answer->state == ICAP_DONE)
			break;
		if (sends && !send_some(exchange)) {
			if (!exchange->body_failed)
				hear_last_words(exchange);
			note_sent(exchange);
			return answer->state == ICAP_DONE && !exchange->body_failed;
		}
		ways = CONNECTION_RECEIVE | (wants_to_send(exchange) ? CONNECTION_SEND : 0u);
		if (!wait_for(exchange, &ways))
			return false;
	}
	note_sent(exchange);
	return true;
}
