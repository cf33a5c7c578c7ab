/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <string.h>

#include "core/upload/envelope.h"
#include "tests/harness/suite.h"

static char room[256], why[128];
static struct envelope envelope;

static bool read_message(const char *message)
{
	why[0] = '\0';
	return envelope_read(&envelope, message, strlen(message), why, sizeof why);
}

#define TYPE "\"Metadata\":{\"eventtype\":\"t\"}"

static const struct {
	const char *message;
	const char *payload; /* NULL: it has none */
} messages[] = {
	{"{" TYPE ",\"Payload\":\"QUJD\"}", "ABC"},
	{"{\"Payload\":\"QUJD\"," TYPE "}", "ABC"},
	{"{ \"Payload\"\t:\r\n\"QUJD\" , " TYPE " }", "ABC"},
	{"{" TYPE ",\"Payload\":\"\"}", ""},
	{"{" TYPE ",\"Payload\":null}", NULL},
	{"{" TYPE "}", NULL},
	/* The words elsewhere than as the key of the envelope. */
	{"{\"Metadata\":{\"eventtype\":\"t\",\"Payload\":\"QUJD\"}}", NULL},
	{"{\"Payload\":\"QUJD\",\"X\":{\"Payload\":\"Wlpa\"}," TYPE "}", "ABC"},
	{"{\"X\":{\"Payload\":\"Wlpa\"},\"\\u0050ayload\":\"QUJD\"," TYPE "}", "ABC"},
	{"{\"ID\":\"\\\"Payload\\\":\\\"Wlpa\",\"Payload\":\"QUJD\"," TYPE "}", "ABC"},
	/* Twice: the last one counts. */
	{"{\"Payload\":\"Wlpa\",\"Payload\":\"QUJD\"," TYPE "}", "ABC"},
	/* Escapes in it. */
	{"{" TYPE ",\"Payload\":\"\\u0051UJD\\/\\/\\/\\/\"}", "ABC\xff\xff\xff"},
};

START_TEST(payload_is_found)
{
	for (size_t i = 0; i < JSON_COUNT(messages); i++) {
		struct json_reader reader = {.room = room, .left = sizeof room};
		size_t length;
		ck_assert_msg(read_message(messages[i].message), "%s: %s", messages[i].message, why);
		ck_assert(json_says(&envelope.type, "t"));
		const char *payload = json_reader_base64(&reader, &envelope.payload, &length);
		ck_assert_ptr_nonnull(payload);
		ck_assert_str_eq(payload, messages[i].payload != NULL ? messages[i].payload : "");
		ck_assert_uint_eq(length, strlen(payload));
		ck_assert_ptr_null(reader.wrong);
	}
}
END_TEST

START_TEST(metadata_is_found)
{
	struct json_reader reader = {.room = room, .left = sizeof room};
	ck_assert(read_message(
		"{\"initiatorid\":\"x\",\"Metadata\":{\"traceparent\":\"t-\\u0031\",\"eventtype\":\"e\",\"initiatorid\":\"i\"}}"));
	ck_assert_str_eq(json_reader_string(&reader, &envelope.type), "e");
	ck_assert_str_eq(json_reader_string(&reader, &envelope.traceparent), "t-1");
	ck_assert_str_eq(json_reader_string(&reader, &envelope.initiator_id), "i");
}
END_TEST

START_TEST(broken_envelope_is_refused)
{
	static const char *const broken[] = {
		"",
		"[]",
		"{\"Payload\":\"QUJD\"",
		"{" TYPE ",\"Payload\":\"QUJD\"}}",
		"{" TYPE ",\"Payload\":\"QUJD\"x}",
		"{\"Payload\":\"QUJD\"}",
		"{" TYPE ",\"Payload\":{\"a\":\"QUJD\"}}",
		"{" TYPE ",\"Metadata\":null}",
		"{\"Metadata\":{\"eventtype\":\"\"}}",
		"{\"Metadata\":{\"eventtype\":1}}",
		"{\"Metadata\":[]}",
	};
	for (size_t i = 0; i < JSON_COUNT(broken); i++) {
		ck_assert_msg(!read_message(broken[i]), "accepted: %s", broken[i]);
		ck_assert_msg(why[0] != '\0', "%s", broken[i]);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {payload_is_found, metadata_is_found, broken_envelope_is_refused};
	return suite_run("envelope", tests, sizeof tests / sizeof tests[0], 30);
}
