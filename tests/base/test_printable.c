/* SPDX-License-Identifier: Apache-2.0
 * Which characters of a text reach the terminal, the log and JSON unchanged. */
#include "core/base/printable.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/terminal.h"
#include "core/base/utf8.h"
#include "core/client/json_text.h"
#include "tests/harness/folder.h"
#include "tests/harness/suite.h"

static const struct {
	const char *text, *shown;
} cases[] = {
	{"plain.txt", "plain.txt"},
	{"", ""},
	{"\xc3\xbc \"a&b\" \xf0\x9f\x98\x80", "\xc3\xbc \"a&b\" \xf0\x9f\x98\x80"},
	/* The joiners of emoji and of Persian are kept. */
	{"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb \xe2\x80\x8c",
     "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb \xe2\x80\x8c"},
	{"a\nb\x1b[2J\x7f", "a\\x0ab\\x1b[2J\\x7f"},
	{"\xc2\x9b"
     "31m\xc2\x85",
     "\\u009b31m\\u0085"},
	{"\xe2\x80\xa8|\xe2\x80\xa9", "\\u2028|\\u2029"},
	{"exe.\xe2\x80\xae"
     "fdp\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c",
     "exe.\\u202efdp\\u202a\\u2066\\u2069\\u200e\\u200f\\u061c"},
	{"\xef\xbb\xbf"
     "a\xe2\x80\x8b"
     "b\xe2\x81\xa0",
     "\\ufeffa\\u200bb\\u2060"},
	/* Not UTF-8: a lone byte, an overlong encoding, a surrogate, the beginning of a character, a C1 byte. */
	{"\xff|\xc0\xaf|\xed\xa0\x80|\xe2\x82", "\\xff|\\xc0\\xaf|\\xed\\xa0\\x80|\\xe2\\x82"},
	{"\x9b"
     "31m",
     "\\x9b31m"},
};
#define CASES (sizeof cases / sizeof cases[0])

START_TEST(on_a_terminal)
{
	for (size_t i = 0; i < CASES; i++) {
		char *shown = NULL;
		size_t length;
		FILE *file = open_memstream(&shown, &length);
		ck_assert_ptr_nonnull(file);
		terminal_print(file, cases[i].text);
		fclose(file);
		ck_assert_str_eq(shown, cases[i].shown);
		free(shown);
	}
	ck_assert_int_eq(terminal_width("\xc3\xbc\xe2\x80\xae"
	                                "a"),
	                 8);
}
END_TEST

START_TEST(in_columns)
{
	char *shown = NULL;
	size_t length;
	FILE *file = open_memstream(&shown, &length);
	terminal_cell(file, "\xc3\xbc", 3);
	terminal_cell(file, "\x1b", 2);
	fputs("|", file);
	fclose(file);
	ck_assert_str_eq(shown, "\xc3\xbc    \\x1b  |");
	free(shown);
}
END_TEST

/* Every character that is left unchanged, one by one. None of them controls the terminal. */
START_TEST(no_control_character_is_left)
{
	unsigned hidden = 0;
	for (uint32_t c = 0; c < 0x110000; c++) {
		char bytes[4];
		if (c >= 0xd800 && c < 0xe000)
			continue;
		size_t size = utf8_write(bytes, c);
		bool shown = printable_length(bytes, size) == size;
		bool steers = c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
		              (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x206f);
		ck_assert_msg(!(steers && shown), "U+%04X", c);
		ck_assert_int_eq(shown, printable_character(c));
		hidden += !shown;
	}
	ck_assert_uint_lt(hidden, 110);
}
END_TEST

static const char *logged(const char *text)
{
	static char line[8192];
	char folder[FOLDER_PATH_SIZE], path[FOLDER_PATH_SIZE + 8];
	ck_assert(folder_create(folder));
	snprintf(path, sizeof path, "%s/log", folder);
	const struct log log = {.fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), .level = LOG_INFO};
	log_info(&log, "%s", text);
	close(log.fd);
	ck_assert(folder_read(folder, "log", line, sizeof line));
	ck_assert(folder_remove(folder));
	ck_assert_uint_gt(strlen(line), 30);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
	line[strlen(line) - 1] = '\0';
	return line + strlen("2026-11-28T07:30:00.000Z info ");
}

START_TEST(in_the_log)
{
	for (size_t i = 0; i < CASES; i++)
		ck_assert_str_eq(logged(cases[i].text), cases[i].shown);
}
END_TEST

START_TEST(a_long_line_is_cut_at_a_character)
{
	for (size_t offset = 0; offset < 4; offset++) {
		char text[8192];
		memset(text, 'a', sizeof text);
		for (size_t i = offset; i + 3 < sizeof text; i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		text[sizeof text - 1] = '\0';
		const char *line = logged(text);
		size_t length = strlen(line);
		ck_assert_uint_gt(length, 2000);
		ck_assert_str_eq(line + length - 3, "...");
		ck_assert_uint_eq(printable_length(line, length), length);
		ck_assert_ptr_null(strchr(line, '\\'));
	}
	/* The same for text that grows by its escapes. */
	char text[2000];
	memset(text, 0x1b, sizeof text);
	text[sizeof text - 1] = '\0';
	const char *line = logged(text);
	ck_assert_uint_lt(strlen(line), 4096);
	ck_assert_str_eq(line + strlen(line) - 7, "\\x1b...");
}
END_TEST

START_TEST(in_json)
{
	char folder[FOLDER_PATH_SIZE], path[FOLDER_PATH_SIZE + 8], text[8192];
	ck_assert(folder_create(folder));
	snprintf(path, sizeof path, "%s/json", folder);
	json_t *array = json_array();
	for (size_t i = 0; i < CASES; i++)
		ck_assert_int_eq(json_array_append_new(array, json_text(cases[i].text)), 0);
	fflush(stdout);
	int before = dup(STDOUT_FILENO), file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(dup2(file, STDOUT_FILENO), STDOUT_FILENO);
	bool good = json_print(array) && fflush(stdout) == 0;
	ck_assert_int_eq(dup2(before, STDOUT_FILENO), STDOUT_FILENO);
	ck_assert(good);
	close(before);
	close(file);
	ck_assert(folder_read(folder, "json", text, sizeof text));
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		ck_assert_uint_eq(printable_length(line, strcspn(line, "\n")), strcspn(line, "\n"));
	/* The escaped text has the same meaning. */
	json_t *read = json_loads(text, 0, NULL);
	ck_assert(json_equal(read, array));
	json_decref(read);
	json_decref(array);
	ck_assert(folder_remove(folder));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		on_a_terminal, in_columns, no_control_character_is_left, in_the_log, a_long_line_is_cut_at_a_character,
		in_json};
	return suite_run("printable", tests, sizeof tests / sizeof tests[0], 60);
}
