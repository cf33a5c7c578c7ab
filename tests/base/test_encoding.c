/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <openssl/evp.h>
#include <string.h>

#include "core/base/encoding.h"
#include "core/base/text.h"
#include "core/base/url_mark.h"
#include "tests/harness/suite.h"

static const struct {
	const char *bytes, *base64, *base32;
} vectors[] = {
	/* RFC 4648, section 10 */
	{"", "", ""},
	{"f", "Zg==", "MY======"},
	{"fo", "Zm8=", "MZXQ===="},
	{"foo", "Zm9v", "MZXW6==="},
	{"foob", "Zm9vYg==", "MZXW6YQ="},
	{"fooba", "Zm9vYmE=", "MZXW6YTB"},
	{"foobar", "Zm9vYmFy", "MZXW6YTBOI======"},
	{"\xff\xfe\xfd\xfc\xfb", "//79/Ps=", "777P37H3"},
};
#define VECTORS (sizeof vectors / sizeof vectors[0])

START_TEST(base64_is_read)
{
	for (size_t i = 0; i < VECTORS; i++) {
		size_t length = 99, digits = strlen(vectors[i].base64);
		char bytes[BASE64_BYTES(8) + 1];
		memset(bytes, '#', sizeof bytes);
		ck_assert(base64_decode(vectors[i].base64, digits, bytes, &length));
		ck_assert_uint_eq(length, strlen(vectors[i].bytes));
		ck_assert_mem_eq(bytes, vectors[i].bytes, length);
		ck_assert_int_eq(bytes[BASE64_BYTES(digits)], '#');
	}
}
END_TEST

START_TEST(invalid_base64_is_refused)
{
	static const char *const texts[] = {
		"Z",        "Zg",   "Zg=",      "Zm9vY", "=",       "==",        "===",      "====",     "Z===",
		"Zg==Zg==", "Zm=v", "Zm9=Zm9v", "Z=9v",  "=g==",    "Zm9*",      "Zm 9v",    " Zm9v   ", "Zm9v\n\n\n\n",
		"\n\n\n\n", "    ", "Zm9-",     "Zm9_",  "Zm9\xc3", "Zm9vZg=\n", "Zm9v====", "--------",
	};
	char bytes[32];
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		size_t length;
		ck_assert_msg(!base64_decode(texts[i], strlen(texts[i]), bytes, &length), "accepted: \"%s\"", texts[i]);
	}
	size_t length;
	ck_assert(!base64_decode("Zm\0v", 4, bytes, &length));
}
END_TEST

START_TEST(base64_round_trip)
{
	unsigned state = 1;
	for (size_t length = 0; length < 300; length++) {
		char bytes[300];
		for (size_t i = 0; i < length; i++)
			bytes[i] = (char)((state = state * 1103515245u + 12345u) >> 16);
		struct text text = {0};
		text_add_base64(&text, bytes, length);
		size_t decoded;
		char back[BASE64_BYTES(BASE64_DIGITS(300))], written[BASE64_DIGITS(300) + 1];
		ck_assert_uint_eq(text.length, BASE64_DIGITS(length));
		ck_assert_int_eq(EVP_EncodeBlock((unsigned char *)written, (unsigned char *)bytes, (int)length),
		                 (int)text.length);
		ck_assert_mem_eq(text.data, written, text.length);
		ck_assert(base64_decode(text.data, text.length, back, &decoded));
		ck_assert_uint_eq(decoded, length);
		ck_assert_mem_eq(back, bytes, length);
		text_free(&text);
	}
}
END_TEST

START_TEST(base32_is_written)
{
	for (size_t i = 0; i < VECTORS; i++) {
		char text[BASE32_SIZE(6)];
		memset(text, '#', sizeof text);
		base32_encode(vectors[i].bytes, strlen(vectors[i].bytes), text);
		ck_assert_str_eq(text, vectors[i].base32);
		ck_assert_uint_eq(strlen(text) + 1, BASE32_SIZE(strlen(vectors[i].bytes)));
	}
}
END_TEST

START_TEST(uuids)
{
	char made[UUIDS_LIMIT + 1][UUID_SIZE], again[1][UUID_SIZE], *one = made[0];
	ck_assert(uuids_make(made, UUIDS_LIMIT) && uuids_make(again, 1));
	ck_assert(!uuids_make(made, UUIDS_LIMIT + 1));
	ck_assert_str_ne(one, again[0]);
	for (size_t i = 1; i < UUIDS_LIMIT; i++)
		ck_assert_str_ne(one, made[i]);
	ck_assert_uint_eq(strlen(one), UUID_SIZE - 1);
	for (size_t i = 0; i < UUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		ck_assert_msg(dash ? one[i] == '-' : strchr("0123456789abcdef", one[i]) != NULL, "%s", one);
	}
	ck_assert_int_eq(one[14], '4');
	ck_assert_msg(strchr("89ab", one[19]) != NULL, "%s", one);
}
END_TEST

START_TEST(mark_of_a_url)
{
	char mark[URL_MARK_SIZE];
	url_mark("abc", mark);
	ck_assert_str_eq(mark, "ba7816bf8f01cfea");
	url_mark("", mark);
	ck_assert_str_eq(mark, "e3b0c44298fc1c14");
}
END_TEST

START_TEST(random_digits)
{
	char text[2 * 64 + 2];
	memset(text, '#', sizeof text);
	ck_assert(random_hex(text, 64));
	ck_assert_uint_eq(strspn(text, "0123456789abcdef"), 128);
	ck_assert_int_eq(text[128], '\0');
	ck_assert_int_eq(text[129], '#');
	ck_assert(!random_hex(text, 65));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		base64_is_read, invalid_base64_is_refused, base64_round_trip, base32_is_written, uuids, mark_of_a_url,
		random_digits};
	return suite_run("encoding", tests, sizeof tests / sizeof tests[0], 30);
}
