/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/json_reader.h"
#include "core/nats/bus_connect.h"

#define SUBJECT_SIZE (RECORD_KEY_SIZE + 160)
/* The headers of our deletion markers. */
#define BEGUN_HEADER "Postprocessing-Begun" /* SEQUENCE STREAM */
#define ENDED_HEADER "Postprocessing-Ended" /* TIME MARK */

bool store_create(const struct store *store, jsCtx *js, bool *made, char *why, size_t size)
{
	kvStore *bucket = NULL;
	natsStatus status = js_KeyValue(&bucket, js, store->bucket);
	if (status == NATS_NOT_FOUND) {
		kvConfig config;
		kvConfig_Init(&config);
		config.Bucket = store->bucket;
		config.History = 1;
		config.StorageType = js_FileStorage;
		status = js_CreateKeyValue(&bucket, js, &config);
		*made = status == NATS_OK;
		if (*made)
			log_info(store->log, "bucket %s: created", store->bucket);
	}
	kvStore_Destroy(bucket);
	if (status != NATS_OK)
		snprintf(why, size, "bucket %s: %s", store->bucket, bus_advice(status));
	return status == NATS_OK;
}

void store_reader_init(const struct store *store, struct stream_reader *reader)
{
	stream_reader_init(reader);
	snprintf(reader->stream, sizeof reader->stream, "KV_%s", store->bucket);
	snprintf(reader->subject, sizeof reader->subject, "$KV.%s.>", store->bucket);
	reader->latest = true;
}

bool store_is_tombstone(natsMsg *message)
{
	const char *operation = NULL;
	return natsMsgHeader_Get(message, "KV-Operation", &operation) == NATS_OK;
}

void entry_list_add(struct entry_list *list, const struct store *store, natsMsg *message,
                    const struct bus_position *position, size_t limit)
{
	/* $KV.BUCKET.KEY */
	const char *key = natsMsg_GetSubject(message) + strlen("$KV.") + strlen(store->bucket) + strlen(".");
	if (list->count == limit || (key = strdup(key)) == NULL)
		return;
	if (list->count == list->room) {
		list->room = list->room > 0 ? 2 * list->room : 256;
		list->entry = alloc_resized(list->entry, list->room * sizeof *list->entry);
	}
	list->entry[list->count++] = (struct found_entry){(char *)(uintptr_t)key, position->sequence};
}

void entry_list_free(struct entry_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->entry[i].key);
	free(list->entry);
	*list = (struct entry_list){0};
}

static void make_subject(const struct store *store, const char *id, char subject[SUBJECT_SIZE])
{
	char key[RECORD_KEY_SIZE];
	record_key(store->table, id, key);
	snprintf(subject, SUBJECT_SIZE, "$KV.%s.%s", store->bucket, key);
}

void store_put(const struct store *store, struct bus *bus, struct request *request, const char *id, uint64_t expected,
               const char *message_id, const char *value, size_t length)
{
	char subject[SUBJECT_SIZE], sequence[24];
	make_subject(store, id, subject);
	snprintf(sequence, sizeof sequence, "%" PRIu64, expected);
	const struct bus_header headers[] = {
		{"Nats-Expected-Last-Subject-Sequence", sequence}, {"Nats-Msg-Id", message_id}, {NULL, NULL}};
	bus_publish(bus, request, subject, headers, value, length);
}

void store_remove(const struct store *store, struct bus *bus, struct request *request, const char *id,
                  uint64_t expected, const char *message_id, const struct tombstone *tombstone)
{
	char subject[SUBJECT_SIZE], sequence[24], origin[48], end[48], keep[24];
	make_subject(store, id, subject);
	snprintf(sequence, sizeof sequence, "%" PRIu64, expected);
	snprintf(origin, sizeof origin, "%" PRIu64 " %" PRId64, tombstone->begun, tombstone->stream);
	snprintf(end, sizeof end, "%" PRId64 " %s", tombstone->ended, tombstone->url);
	snprintf(keep, sizeof keep, "%" PRId64, tombstone->keep);
	struct bus_header headers[7] = {{"KV-Operation", "DEL"},
	                                {"Nats-Expected-Last-Subject-Sequence", sequence},
	                                {"Nats-Msg-Id", message_id},
	                                {BEGUN_HEADER, origin}};
	size_t count = 4;
	if (tombstone->ended != 0)
		headers[count++] = (struct bus_header){ENDED_HEADER, end};
	if (tombstone->keep != 0)
		headers[count++] = (struct bus_header){TOMBSTONE_KEEP, keep};
	bus_publish(bus, request, subject, headers, "", 0);
}

