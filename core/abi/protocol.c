/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "core/abi/module_table.h"
#include "core/base/alloc.h"
#include "core/base/json.h"
#include "core/base/text.h"

void plain_encode(struct text *packet, enum message_kind kind, uint64_t run)
{
	packet_begin(packet, kind, run);
}

void start_encode(struct text *packet, const struct start_message *start)
{
	packet_begin(packet, MESSAGE_START, 0);
	packet_add_string(packet, start->name);
	packet_add_string(packet, start->path);
	packet_add_string(packet, start->folder);
	packet_add_string(packet, start->step);
	packet_add_number(packet, start->describe);
	packet_add_number(packet, start->own_user);
	packet_add_number(packet, start->uid);
	packet_add_number(packet, start->gid);
	packet_add_number(packet, start->level);
	packet_add_number(packet, start->grants);
	packet_add_number(packet, start->memory_limit);
	packet_add_number(packet, start->grouped);
	packet_add_number(packet, (int64_t)start->readable_count);
	for (size_t i = 0; i < start->readable_count; i++)
		packet_add_string(packet, start->readable[i]);
	packet_add_string(packet, start->scratch);
}

bool start_decode(struct packet *packet, struct start_message *start)
{
	start->name = packet_text(packet);
	start->path = packet_text(packet);
	start->folder = packet_string(packet);
	start->step = packet_text(packet);
	start->describe = packet_number_within(packet, 0, 1) != 0;
	start->own_user = packet_number_within(packet, 0, 1) != 0;
	start->uid = (uid_t)packet_number_within(packet, 0, UINT32_MAX);
	start->gid = (gid_t)packet_number_within(packet, 0, UINT32_MAX);
	start->level = (enum log_level)packet_number_within(packet, LOG_ERROR, LOG_DEBUG);
	start->grants = (uint32_t)packet_number_within(packet, 0, GRANT_ALL);
	start->memory_limit = packet_number_within(packet, 0, INT64_MAX);
	start->grouped = packet_number_within(packet, 0, 1) != 0;
	start->readable_count = (size_t)packet_number_within(packet, 0, START_PATHS);
	for (size_t i = 0; i < start->readable_count; i++)
		start->readable[i] = packet_text(packet);
	start->scratch = packet_string(packet);
	return packet_end(packet);
}

void setup_encode(struct text *packet, const struct pp_setup *setup)
{
	packet_begin(packet, MESSAGE_SETUP, 0);
	packet_add_string(packet, setup->step);
	packet_add_number(packet, (int64_t)setup->count);
	for (size_t i = 0; i < setup->count; i++) {
		packet_add_string(packet, setup->value[i].key);
		packet_add_string(packet, setup->value[i].text);
		packet_add_number(packet, setup->value[i].number);
		packet_add_number(packet, setup->value[i].item != NULL);
		for (int64_t j = 0; setup->value[i].item != NULL && j < setup->value[i].number; j++)
			packet_add_string(packet, setup->value[i].item[j]);
	}
}

/* One value, and its items, which are put at *item. */
static void value_decode(struct packet *packet, struct setup_value *value, const char ***item, const char *const *end)
{
	*value = (struct setup_value){packet_text(packet), packet_string(packet), packet_number(packet), NULL};
	if (packet_number_within(packet, 0, 1) == 0)
		return;
	if (value->number < 0 || value->number > end - *item)
		packet->broken = true;
	value->item = *item;
	for (int64_t i = 0; i < value->number && !packet->broken; i++)
		*(*item)++ = packet_text(packet);
}

bool setup_decode(struct packet *packet, struct pp_setup *setup, struct setup_value **values)
{
	setup->step = packet_text(packet);
	setup->count = (size_t)packet_number_within(packet, 0, MODULE_KEYS_MAX + 16);
	size_t items = SETUP_ITEMS_MAX * setup->count;
	*values = alloc_zeroed(setup->count + 1, sizeof **values + SETUP_ITEMS_MAX * sizeof(char *));
	const char **item = (const char **)(void *)(*values + setup->count + 1);
	for (size_t i = 0; i < setup->count; i++)
		value_decode(packet, &(*values)[i], &item, item + items);
	setup->value = *values;
	return packet_end(packet);
}

