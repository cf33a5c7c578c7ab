/* SPDX-License-Identifier: Apache-2.0
 * An upload counts as read to its end only if exactly its bytes were received, as they are stored. Each failure is
 * named. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/content/content.h"
#include "tests/harness/raw_server.h"

#define SECRET "s3cret"
#define OK "HTTP/1.1 200 OK\r\n"
#define TEN "0123456789"

static struct raw_server server;
static const struct content_options plain;

static void start(void)
{
	raw_server_start(&server);
}

static void stop(void)
{
	raw_server_stop(&server);
}

/* Reads to the end or, with `stops`, until the announced number of bytes was received. Returns the number of bytes;
 * -1: an error. */
static int64_t read_to(struct content *content, int64_t expected, bool stops)
{
	int64_t sum = 0;
	const void *bytes;
	while (!stops || sum < expected) {
		ssize_t length = content_read(content, &bytes);
		if (length < 0)
			return -1;
		if (length == 0)
			break;
		sum += length;
		ck_assert_msg(expected < 0 || sum <= expected, "%lld bytes of %lld", (long long)sum, (long long)expected);
	}
	return sum;
}

static int64_t fetch(struct content *content, int64_t expected, bool stops)
{
	char url[128];
	snprintf(url, sizeof url, "http://127.0.0.1:%u/" SECRET, server.port);
	content_open(content, url, expected, 0, -1);
	return read_to(content, expected, stops);
}