natsStatus store_expire(const struct store *store, jsCtx *js, const char *key, uint64_t expected,
                        const struct status *record, bool *gone)
{
	char subject[SUBJECT_SIZE], sequence[24], origin[48];
	natsMsg *message = NULL;
	jsErrCode code = 0;
	snprintf(subject, sizeof subject, "$KV.%s.%s", store->bucket, key);
	snprintf(sequence, sizeof sequence, "%" PRIu64, expected);
	snprintf(origin, sizeof origin, "%" PRIu64 " %" PRId64, record->begun, record->stream);
	natsStatus status = natsMsg_Create(&message, subject, NULL, "", 0);
	if (status == NATS_OK)
		status = natsMsgHeader_Set(message, "KV-Operation", "DEL");
	if (status == NATS_OK)
		status = natsMsgHeader_Set(message, "Nats-Expected-Last-Subject-Sequence", sequence);
	if (status == NATS_OK)
		status = natsMsgHeader_Set(message, BEGUN_HEADER, origin);
	if (status == NATS_OK)
		status = js_PublishMsg(NULL, js, message, NULL, &code);
	natsMsg_Destroy(message);
	*gone = status == NATS_OK;
	return code == REQUEST_WRONG_LAST_SEQUENCE ? NATS_OK : status;
}

void store_load(const struct store *store, struct bus *bus, struct request *request, const char *id)
{
	/* Not a direct get, which a lagging follower may answer. */
	char api[128], subject[SUBJECT_SIZE], payload[SUBJECT_SIZE + 32];
	make_subject(store, id, subject);
	snprintf(api, sizeof api, "$JS.API.STREAM.MSG.GET.KV_%s", store->bucket);
	int length = snprintf(payload, sizeof payload, "{\"last_by_subj\":\"%s\"}", subject);
	bus_call(bus, request, api, payload, (size_t)length);
}

static const char *find_header(const char *headers, const char *name)
{
	const char *at = strstr(headers, name);
	return at != NULL && at[strlen(name)] == ':' ? at + strlen(name) + 1 : NULL;
}

nanos tombstone_read_keep(const char *value)
{
	nanos until = 0;
	return value != NULL && sscanf(value, "%" SCNd64, &until) == 1 ? until : 0;
}

/* An unreadable value counts as unknown. */
static void read_headers(const char *headers, struct tombstone *tombstone)
{
	const char *origin = find_header(headers, BEGUN_HEADER), *end = find_header(headers, ENDED_HEADER);
	*tombstone = (struct tombstone){.keep = tombstone_read_keep(find_header(headers, TOMBSTONE_KEEP))};
	if (origin != NULL && sscanf(origin, "%" SCNu64 " %" SCNd64, &tombstone->begun, &tombstone->stream) != 2)
		tombstone->begun = 0;
	_Static_assert(URL_MARK_SIZE == 17, "the 16 below");
	if (end != NULL && sscanf(end, "%" SCNd64 " %16[0-9a-f]", &tombstone->ended, tombstone->url) != 2)
		tombstone->ended = 0;
}

/* Reads the headers of a deletion marker. False: the entry is not a deletion marker. */
static bool read_tombstone(struct json_reader *reader, const struct json_value *value, struct loaded_entry *entry)
{
	size_t length;
	const char *headers = json_reader_base64(reader, value, &length);
	if (headers == NULL)
		return false;
	read_headers(headers, &entry->tombstone);
	return find_header(headers, "KV-Operation") != NULL;
}

static enum loaded read_message(const struct store *store, struct json_reader *reader, const char *answer,
                                size_t answer_length, struct loaded_entry *entry)
{
	struct json_value message, sequence, headers, data;
	const struct json_member members[] = {{"message", &message}};
	const struct json_member of_message[] = {{"seq", &sequence}, {"hdrs", &headers}, {"data", &data}};
	if (!json_read(answer, answer_length, members, JSON_COUNT(members), NULL, 0) ||
	    !json_reader_members(reader, &message, of_message, JSON_COUNT(of_message)))
		return LOADED_FAILED;
	entry->revision = (uint64_t)json_reader_integer(reader, &sequence);
	if (entry->revision == 0)
		return LOADED_FAILED;
	if (read_tombstone(reader, &headers, entry))
		return LOADED_NOTHING;
	size_t length;
	const char *value = json_reader_base64(reader, &data, &length);
	if (value == NULL)
		return LOADED_FAILED;
	char why[256];
	enum record_verdict verdict = record_decode(value, length, &entry->record, why, sizeof why);
	if (verdict == RECORD_BROKEN)
		log_error(store->log,
		          "bucket %s, revision %" PRIu64
		          ": not a record: %s; `postprocessing restart -u ID` has storage begin an upload again",
		          store->bucket, entry->revision, why);
	return verdict == RECORD_TAKEN ? LOADED_RECORD : verdict == RECORD_BROKEN ? LOADED_BROKEN : LOADED_FAILED;
}

enum loaded store_read(const struct store *store, struct request *request, struct loaded_entry *entry)
{
	*entry = (struct loaded_entry){0};
	if (request->status == REQUEST_REFUSED && request->error == BUS_MESSAGE_NOT_FOUND)
		return LOADED_NOTHING;
	if (request->status != REQUEST_DONE)
		return LOADED_FAILED;
	size_t length = (size_t)natsMsg_GetDataLength(request->reply);
	char *room = malloc(JSON_ROOM(length));
	struct json_reader reader = {.room = room, .left = JSON_ROOM(length)};
	enum loaded loaded = LOADED_FAILED;
	if (room != NULL)
		loaded = read_message(store, &reader, natsMsg_GetData(request->reply), length, entry);
	free(room);
	natsMsg_Destroy(request->reply);
	request->reply = NULL;
	return loaded;
}