void run_encode(struct text *packet, uint64_t run, const struct run_facts *facts, bool with_bytes)
{
	packet_begin(packet, MESSAGE_RUN, run);
	packet_add_string(packet, facts->id);
	packet_add_string(packet, facts->filename);
	packet_add_string(packet, facts->resource_id_json);
	packet_add_string(packet, facts->user_id);
	packet_add_string(packet, facts->space_id);
	packet_add_number(packet, facts->filesize);
	packet_add_string(packet, facts->digest);
	packet_add_number(packet, facts->attempt);
	packet_add_number(packet, facts->woken_at);
	packet_add_number(packet, facts->deadline);
	packet_add_number(packet, (int64_t)facts->earlier_count);
	for (size_t i = 0; i < facts->earlier_count; i++) {
		packet_add_string(packet, facts->earlier[i].name);
		packet_add_number(packet, facts->earlier[i].outcome);
		packet_add_string(packet, facts->earlier[i].verdict);
		packet_add_string(packet, facts->earlier[i].result);
	}
	packet_add_number(packet, with_bytes);
}

bool run_decode(struct packet *packet, struct run_message *message)
{
	struct run_facts *facts = &message->facts;
	*facts = (struct run_facts){0};
	facts->id = packet_text(packet);
	facts->filename = packet_text(packet);
	facts->resource_id_json = packet_text(packet);
	facts->user_id = packet_string(packet);
	facts->space_id = packet_string(packet);
	facts->filesize = packet_number(packet);
	facts->digest = packet_string(packet);
	facts->attempt = (uint32_t)packet_number_within(packet, 0, UINT32_MAX);
	facts->woken_at = packet_number(packet);
	facts->deadline = packet_number(packet);
	facts->earlier = message->earlier;
	facts->earlier_count = (size_t)packet_number_within(packet, 0, EARLIER_LIMIT);
	for (size_t i = 0; i < facts->earlier_count; i++) {
		struct earlier_step *earlier = &message->earlier[i];
		earlier->name = packet_text(packet);
		earlier->outcome = (uint32_t)packet_number_within(packet, 0, PP_DELETE);
		earlier->verdict = packet_string(packet);
		earlier->result = packet_string(packet);
	}
	message->with_bytes = packet_number_within(packet, 0, 1) != 0;
	message->bytes = packet_rest(packet, &message->length);
	return packet_end(packet);
}

void request_encode(struct text *packet, uint64_t run, const struct request_message *request)
{
	packet_begin(packet, request->quarantine ? MESSAGE_QUARANTINE : request->copy ? MESSAGE_COPY : MESSAGE_READ, run);
	packet_add_number(packet, request->number);
	if (request->copy)
		packet_add_number(packet, request->digest);
	if (request->quarantine) {
		packet_add_string(packet, request->words.verdict);
		packet_add_string(packet, request->words.details);
		packet_add_string(packet, request->words.reason);
	}
}

void run_words_set(struct run_words *words, const char *verdict, const char *details, const char *reason)
{
	words->verdict[0] = words->details[0] = '\0';
	if (verdict != NULL && verdict_is_word(verdict))
		text_copy(words->verdict, sizeof words->verdict, verdict);
	if (words->verdict[0] != '\0' && details != NULL && verdict_is_details(details))
		text_copy(words->details, sizeof words->details, details);
	text_copy(words->reason, sizeof words->reason, reason != NULL ? reason : "");
}

/* The texts that the worker sends are those that its own host has checked. */
static bool words_decode(struct packet *packet, struct run_words *words)
{
	const char *verdict = packet_text(packet), *details = packet_text(packet), *reason = packet_text(packet);
	if (!packet_end(packet))
		return false;
	run_words_set(words, verdict, details, reason);
	return strcmp(words->verdict, verdict) == 0 && strcmp(words->details, details) == 0 &&
	       strcmp(words->reason, reason) == 0;
}