static const struct {
	const char *answer;
	int64_t expected;
	const char *error;
} refused[] = {
	/* Wrong lengths. */
	{OK "Content-Length: 11\r\n\r\n" TEN "x", 10, "it has 11 bytes, but the upload has 10"},
	{OK "Content-Length: 9\r\n\r\n012345678", 10, "it has 9 bytes, but the upload has 10"},
	{OK "Content-Length: 1\r\n\r\nx", 0, "it has 1 bytes, but the upload has 0"},
	{OK "Content-Length: 0\r\n\r\n", 10, "it has 0 bytes, but the upload has 10"},
	{OK "Transfer-Encoding: chunked\r\n\r\nb\r\n" TEN "x\r\n0\r\n\r\n", 10, "more bytes than the upload (10)"},
	{OK "Transfer-Encoding: chunked\r\n\r\na\r\n" TEN "\r\n1\r\nx\r\n0\r\n\r\n", 10, "more bytes than the upload (10)"},
	{OK "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 0, "more bytes than the upload (0)"},
	{OK "Transfer-Encoding: chunked\r\n\r\n9\r\n012345678\r\n0\r\n\r\n", 10, "only 9 of the upload's 10 bytes arrived"},
	{OK "\r\n" TEN "x", 10, "more bytes than the upload (10)"},
	{OK "\r\n012345678", 10, "only 9 of the upload's 10 bytes arrived"},
	{OK "Transfer-Encoding: chunked\r\n\r\na\r\n" TEN "\r\n", 10, "before all bytes had arrived"},
	/* No length. */
	{OK "Transfer-Encoding: chunked\r\n\r\na\r\n" TEN "\r\n0\r\n\r\n", -1, "the size of the upload is unknown"},
	{OK "\r\n" TEN, -1, "the size of the upload is unknown"},
	{OK "Content-Length: 10\r\n\r\n012345678", -1, "before all bytes had arrived"},
	/* Lengths that two readers may understand differently. */
	{OK "Content-Length: 10\r\nContent-Length: 11\r\n\r\n" TEN, 10, "it has two lengths (Content-Length: 11)"},
	{OK "Content-Length: 10, 10\r\n\r\n" TEN, 10, "its length is not a number"},
	{OK "Content-Length: +10\r\n\r\n" TEN, 10, "its length is not a number"},
	{OK "Content-Length: 0x0a\r\n\r\n" TEN, 10, "its length is not a number"},
	{OK "Content-Length: -1\r\n\r\n" TEN, -1, "Weird server reply"},
	{OK "Content-Length:\r\n\r\n" TEN, 10, "Weird server reply"},
	{OK "Content-Length: 99999999999999999999\r\n\r\n" TEN, 10, "its length is not a number"},
	{OK "Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" TEN "\r\n0\r\n\r\n", 10,
     "it has both Transfer-Encoding and Content-Length"},
	{OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" TEN "\r\n0\r\n\r\n", 10,
     "two transfer encodings"},
	{OK "X-Other: 1\r\n Content-Length: 10\r\n\r\n" TEN, 10, "an invalid header line"},
	{OK "Content-Encoding : gzip\r\nContent-Length: 10\r\n\r\n" TEN, 10, "an invalid header line"},
	{OK "nothing\r\nContent-Length: 10\r\n\r\n" TEN, 10, "Weird server reply"},
	/* Encoded. */
	{OK "Content-Encoding: deflate\r\nContent-Length: 10\r\n\r\n" TEN, 10, "not requested (Content-Encoding: deflate)"},
	{OK "content-encoding:GZIP\r\nContent-Length: 10\r\n\r\n" TEN, 10, "not requested (Content-Encoding: GZIP)"},
	{OK "Content-Encoding: identity, br\r\nContent-Length: 10\r\n\r\n" TEN, 10, "not requested (Content-Encoding: br)"},
	{OK "Content-Encoding: identity\r\nContent-Encoding: zstd\r\nContent-Length: 10\r\n\r\n" TEN, 10,
     "Content-Encoding: zstd"},
	{OK "Content-Encoding: aws-chunked\r\nContent-Length: 10\r\n\r\n" TEN, 10, "aws-chunked"},
	{OK "Content-Encoding: \x1b[31m\r\nContent-Length: 10\r\n\r\n" TEN, 10, "not requested (Content-Encoding)"},
	{OK "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 0, "Content-Encoding: gzip"},
	{OK "Transfer-Encoding: gzip, chunked\r\n\r\na\r\n" TEN "\r\n0\r\n\r\n", 10, "Transfer-Encoding: gzip"},
	{OK "Transfer-Encoding: deflate\r\n\r\n" TEN, 10, "Transfer-Encoding: deflate"},
	{OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\na\r\n" TEN "\r\n0\r\n\r\n", 10,
     "Transfer-Encoding: gzip"},
	/* Partial and other answers. */
	{OK "Content-Range: bytes 0-9/100\r\nContent-Length: 10\r\n\r\n" TEN, 10,
     "a part of the bytes (Content-Range: bytes)"},
	{"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/100\r\nContent-Length: 10\r\n\r\n" TEN, 10,
     "answered 206"},
	{"HTTP/1.1 203 Non-Authoritative\r\nContent-Length: 10\r\n\r\n" TEN, 10, "answered 203"},
	{"HTTP/1.1 302 Found\r\nLocation: /" SECRET "\r\nContent-Length: 0\r\n\r\n", 0, "redirects are not followed"},
	{"HTTP/1.1 500 Oops\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n" TEN, 10, "answered 500"},
	{"HTTP/1.1 100 Continue\r\nContent-Encoding: gzip\r\n\r\n" OK "Content-Length: 11\r\n\r\n" TEN "x", 10,
     "it has 11 bytes"},
	{"HTTP/1.1 2000 OK\r\nContent-Length: 10\r\n\r\n" TEN, 10, "broke"},
	{"", 10, "Server returned nothing"},
	{OK "Content-Length: 10\r\n", 10, "before all bytes had arrived"},
};

START_TEST(other_answers_are_refused)
{
	struct content *content = content_create(&plain);
	server.answer = refused[_i].answer;
	server.closes = true;
	for (int stops = 0; stops < 2; stops++) {
		/* A reader that stops after the last byte has received no byte too many. */
		if (stops == 1 && refused[_i].expected <= 0)
			break;
		int64_t got = fetch(content, refused[_i].expected, stops == 1);
		ck_assert_msg(got == -1, "%lld bytes of %s", (long long)got, refused[_i].answer);
		const char *error = content_error(content);
		ck_assert_msg(strstr(error, refused[_i].error) != NULL, "\"%s\" does not say \"%s\"", error, refused[_i].error);
		ck_assert_msg(strstr(error, SECRET) == NULL && strchr(error, '\x1b') == NULL, "%s", error);
	}
	content_destroy(content);
}
END_TEST

static const struct {
	const char *answer;
	int64_t expected, bytes;
} taken[] = {
	{OK "Content-Length: 10\r\n\r\n" TEN, 10, 10},
	{OK "Content-Length: 10\r\n\r\n" TEN, -1, 10},
	{OK "Content-Length: 0\r\n\r\n", 0, 0},
	{OK "Content-Length: 0\r\n\r\n", -1, 0},
	{OK "\r\n", 0, 0},
	{OK "\r\n" TEN, 10, 10},
	{OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0},
	{OK "Transfer-Encoding: Chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\nContent-Encoding: gzip\r\n\r\n", 10, 10},
	{OK "CONTENT-LENGTH:10\r\nContent-Length: 10\r\nContent-Encoding: Identity\r\n\r\n" TEN, 10, 10},
	{OK "Content-Encoding:\r\nContent-Length: 10\r\n\r\n" TEN, 10, 10},
	{"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n" TEN, 10, 10},
	{"HTTP/1.1 200\r\nContent-Length: 10\r\n\r\n" TEN, 10, 10},
	{"HTTP/1.1 100 Continue\r\nContent-Encoding: gzip\r\n\r\n" OK "Content-Length: 10\r\n\r\n" TEN, 10, 10},
	/* Bytes behind the announced ones are not part of the answer. */
	{OK "Content-Length: 10\r\n\r\n" TEN OK "Content-Length: 3\r\n\r\nbad", 10, 10},
};

START_TEST(the_upload_is_accepted)
{
	struct content *content = content_create(&plain);
	server.answer = taken[_i].answer;
	server.closes = true;
	/* Twice: bytes that were left over are not the beginning of the next answer. */
	for (int i = 0; i < 2; i++) {
		int64_t got = fetch(content, taken[_i].expected, false);
		ck_assert_msg(got == taken[_i].bytes, "%lld: %s", (long long)got, content_error(content));
	}
	ck_assert_uint_eq(atomic_load(&server.requests), 2);
	content_destroy(content);
}
END_TEST

/* The same on a kept connection. */
START_TEST(left_over_bytes_are_no_answer)
{
	struct content *content = content_create(&plain);
	server.answer = OK "Content-Length: 10\r\n\r\n" TEN OK "Content-Length: 3\r\n\r\nbad";
	ck_assert_int_eq(fetch(content, 10, false), 10);
	server.answer = OK "Content-Length: 3\r\n\r\nabc";
	const void *bytes;
	char url[128];
	snprintf(url, sizeof url, "http://127.0.0.1:%u/", server.port);
	content_open(content, url, 3, 0, -1);
	ck_assert_int_eq(content_read(content, &bytes), 3);
	ck_assert_mem_eq(bytes, "abc", 3);
	content_destroy(content);
}
END_TEST

#define LINE_SIZE 200500

/* Up to 200,000 characters. The server may still send it after the test has ended: pass a buffer that stays. */
static const char *line_of(char text[LINE_SIZE], size_t length)
{
	static const char head[] = OK "X-Long: ", tail[] = "\r\nContent-Length: 10\r\n\r\n" TEN;
	ck_assert_uint_le(sizeof head + length + sizeof tail, LINE_SIZE);
	memcpy(text, head, sizeof head - 1);
	memset(text + sizeof head - 1, 'x', length);
	memcpy(text + sizeof head - 1 + length, tail, sizeof tail);
	return text;
}

START_TEST(endless_heads_are_named)
{
	struct content *content = content_create(&plain);
	static char text[3][LINE_SIZE];
	server.answer = line_of(text[0], 200000);
	server.closes = true;
	ck_assert_int_eq(fetch(content, 10, false), -1);
	ck_assert_msg(strstr(content_error(content), "a header line is longer than 100 KB") != NULL, "%s",
	              content_error(content));
	server.answer = line_of(text[1], 70000);
	ck_assert_int_eq(fetch(content, 10, false), -1);
	ck_assert_msg(strstr(content_error(content), "its headers are longer than 64 KiB") != NULL, "%s",
	              content_error(content));
	server.answer = line_of(text[2], 60000);
	ck_assert_int_eq(fetch(content, 10, false), 10);
	content_destroy(content);
}
END_TEST

/* Takes all descriptors but the given number. */
static void leave_descriptors(int left)
{
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int next = dup(0);
	ck_assert_int_ge(next, 0);
	close(next);
	limit.rlim_cur = (rlim_t)(next + left);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void give_descriptors(void)
{
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(lack_of_descriptors_is_named)
{
	static const struct {
		const char *url, *error;
	} at[] = {
		{"http://127.0.0.1:1/", "no file descriptors left"},
		{"http://localhost:1/", "no file descriptors left"},
		{"http://127.0.0.1:1/", "Connection refused"},
	};
	struct content *content = content_create(&plain);
	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		if (i < 2)
			leave_descriptors(0);
		content_open(content, at[i].url, 10, 0, -1);
		int64_t got = read_to(content, 10, false);
		give_descriptors();
		ck_assert_int_eq(got, -1);
		ck_assert_msg(strstr(content_error(content), at[i].error) != NULL, "%s", content_error(content));
	}
	content_destroy(content);
}
END_TEST

static int64_t read_file(struct content *content, const char *path, int64_t expected, bool stops)
{
	char url[128];
	snprintf(url, sizeof url, "file://%s", path);
	content_open(content, url, expected, 0, -1);
	return read_to(content, expected, stops);
}

START_TEST(files_have_the_announced_size)
{
	char folder[] = "/tmp/pp-exact-XXXXXX", path[64];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	char *const roots[] = {folder, NULL};
	const struct content_options options = {.file_roots = roots};
	struct content *content = content_create(&options);
	snprintf(path, sizeof path, "%s/file", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, TEN, 10), 10);
	ck_assert_int_eq(read_file(content, path, 10, false), 10);
	ck_assert_int_eq(read_file(content, path, -1, false), 10);
	ck_assert_int_eq(read_file(content, path, 9, true), -1);
	ck_assert_msg(strstr(content_error(content), "the file has 10 bytes, but the upload has 9") != NULL, "%s",
	              content_error(content));
	ck_assert_int_eq(read_file(content, path, 0, false), -1);
	/* A file that grows after it was opened. */
	char url[128];
	snprintf(url, sizeof url, "file://%s", path);
	content_open(content, url, 10, 0, -1);
	ck_assert_int_eq(pwrite(fd, "x", 1, 10), 1);
	ck_assert_int_eq(read_to(content, 10, true), -1);
	ck_assert_msg(strstr(content_error(content), "more bytes than the upload (10)") != NULL, "%s",
	              content_error(content));
	/* By a large amount. */
	ck_assert_int_eq(ftruncate(fd, 10), 0);
	content_open(content, url, 10, 0, -1);
	ck_assert_int_eq(ftruncate(fd, 1000000), 0);
	ck_assert_int_eq(read_to(content, 10, true), -1);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(read_file(content, path, 0, false), 0);
	close(fd);
	unlink(path);
	rmdir(folder);
	content_destroy(content);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("content, exactly");
	TCase *http = tcase_create("http"), *file = tcase_create("file");
	tcase_add_checked_fixture(http, start, stop);
	tcase_add_loop_test(http, other_answers_are_refused, 0, (int)(sizeof refused / sizeof refused[0]));
	tcase_add_loop_test(http, the_upload_is_accepted, 0, (int)(sizeof taken / sizeof taken[0]));
	tcase_add_test(http, left_over_bytes_are_no_answer);
	tcase_add_test(http, endless_heads_are_named);
	tcase_add_test(http, lack_of_descriptors_is_named);
	suite_add_tcase(suite, http);
	tcase_add_test(file, files_have_the_announced_size);
	suite_add_tcase(suite, file);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
