/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/encoding.h"
#include "core/base/text.h"
#include "tests/harness/base64.h"
#include "tests/scenario/storage.h"

#define BUCKET "postprocessing"
#define KEY_SIZE 512

static void make_key(const char *upload, char key[KEY_SIZE])
{
	size_t length = strlen(upload);
	ck_assert_uint_le(BASE32_SIZE(length), KEY_SIZE);
	base32_encode(upload, length, key);
}

static json_t *decode(kvEntry *entry)
{
	json_t *outer = json_loadb(kvEntry_Value(entry), (size_t)kvEntry_ValueLen(entry), 0, NULL);
	const char *data = json_string_value(json_object_get(outer, "data"));
	size_t length;
	char *bytes = data != NULL ? base64_bytes(data, &length) : NULL;
	ck_assert_msg(bytes != NULL, "a record without data");
	json_t *record = json_loadb(bytes, length, 0, NULL);
	ck_assert_msg(record != NULL, "a record that is not JSON");
	free(bytes);
	json_decref(outer);
	return record;
}

json_t *records_read(struct scenario *scenario, const char *upload)
{
	kvStore *bucket = NULL;
	kvEntry *entry = NULL;
	char key[KEY_SIZE];
	make_key(upload, key);
	if (js_KeyValue(&bucket, scenario->js, BUCKET) != NATS_OK)
		return NULL;
	natsStatus status = kvStore_Get(&entry, bucket, key);
	json_t *record = status == NATS_OK && kvEntry_Operation(entry) == kvOp_Put ? decode(entry) : NULL;
	kvEntry_Destroy(entry);
	kvStore_Destroy(bucket);
	return record;
}

const char *records_tombstone(struct scenario *scenario, const char *upload, const char *header, char text[256])
{
	char key[KEY_SIZE], subject[KEY_SIZE + 32];
	natsMsg *message = NULL;
	const char *value = NULL;
	make_key(upload, key);
	snprintf(subject, sizeof subject, "$KV." BUCKET ".%s", key);
	ck_assert_int_eq(js_GetLastMsg(&message, scenario->js, "KV_" BUCKET, subject, NULL, NULL), NATS_OK);
	ck_assert_int_eq(natsMsgHeader_Get(message, "KV-Operation", &value), NATS_OK);
	ck_assert_str_eq(value, "DEL");
	value = "";
	natsMsgHeader_Get(message, header, &value);
	snprintf(text, 256, "%s", value);
	natsMsg_Destroy(message);
	return text;
}

struct wish {
	struct scenario *scenario;
	const char *upload, *key, *value;
};

static bool is_gone(void *closure)
{
	struct wish *wish = closure;
	json_t *record = records_read(wish->scenario, wish->upload);
	json_decref(record);
	return record == NULL;
}

void records_await_gone(struct scenario *scenario, const char *upload)
{
	struct wish wish = {.scenario = scenario, .upload = upload};
	ck_assert_msg(wait_until(is_gone, &wish, TEST_LIMIT), "the record of %s stays", upload);
}

static bool has_value(void *closure)
{
	struct wish *wish = closure;
	json_t *record = records_read(wish->scenario, wish->upload);
	const json_t *value = json_object_get(json_object_get(record, "StepHost"), wish->key);
	char number[24];
	snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	const char *text = json_is_integer(value) ? number : json_string_value(value);
	bool same = text != NULL && strcmp(text, wish->value) == 0;
	json_decref(record);
	return same;
}

void records_await(struct scenario *scenario, const char *upload, const char *key, const char *value)
{
	struct wish wish = {scenario, upload, key, value};
	ck_assert_msg(wait_until(has_value, &wish, TEST_LIMIT), "the record of %s does not come to %s = %s", upload, key,
	              value);
}

static kvStore *open_bucket(struct scenario *scenario)
{
	kvStore *bucket = NULL;
	if (js_KeyValue(&bucket, scenario->js, BUCKET) == NATS_OK)
		return bucket;
	kvConfig config;
	kvConfig_Init(&config);
	config.Bucket = BUCKET;
	config.History = 1;
	config.StorageType = js_FileStorage;
	ck_assert_int_eq(js_CreateKeyValue(&bucket, scenario->js, &config), NATS_OK);
	return bucket;
}

void records_plant(struct scenario *scenario, json_t *record)
{
	char key[KEY_SIZE];
	const char *upload = json_string_value(json_object_get(record, "ID"));
	char *inner = json_dumps(record, JSON_COMPACT);
	struct text value = {0};
	make_key(upload, key);
	text_add(&value, "{\"key\":");
	text_add_json(&value, upload);
	text_add(&value, ",\"data\":\"");
	text_add_base64(&value, inner, strlen(inner));
	text_add(&value, "\",\"metadata\":null}");
	ck_assert(!value.failed);
	kvStore *bucket = open_bucket(scenario);
	ck_assert_int_eq(kvStore_PutString(NULL, bucket, key, value.data), NATS_OK);
	kvStore_Destroy(bucket);
	text_free(&value);
	free(inner);
	json_decref(record);
}

json_t *records_foreign(struct scenario *scenario, const char *upload, const char *path, const char *steps,
                        const char *current, const char *outcome)
{
	char url[STORAGE_URL_SIZE];
	json_t *list = json_array();
	for (const char *at = steps; *at != '\0'; at += *at == ',') {
		size_t length = strcspn(at, ",");
		ck_assert_int_eq(json_array_append_new(list, json_stringn(at, length)), 0);
		at += length;
	}
	json_t *record = json_pack("{s:s,s:s,s:o,s:n,s:s,s:i,s:o,s:o,s:{s:s,s:s},s:i,s:s,s:b,s:s}", "ID", upload, "URL",
	                           storage_url(scenario, path, url), "User", storage_user(), "ImpersonatingUser",
	                           "Filename", STORAGE_FILENAME, "Filesize", 68, "ResourceID", storage_resource(), "Steps",
	                           list, "Status", "CurrentStep", current, "Outcome", outcome, "Failures", 0, "InitiatorID",
	                           STORAGE_INITIATOR, "Finished", false, "StartTime", "2026-11-22T19:04:09.439Z");
	ck_assert_ptr_nonnull(record);
	return record;
}