bool request_decode(struct packet *packet, struct request_message *request)
{
	request->copy = packet->kind == MESSAGE_COPY;
	request->quarantine = packet->kind == MESSAGE_QUARANTINE;
	request->number = (unsigned)packet_number_within(packet, 1, REQUESTS_LIMIT);
	request->digest = request->copy && packet_number_within(packet, 0, 1) != 0;
	return request->quarantine ? words_decode(packet, &request->words) : packet_end(packet);
}

void bytes_encode(struct text *packet, uint64_t run, unsigned request)
{
	packet_begin(packet, MESSAGE_BYTES, run);
	packet_add_number(packet, request);
}

bool bytes_decode(struct packet *packet, unsigned *request, const void **bytes, size_t *length)
{
	*request = (unsigned)packet_number_within(packet, 1, REQUESTS_LIMIT);
	*bytes = packet_rest(packet, length);
	return packet_end(packet);
}

void end_encode(struct text *packet, uint64_t run, unsigned request, const char *error)
{
	packet_begin(packet, MESSAGE_END, run);
	packet_add_number(packet, request);
	packet_add_string(packet, error);
}

bool end_decode(struct packet *packet, unsigned *request, const char **error)
{
	*request = (unsigned)packet_number_within(packet, 1, REQUESTS_LIMIT);
	*error = packet_string(packet);
	return packet_end(packet);
}

void copied_encode(struct text *packet, uint64_t run, const struct copied_message *copied)
{
	packet_begin(packet, MESSAGE_COPIED, run);
	packet_add_number(packet, copied->request);
	packet_add_number(packet, copied->size);
	packet_add_string(packet, copied->digest);
}

bool copied_decode(struct packet *packet, struct copied_message *copied)
{
	copied->request = (unsigned)packet_number_within(packet, 1, REQUESTS_LIMIT);
	copied->size = packet_number_within(packet, 0, INT64_MAX);
	copied->digest = packet_string(packet);
	return packet_end(packet) && (copied->digest == NULL || strlen(copied->digest) == 64);
}

void cache_encode(struct text *packet, enum message_kind kind, uint64_t run, const struct cache_message *message)
{
	packet_begin(packet, kind, run);
	packet_add_number(packet, message->number);
	if (kind != MESSAGE_CACHED)
		packet_add_string(packet, message->key);
	if (kind != MESSAGE_CACHE_GET)
		packet_add_string(packet, message->text);
}

/* Whether a text has at least one byte and at most `limit`. */
static bool is_within(const char *text, size_t limit)
{
	return text[0] != '\0' && strnlen(text, limit + 1) <= limit;
}

bool cache_decode(struct packet *packet, struct cache_message *message)
{
	*message = (struct cache_message){.number = (unsigned)packet_number_within(packet, 1, CACHE_TURNS_LIMIT)};
	if (packet->kind != MESSAGE_CACHED)
		message->key = packet_text(packet);
	if (packet->kind == MESSAGE_CACHE_PUT)
		message->text = packet_text(packet);
	else if (packet->kind == MESSAGE_CACHED)
		message->text = packet_string(packet);
	return packet_end(packet) && (message->key == NULL || is_within(message->key, PP_CACHE_KEY_LIMIT)) &&
	       (message->text == NULL || strnlen(message->text, PP_CACHE_LIMIT + 1) <= PP_CACHE_LIMIT);
}

void log_encode(struct text *packet, uint64_t run, enum log_level level, const char *text)
{
	packet_begin(packet, MESSAGE_LOG, run);
	packet_add_number(packet, level);
	packet_add_string(packet, text);
}

