/* SPDX-License-Identifier: Apache-2.0
 * Whatever way is taken, an envelope says what the JSON parser would say of the whole message. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/envelope.h"
#include "core/json.h"

#define LONG "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODk="

static const struct {
	const char *message;
	const char *payload; /* NULL: it has none */
} messages[] = {
	{"{\"ID\":\"1\",\"Payload\":\"" LONG "\"}", LONG},
	{"{\"Payload\":\"" LONG "\",\"ID\":\"1\"}", LONG},
	{"{ \"Payload\"\t:\r\n\"" LONG "\" , \"ID\" : \"1\" }", LONG},
	{"{\"Payload\":\"c2hvcnQ=\"}", "c2hvcnQ="},
	{"{\"Payload\":\"\"}", ""},
	{"{\"Payload\":null}", NULL},
	{"{\"Payload\":{\"a\":\"" LONG "\"}}", NULL},
	{"{\"ID\":\"1\"}", NULL},
	/* The words elsewhere than as the envelope's key. */
	{"{\"Metadata\":{\"Payload\":\"" LONG "\"}}", NULL},
	{"{\"Metadata\":{\"Payload\":\"" LONG "\"},\"Payload\":\"c2hvcnQ=\"}", "c2hvcnQ="},
	{"{\"Payload\":\"c2hvcnQ=\",\"Metadata\":{\"Payload\":\"" LONG "\"}}", "c2hvcnQ="},
	{"{\"Metadata\":{\"Payload\":\"" LONG "\"},\"\\u0050ayload\":\"c2hvcnQ=\"}", "c2hvcnQ="},
	{"{\"ID\":\"Payload\",\"Payload\":\"" LONG "\"}", LONG},
	{"{\"ID\":\"\\\"Payload\\\":\\\"" LONG "\",\"Payload\":\"c2hvcnQ=\"}", "c2hvcnQ="},
	{"{\"ID\":[\"Payload\"]}", NULL},
	/* Twice: the last one counts. */
	{"{\"Payload\":\"" LONG "\",\"Payload\":\"c2hvcnQ=\"}", "c2hvcnQ="},
	/* Escapes in it. */
	{"{\"Payload\":\"\\u0051" LONG "\"}", "Q" LONG},
	{"{\"Payload\":\"" LONG "\\/\"}", LONG "/"},
};

START_TEST(payload_is_found)
{
	struct envelope envelope;
	char why[128];
	ck_assert_msg(envelope_read(&envelope, messages[_i].message, strlen(messages[_i].message), why, sizeof why), "%s: %s",
	              messages[_i].message, why);
	if (messages[_i].payload == NULL) {
		ck_assert_ptr_null(envelope.payload);
	} else {
		ck_assert_ptr_nonnull(envelope.payload);
		ck_assert_uint_eq(envelope.length, strlen(messages[_i].payload));
		ck_assert_mem_eq(envelope.payload, messages[_i].payload, envelope.length);
	}
	envelope_clear(&envelope);
}
END_TEST

static const char *const broken[] = {
	"",
	"[]",
	"\"Payload\"",
	"{\"Payload\"",
	"{\"Payload\":",
	"{\"Payload\":\"",
	"{\"Payload\":\"" LONG,
	"{\"Payload\":\"" LONG "\"",
	"{\"Payload\":\"" LONG "\"}}",
	"{\"Payload\":\"" LONG "\"x}",
	"{\"ID\":\"\"Payload\":\"" LONG "\"}",
	"{\"ID\":\"1\",\"Payload\":\"" LONG "\",\"ID\":}",
};

START_TEST(broken_envelope_is_refused)
{
	struct envelope envelope;
	char why[128] = "", whole[128] = "";
	size_t length = strlen(broken[_i]);
	ck_assert_msg(!envelope_read(&envelope, broken[_i], length, why, sizeof why), "%s", broken[_i]);
	/* The place that it names is that in the message. */
	ck_assert_ptr_null(json_read_object(broken[_i], length, whole, sizeof whole));
	ck_assert_str_eq(why, whole);
}
END_TEST

/* Each beginning of a message is refused, and nothing behind its end is read (a sanitizer watches the copy). */
START_TEST(cut_message_is_refused)
{
	static const char message[] = "{\"ID\":\"1\",\"Payload\" : \"" LONG "\",\"Metadata\":{}}";
	for (size_t length = 0; length < sizeof message - 1; length++) {
		struct envelope envelope;
		char why[128], *copy = malloc(length > 0 ? length : 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, message, length);
		ck_assert(!envelope_read(&envelope, copy, length, why, sizeof why));
		free(copy);
	}
}
END_TEST

/* One that is large beside its payload. */
START_TEST(large_envelope_is_read)
{
	char message[8192], filler[4096];
	memset(filler, 'a', sizeof filler - 1);
	filler[sizeof filler - 1] = '\0';
	int length = snprintf(message, sizeof message, "{\"Payload\":\"" LONG "\",\"ID\":\"%s\"}", filler);
	struct envelope envelope;
	char why[128];
	ck_assert(envelope_read(&envelope, message, (size_t)length, why, sizeof why));
	ck_assert_uint_eq(envelope.length, strlen(LONG));
	ck_assert_mem_eq(envelope.payload, LONG, envelope.length);
	ck_assert_uint_eq(json_string_length(json_object_get(envelope.object, "ID")), sizeof filler - 1);
	envelope_clear(&envelope);
}
END_TEST

#define LOOP(tcase, test, table) tcase_add_loop_test((tcase), test, 0, (int)(sizeof(table) / sizeof(table)[0]))

int main(void)
{
	Suite *suite = suite_create("envelope");
	TCase *tcase = tcase_create("envelope");
	LOOP(tcase, payload_is_found, messages);
	LOOP(tcase, broken_envelope_is_refused, broken);
	tcase_add_test(tcase, cut_message_is_refused);
	tcase_add_test(tcase, large_envelope_is_read);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
