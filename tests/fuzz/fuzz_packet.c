/* SPDX-License-Identifier: Apache-2.0
 * The input is a packet that a worker process sends to the service. What is accepted keeps its limits. */
#include <stdlib.h>
#include <string.h>

#include "core/abi/description.h"
#include "core/abi/module_table.h"
#include "core/abi/protocol.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"

/* Reads every character, so that a sanitizer sees the end. */
static size_t length_of(const char *text)
{
	return text != NULL ? strlen(text) : 0;
}

static void take_description(struct packet *packet)
{
	struct module_description *description = description_decode(packet);
	if (description == NULL)
		return;
	const struct pp_step_module *table = &description->table;
	size_t keys = 0, length = length_of(table->name) + length_of(table->version) + length_of(table->summary);
	for (const struct pp_key *key = table->keys; key->name != NULL; key++, keys++)
		length +=
			length_of(key->fallback) + length_of(key->choices) + length_of(key->environment) + length_of(key->help);
	for (const struct pp_need *need = table->needs; need->kind != 0; need++)
		length += length_of(need->key) + length_of(need->when) + length_of(need->unless);
	REQUIRE(keys <= MODULE_KEYS_MAX && length <= PACKET_LIMIT);
	description_free(description);
}

static void check_metrics(const struct report *report)
{
	REQUIRE(report->metrics <= PP_METRICS_LIMIT);
	for (size_t i = 0; i < report->metrics; i++)
		REQUIRE(metric_is_name(report->metric[i].name));
}

static void take_done(struct packet *packet)
{
	struct run_done done;
	if (!done_decode(packet, &done))
		return;
	REQUIRE(done.answer.value <= PP_HOLD && length_of(done.answer.reason) <= PP_REASON_LIMIT);
	REQUIRE(length_of(done.answer.result) <= PP_RESULT_LIMIT);
	REQUIRE(done.answer.verdict[0] == '\0' ? done.answer.details == NULL : verdict_is_word(done.answer.verdict));
	REQUIRE(done.answer.details == NULL || verdict_is_details(done.answer.details));
	check_metrics(&done.report);
	run_answer_clear(&done.answer);
}

static void take_request(struct packet *packet)
{
	struct request_message request;
	if (request_decode(packet, &request)) {
		REQUIRE(request.number >= 1 && request.number <= REQUESTS_LIMIT);
		REQUIRE(request.copy || !request.digest);
		REQUIRE(!request.quarantine || !request.copy);
		if (request.quarantine) {
			const struct run_words *words = &request.words;
			REQUIRE(words->verdict[0] == '\0' ? words->details[0] == '\0' : verdict_is_word(words->verdict));
			REQUIRE(words->details[0] == '\0' || verdict_is_details(words->details));
			REQUIRE(strlen(words->reason) <= PP_REASON_LIMIT);
		}
	}
}

/* What the service answers to it. */
static void take_answer(struct packet *packet)
{
	struct copied_message copied;
	unsigned request = 1;
	const void *bytes;
	const char *why;
	size_t length = 0;
	if (packet->kind == MESSAGE_COPIED && copied_decode(packet, &copied)) {
		REQUIRE(copied.size >= 0 && (copied.digest == NULL || strlen(copied.digest) == 64));
		request = copied.request;
	} else if (packet->kind == MESSAGE_BYTES && bytes_decode(packet, &request, &bytes, &length)) {
		REQUIRE(memchr(bytes, 0, length) == NULL || length > 0);
	} else if (packet->kind == MESSAGE_END && end_decode(packet, &request, &why)) {
		REQUIRE(length_of(why) <= PACKET_LIMIT);
	}
	REQUIRE(request <= REQUESTS_LIMIT);
}

static void take_report(struct packet *packet)
{
	struct report report, whole = {0};
	if (!report_decode(packet, &report))
		return;
	check_metrics(&report);
	REQUIRE(report.done >= 0 && report.total >= -1);
	report_merge(&whole, &report);
	REQUIRE(whole.metrics == report.metrics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet;
	enum log_level level;
	const char *text = NULL, *key = NULL;
	bool passed;
	struct cache_message cache;
	/* A copy of exactly this length, as a sanitizer sees what is read beyond it. */
	char *bytes = malloc(size > 0 ? size : 1);
	REQUIRE(bytes != NULL);
	memcpy(bytes, data, size);
	if (packet_open(&packet, bytes, size)) {
		switch (packet.kind) {
		case MESSAGE_DESCRIBED:
			take_description(&packet);
			break;
		case MESSAGE_DONE:
			take_done(&packet);
			break;
		case MESSAGE_CACHE_GET:
		case MESSAGE_CACHE_PUT:
			if (cache_decode(&packet, &cache))
				REQUIRE(length_of(cache.key) <= PP_CACHE_KEY_LIMIT && length_of(cache.text) <= PP_CACHE_LIMIT &&
				        cache.number <= CACHE_TURNS_LIMIT);
			break;
		case MESSAGE_READ:
		case MESSAGE_COPY:
		case MESSAGE_QUARANTINE:
			take_request(&packet);
			break;
		case MESSAGE_COPIED:
		case MESSAGE_BYTES:
		case MESSAGE_END:
			take_answer(&packet);
			break;
		case MESSAGE_REPORT:
			take_report(&packet);
			break;
		case MESSAGE_LOG:
			if (log_decode(&packet, &level, &text))
				REQUIRE(length_of(text) <= PP_LOG_LIMIT && level <= LOG_DEBUG);
			break;
		case MESSAGE_REJECTED:
			if (rejected_decode(&packet, &key, &text))
				REQUIRE(length_of(key) + length_of(text) < size);
			break;
		case MESSAGE_CHECKED:
			if (checked_decode(&packet, &passed, &text))
				REQUIRE(length_of(text) < size);
			break;
		default:
			if (text_decode(&packet, &text))
				REQUIRE(length_of(text) < size);
		}
	}
	free(bytes);
	return 0;
}