bool log_decode(struct packet *packet, enum log_level *level, const char **text)
{
	*level = (enum log_level)packet_number_within(packet, LOG_ERROR, LOG_DEBUG);
	*text = packet_text(packet);
	return packet_end(packet) && strlen(*text) <= PP_LOG_LIMIT;
}

void rejected_encode(struct text *packet, const char *key, const char *text)
{
	packet_begin(packet, MESSAGE_REJECTED, 0);
	packet_add_string(packet, key);
	packet_add_string(packet, text);
}

bool rejected_decode(struct packet *packet, const char **key, const char **text)
{
	*key = packet_string(packet);
	*text = packet_text(packet);
	return packet_end(packet);
}

void text_encode(struct text *packet, enum message_kind kind, const char *text)
{
	packet_begin(packet, kind, 0);
	packet_add_string(packet, text);
}

bool text_decode(struct packet *packet, const char **text)
{
	*text = packet_text(packet);
	return packet_end(packet);
}

void done_encode(struct text *packet, uint64_t run, const struct run_done *done)
{
	packet_begin(packet, MESSAGE_DONE, run);
	packet_add_number(packet, done->answer.value);
	packet_add_number(packet, done->answer.until);
	packet_add_string(packet, done->answer.result);
	packet_add_string(packet, done->answer.details);
	packet_add_string(packet, done->answer.reason);
	packet_add_string(packet, done->answer.verdict);
	packet_add_number(packet, done->read);
	packet_add_number(packet, done->crowded);
	report_add_metrics(packet, &done->report);
}

/* A copy of JSON text; its size comes from an input. NULL: no memory. */
static char *copy_json(const char *json)
{
	size_t length = strlen(json);
	char *copy = malloc(length + 1);
	if (copy != NULL)
		*json_compact(copy, json, length) = '\0';
	return copy;
}

bool done_decode(struct packet *packet, struct run_done *done)
{
	struct run_answer *answer = &done->answer;
	*answer = (struct run_answer){.value = (uint32_t)packet_number_within(packet, PP_RETRY, PP_HOLD)};
	answer->until = packet_number(packet);
	const char *result = packet_string(packet), *details = packet_string(packet);
	const char *reason = packet_text(packet), *verdict = packet_text(packet);
	done->read = packet_number_within(packet, 0, 1) != 0;
	done->crowded = packet_number_within(packet, 0, 1) != 0;
	done->report.has_progress = false;
	report_take_metrics(packet, &done->report);
	if (!packet_end(packet) || strlen(reason) > PP_REASON_LIMIT)
		return false;
	if (verdict[0] != '\0' ? !verdict_is_word(verdict) || (details != NULL && !verdict_is_details(details))
	                       : details != NULL)
		return false;
	if (result != NULL && (strlen(result) > PP_RESULT_LIMIT || !json_is_value(result, strlen(result), PP_RESULT_DEPTH)))
		return false;
	memcpy(answer->reason, reason, strlen(reason) + 1);
	memcpy(answer->verdict, verdict, strlen(verdict) + 1);
	answer->result = result != NULL ? copy_json(result) : NULL;
	answer->details = details != NULL ? copy_json(details) : NULL;
	if ((result == NULL) == (answer->result == NULL) && (details == NULL) == (answer->details == NULL))
		return true;
	run_answer_clear(answer);
	return false;
}

void check_encode(struct text *packet, nanos deadline)
{
	packet_begin(packet, MESSAGE_CHECK, 0);
	packet_add_number(packet, deadline);
}

bool check_decode(struct packet *packet, nanos *deadline)
{
	*deadline = packet_number(packet);
	return packet_end(packet);
}

void checked_encode(struct text *packet, bool passed, const char *why)
{
	packet_begin(packet, MESSAGE_CHECKED, 0);
	packet_add_number(packet, passed);
	packet_add_string(packet, why);
}

bool checked_decode(struct packet *packet, bool *passed, const char **why)
{
	*passed = packet_number_within(packet, 0, 1) != 0;
	*why = packet_text(packet);
	return packet_end(packet);
}
