/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bus_connect.h"
#include "core/encoding.h"

#define SUBJECT_SIZE (RECORD_KEY_SIZE + 160)
/* The header of our deletion markers. */
#define BEGUN_HEADER "Postprocessing-Begun"

bool store_prepare(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	(void)connection;
	const struct store *store = closure;
	kvStore *bucket = NULL;
	natsStatus status = js_KeyValue(&bucket, js, store->bucket);
	if (status == NATS_NOT_FOUND) {
		kvConfig config;
		kvConfig_Init(&config);
		config.Bucket = store->bucket;
		config.History = 1;
		config.StorageType = js_FileStorage;
		status = js_CreateKeyValue(&bucket, js, &config);
		if (status == NATS_OK)
			log_info(store->log, "bucket %s: created", store->bucket);
	}
	kvStore_Destroy(bucket);
	if (status != NATS_OK)
		snprintf(why, size, "bucket %s: %s", store->bucket, bus_advice(status));
	return status == NATS_OK;
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

void store_remove(const struct store *store, struct bus *bus, struct request *request, const char *id, uint64_t expected,
                  const char *message_id, uint64_t begun, int64_t stream)
{
	char subject[SUBJECT_SIZE], sequence[24], origin[48];
	make_subject(store, id, subject);
	snprintf(sequence, sizeof sequence, "%" PRIu64, expected);
	snprintf(origin, sizeof origin, "%" PRIu64 " %" PRId64, begun, stream);
	const struct bus_header headers[] = {{"KV-Operation", "DEL"},
	                                     {"Nats-Expected-Last-Subject-Sequence", sequence},
	                                     {"Nats-Msg-Id", message_id},
	                                     {BEGUN_HEADER, origin},
	                                     {NULL, NULL}};
	bus_publish(bus, request, subject, headers, "", 0);
}

void store_load(const struct store *store, struct bus *bus, struct request *request, const char *id)
{
	/* Not the direct get: a follower that lags may answer it. */
	char api[128], subject[SUBJECT_SIZE], payload[SUBJECT_SIZE + 32];
	make_subject(store, id, subject);
	snprintf(api, sizeof api, "$JS.API.STREAM.MSG.GET.KV_%s", store->bucket);
	int length = snprintf(payload, sizeof payload, "{\"last_by_subj\":\"%s\"}", subject);
	bus_call(bus, request, api, payload, (size_t)length);
}

/* Reads the headers of a deletion marker. False: the entry is none. */
static bool read_marker(const char *encoded, struct loaded_entry *entry)
{
	size_t length;
	char *headers = encoded != NULL ? base64_decode(encoded, strlen(encoded), &length) : NULL;
	if (headers == NULL)
		return false;
	bool marker = strstr(headers, "KV-Operation:") != NULL;
	const char *origin = strstr(headers, BEGUN_HEADER ":");
	if (origin != NULL && sscanf(origin + sizeof BEGUN_HEADER, "%" SCNu64 " %" SCNd64, &entry->begun, &entry->stream) != 2)
		entry->begun = 0;
	free(headers);
	return marker;
}

static enum loaded read_message(const struct store *store, json_t *message, struct loaded_entry *entry)
{
	const char *data = json_string_value(json_object_get(message, "data"));
	entry->revision = (uint64_t)json_integer_value(json_object_get(message, "seq"));
	if (entry->revision == 0)
		return LOADED_FAILED;
	if (read_marker(json_string_value(json_object_get(message, "hdrs")), entry))
		return LOADED_NOTHING;
	size_t length = 0;
	char *value = base64_decode(data != NULL ? data : "", data != NULL ? strlen(data) : 0, &length);
	if (value == NULL)
		return LOADED_FAILED;
	char why[128];
	bool good = record_decode(value, length, &entry->record, why, sizeof why);
	free(value);
	if (!good)
		log_error(store->log, "bucket %s, revision %" PRIu64 ": not a record: %s", store->bucket, entry->revision, why);
	return good ? LOADED_RECORD : LOADED_BROKEN;
}

enum loaded store_read(const struct store *store, struct request *request, struct loaded_entry *entry)
{
	*entry = (struct loaded_entry){0};
	if (request->status == REQUEST_REFUSED && request->error == BUS_MESSAGE_NOT_FOUND)
		return LOADED_NOTHING;
	if (request->status != REQUEST_DONE)
		return LOADED_FAILED;
	json_t *answer = json_loadb(natsMsg_GetData(request->reply), (size_t)natsMsg_GetDataLength(request->reply), 0, NULL);
	enum loaded loaded = read_message(store, json_object_get(answer, "message"), entry);
	json_decref(answer);
	natsMsg_Destroy(request->reply);
	request->reply = NULL;
	return loaded;
}
