/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/content/content.h"
#include "tests/harness/certificate.h"
#include "tests/harness/storage_server.h"

#define TOKEN "?token=s3cret"
#define MEGABYTE ((int64_t)1024 * 1024)

static struct storage_server server;
static char folder[] = "/tmp/pp-content-XXXXXX";

static const char *url_of(const char *path)
{
	static char url[256];
	snprintf(url, sizeof url, "http://127.0.0.1:%u%s%s", server.port, path, TOKEN);
	return url;
}

/* Reads to the end and compares each byte with the server's. Returns the number of bytes; -1: an error. */
static int64_t read_all(struct content *content)
{
	int64_t sum = 0;
	for (;;) {
		const void *bytes = NULL;
		ssize_t length = content_read(content, &bytes);
		if (length <= 0) {
			/* The error stays the same. */
			ck_assert_int_eq(content_read(content, &bytes), length);
			ck_assert_msg((length < 0) == (content_error(content)[0] != '\0'), "%zd, %s", length,
			              content_error(content));
			ck_assert_msg(strstr(content_error(content), "s3cret") == NULL, "%s", content_error(content));
			return length < 0 ? -1 : sum;
		}
		for (ssize_t i = 0; i < length; i++)
			if (((const unsigned char *)bytes)[i] != storage_server_byte((uint64_t)(sum + i)))
				ck_abort_msg("byte %lld is wrong", (long long)(sum + i));
		sum += length;
	}
}

static int64_t fetch(struct content *content, const char *path, int64_t expected)
{
	content_open(content, url_of(path), expected, 0, -1);
	return read_all(content);
}

static void assert_says(const struct content *content, const char *part)
{
	ck_assert_msg(strstr(content_error(content), part) != NULL, "\"%s\" does not say \"%s\"", content_error(content),
	              part);
}

static void start_server(void)
{
	storage_server_start(&server, FILE_SERVER_LOOPBACK, NULL, NULL);
}

static void stop_server(void)
{
	storage_server_stop(&server);
}

static const struct content_options plain;

START_TEST(bytes_come_as_they_are)
{
	struct content *content = content_create(&plain);
	ck_assert_int_eq(fetch(content, "/ok/10240", 10240), 10240);
	ck_assert_int_eq(fetch(content, "/ok/0", 0), 0);
	ck_assert_msg(fetch(content, "/ok/5000000", 5000000) == 5000000, "%s", content_error(content));
	ck_assert_int_eq(fetch(content, "/chunked/3000001", 3000001), 3000001);
	ck_assert(atomic_load(&server.identity_asked));
	content_destroy(content);
}
END_TEST

START_TEST(connections_are_kept)
{
	struct content *content = content_create(&plain);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(fetch(content, "/ok/10240", 10240), 10240);
	ck_assert_uint_eq(atomic_load(&server.requests), 50);
	ck_assert_uint_eq(atomic_load(&server.connections), 1);
	/* A connection that was left in the middle of an answer is not used again. */
	const void *bytes;
	content_open(content, url_of("/ok/50000000"), 50000000, 0, -1);
	ck_assert_int_gt(content_read(content, &bytes), 0);
	content_close(content);
	ck_assert_int_eq(fetch(content, "/ok/7", 7), 7);
	ck_assert_uint_eq(atomic_load(&server.connections), 2);
	content_destroy(content);
}
END_TEST

static const struct {
	const char *path;
	int64_t expected;
	const char *error;
} failing[] = {
	{"/status/404", 0, "answered 404"},
	{"/status/410", 0, "answered 410"},
	{"/status/500", 0, "answered 500"},
	{"/status/403", 0, "expired"},
	{"/status/206", 0, "answered 206"},
	{"/status/204", 0, "answered 204"},
	{"/status/302", 0, "redirects are not followed"},
	{"/cut/1000", 1000, "before all bytes had arrived"},
	{"/cut/9000000", 9000000, "before all bytes had arrived"},
	{"/cut-chunked/9000000", 9000000, "before all bytes had arrived"},
	{"/ok/1000", 1001, "it has 1000 bytes, but the upload has 1001"},
	{"/ok/0", 1, "it has 0 bytes, but the upload has 1"},
	{"/chunked/1000", 2000, "only 1000 of the upload's 2000 bytes"},
};

START_TEST(failures_are_named)
{
	struct content *content = content_create(&plain);
	ck_assert_int_eq(fetch(content, failing[_i].path, failing[_i].expected), -1);
	assert_says(content, failing[_i].error);
	bool gone = strstr(failing[_i].error, "404") != NULL || strstr(failing[_i].error, "410") != NULL;
	ck_assert(content_gone(content) == gone);
	ck_assert_int_eq(fetch(content, "/ok/10", 10), 10);
	ck_assert(!content_gone(content));
	ck_assert_str_eq(content_error(content), "");
	content_destroy(content);
}
END_TEST

START_TEST(no_byte_of_an_error_page)
{
	struct content *content = content_create(&plain);
	const void *bytes = NULL;
	content_open(content, url_of("/status/404"), 0, 0, -1);
	ck_assert_int_eq(content_read(content, &bytes), -1);
	ck_assert_ptr_null(bytes);
	content_destroy(content);
}
END_TEST

static const struct {
	const char *url, *error;
} refused[] = {
	{"http://127.0.0.1:1/secret-path?token=s3cret", "127.0.0.1:1: Connection refused"},
	{"ftp://127.0.0.1/s3cret", "not an http, https or file URL"},
	{"gopher://127.0.0.1/s3cret", "not an http, https or file URL"},
	{"s3cret", "not an http, https or file URL"},
	{"", "not an http, https or file URL"},
	{"http://", "malformed"},
	{"http://host:99999/s3cret", "malformed"},
	{"http://ho st/s3cret", "malformed"},
	{"file:///etc/passwd", "not in any folder"},
};

START_TEST(bad_urls_are_refused)
{
	struct content *content = content_create(&plain);
	content_open(content, refused[_i].url, 0, 0, -1);
	ck_assert_int_eq(read_all(content), -1);
	assert_says(content, refused[_i].error);
	content_destroy(content);
}
END_TEST

START_TEST(endless_url_is_refused)
{
	static char url[100000];
	memset(url, 'a', sizeof url - 1);
	memcpy(url, "http://", 7);
	struct content *content = content_create(&plain);
	content_open(content, url, 0, 0, -1);
	ck_assert_int_eq(read_all(content), -1);
	assert_says(content, "longer than");
	content_destroy(content);
}
END_TEST

START_TEST(proxies_of_the_environment_are_ignored)
{
	ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	ck_assert_int_eq(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	struct content *content = content_create(&plain);
	ck_assert_int_eq(fetch(content, "/ok/10", 10), 10);
	content_destroy(content);
}
END_TEST

START_TEST(stalls_end)
{
	struct content_options options = {.stall = 200 * MILLISECOND};
	struct content *content = content_create(&options);
	ck_assert_int_eq(fetch(content, "/stall/1000", 1000), -1);
	assert_says(content, "sent nothing for 200ms");
	ck_assert_int_eq(fetch(content, "/silent", 0), -1);
	assert_says(content, "sent nothing for 200ms");
	content_destroy(content);
}
END_TEST

START_TEST(deadline_ends_reading)
{
	struct content *content = content_create(&plain);
	nanos start = clock_monotonic();
	content_open(content, url_of("/stall/1000"), 1000, clock_now() + 200 * MILLISECOND, -1);
	ck_assert_int_eq(read_all(content), -1);
	assert_says(content, "deadline");
	ck_assert_int_lt(clock_monotonic() - start, 20 * SECOND);
	/* The deadline also ends a source that always delivers at once. */
	content_open(content, url_of("/ok/900000000000"), -1, clock_now() + 200 * MILLISECOND, -1);
	ck_assert_int_eq(read_all(content), -1);
	assert_says(content, "deadline");
	content_destroy(content);
}
END_TEST

START_TEST(cancellation_ends_reading)
{
	int cancel[2];
	struct content *content = content_create(&plain);
	ck_assert_int_eq(pipe(cancel), 0);
	const void *bytes;
	content_open(content, url_of("/stall/1000"), 1000, 0, cancel[0]);
	int64_t seen = 0;
	while (seen < 500) {
		ssize_t length = content_read(content, &bytes);
		ck_assert_int_gt(length, 0);
		seen += length;
	}
	ck_assert_int_eq(write(cancel[1], "", 1), 1);
	ck_assert_int_eq(content_read(content, &bytes), -1);
	assert_says(content, "cancelled");
	content_open(content, url_of("/ok/900000000000"), -1, 0, cancel[0]);
	ck_assert_int_eq(read_all(content), -1);
	assert_says(content, "cancelled");
	content_destroy(content);
}
END_TEST

static long peak_memory(void)
{
	struct rusage usage;
	ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss; /* KiB */
}

START_TEST(memory_does_not_grow_with_the_file)
{
	struct content *content = content_create(&plain);
	ck_assert_int_eq(fetch(content, "/ok/2000000", -1), 2000000);
	ck_assert_int_eq(fetch(content, "/chunked/2000000", 2000000), 2000000);
	long before = peak_memory();
	ck_assert_int_eq(fetch(content, "/ok/314572800", 300 * MEGABYTE), 300 * MEGABYTE);
	ck_assert_int_eq(fetch(content, "/chunked/52428800", 50 * MEGABYTE), 50 * MEGABYTE);
#ifndef __SANITIZE_ADDRESS__ /* The allocator keeps what was freed, above all libmicrohttpd's blocks. */
	ck_assert_int_lt(peak_memory() - before, 4096);
#else
	ck_assert_int_gt(before, 0);
#endif
	content_destroy(content);
}
END_TEST

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static int64_t fetch_tls(const struct content_options *options, const char *host, const char *error)
{
	char url[128];
	struct content *content = content_create(options);
	snprintf(url, sizeof url, "https://%s:%u/ok/1000000%s", host, server.port, TOKEN);
	content_open(content, url, 1000000, 0, -1);
	int64_t length = read_all(content);
	if (length < 0)
		assert_says(content, error);
	content_destroy(content);
	return length;
}

START_TEST(certificates_are_verified)
{
	static char path[] = "/tmp/pp-content-ca-XXXXXX", missing[] = "/nonexistent/ca.pem";
	char certificate[PEM_SIZE], key[PEM_SIZE];
	certificate_make(certificate, key);
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(close(fd), 0);
	write_text(path, certificate);
	storage_server_stop(&server);
	storage_server_start(&server, FILE_SERVER_LOOPBACK, certificate, key);
	const struct content_options insecure = {.tls_insecure = true}, trusting = {.ca_file = path},
								 wrong = {.ca_file = missing};
	/* A machine without any certificates trusts no server either. */
	bool some = access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0;
	ck_assert_int_eq(fetch_tls(&plain, "127.0.0.1", some ? "is not trusted" : "install ca-certificates"), -1);
	ck_assert_int_eq(fetch_tls(&insecure, "127.0.0.1", ""), 1000000);
	ck_assert_int_eq(fetch_tls(&trusting, "127.0.0.1", ""), 1000000);
	ck_assert_int_eq(fetch_tls(&trusting, "localhost", "is not trusted"), -1);
	ck_assert_int_eq(fetch_tls(&wrong, "127.0.0.1", "ca_file"), -1);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static char *const roots[] = {(char *)(uintptr_t) "/nonexistent", folder, NULL};
static const struct content_options filed = {.file_roots = roots};

static void write_file(const char *name, size_t size)
{
	char path[128];
	snprintf(path, sizeof path, "%s%s", folder, name);
	FILE *file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < size; i++)
		fputc(storage_server_byte(i), file);
	ck_assert_int_eq(fclose(file), 0);
}

static void make_link(const char *target, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	ck_assert_int_eq(symlink(target, path), 0);
}

/* FOLDER is the allowed folder, FOLDER-outside the one beside it. */
static void make_files(void)
{
	char path[128];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/sub", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/fifo", folder);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	write_file("/small", 1000);
	write_file("/large", 700000);
	write_file("/sub/a b%\xc3\xbc?#", 10);
	write_file("-outside", 10);
	snprintf(path, sizeof path, "%s-outside", folder);
	make_link(path, "absolute");
	snprintf(path, sizeof path, "..%s-outside", strrchr(folder, '/'));
	make_link(path, "relative");
	make_link("../small", "sub/inside");
	make_link("loop", "loop");
	make_link("/", "root");
}

static void remove_files(void)
{
	static const char *const name[] = {"/small",      "/large",    "/sub/a b%\xc3\xbc?#",
	                                   "-outside",    "/absolute", "/relative",
	                                   "/sub/inside", "/loop",     "/root",
	                                   "/fifo",       "/sub",      ""};
	for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s%s", folder, name[i]);
		remove(path);
	}
}

static int64_t read_path(struct content *content, const char *host, const char *path, int64_t expected)
{
	char url[256];
	snprintf(url, sizeof url, "file://%s%s%s", host, folder, path);
	content_open(content, url, expected, 0, -1);
	return read_all(content);
}

START_TEST(files_inside_are_read)
{
	struct content *content = content_create(&filed);
	ck_assert_int_eq(read_path(content, "", "/small", 1000), 1000);
	ck_assert_int_eq(read_path(content, "localhost", "/large", -1), 700000);
	ck_assert_int_eq(read_path(content, "", "/sub/a%20b%25%c3%BC%3F%23", 10), 10);
	ck_assert_int_eq(read_path(content, "", "/sub/../small", 1000), 1000);
	ck_assert_int_eq(read_path(content, "", "//sub/inside", -1), 1000);
	ck_assert_int_eq(read_path(content, "", "/small", 1001), -1);
	assert_says(content, "the file has 1000 bytes, but the upload has 1001");
	content_destroy(content);
}
END_TEST

static const struct {
	const char *host, *path, *error;
} outside[] = {
	{"", "/absolute", "leads outside"},
	{"", "/relative", "leads outside"},
	{"", "/root/etc/passwd", "leads outside"},
	{"", "/loop", "leads outside"},
	{"", "/../../etc/passwd", "leads outside"},
	{"", "/%2e%2e/%2e%2e/etc/passwd", "leads outside"},
	{"", "/sub/../../../etc/passwd", "leads outside"},
	{"", "-outside", "not in any folder"},
	{"", "", "not in any folder"},
	{"", "/", "not in any folder"},
	{"", "/fifo", "not name a regular file"},
	{"", "/sub", "not name a regular file"},
	{"", "/missing", "No such file"},
	{"", "/small%00", "percent"},
	{"", "/small%", "percent"},
	{"", "/small%4", "percent"},
	{"", "/small%zz", "percent"},
	{"", "/small?x", "cannot have a query"},
	{"", "/small#x", "cannot have a query"},
	{"elsewhere", "/small", "three slashes"},
};

START_TEST(files_outside_are_refused)
{
	struct content *content = content_create(&filed);
	ck_assert_int_eq(read_path(content, outside[_i].host, outside[_i].path, 0), -1);
	assert_says(content, outside[_i].error);
	ck_assert_ptr_null(strstr(content_error(content), folder));
	content_destroy(content);
}
END_TEST

START_TEST(file_cut_short_while_read_is_an_error)
{
	char path[128], url[160];
	struct content *content = content_create(&filed);
	write_file("/cut", 600000);
	snprintf(path, sizeof path, "%s/cut", folder);
	snprintf(url, sizeof url, "file://%s", path);
	content_open(content, url, 600000, 0, -1);
	const void *bytes;
	ck_assert_int_gt(content_read(content, &bytes), 0);
	ck_assert_int_eq(truncate(path, 10), 0);
	ssize_t length;
	while ((length = content_read(content, &bytes)) > 0)
		;
	ck_assert_int_eq(length, -1);
	assert_says(content, "of the upload's 600000 bytes");
	ck_assert_int_eq(unlink(path), 0);
	content_destroy(content);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("content");
	TCase *http = tcase_create("http"), *file = tcase_create("file");
	tcase_set_timeout(http, 120);
	tcase_add_checked_fixture(http, start_server, stop_server);
	tcase_add_test(http, bytes_come_as_they_are);
	tcase_add_test(http, connections_are_kept);
	tcase_add_loop_test(http, failures_are_named, 0, (int)(sizeof failing / sizeof failing[0]));
	tcase_add_test(http, no_byte_of_an_error_page);
	tcase_add_loop_test(http, bad_urls_are_refused, 0, (int)(sizeof refused / sizeof refused[0]));
	tcase_add_test(http, endless_url_is_refused);
	tcase_add_test(http, proxies_of_the_environment_are_ignored);
	tcase_add_test(http, stalls_end);
	tcase_add_test(http, deadline_ends_reading);
	tcase_add_test(http, cancellation_ends_reading);
	tcase_add_test(http, memory_does_not_grow_with_the_file);
	tcase_add_test(http, certificates_are_verified);
	suite_add_tcase(suite, http);
	tcase_add_unchecked_fixture(file, make_files, remove_files);
	tcase_add_test(file, files_inside_are_read);
	tcase_add_loop_test(file, files_outside_are_refused, 0, (int)(sizeof outside / sizeof outside[0]));
	tcase_add_test(file, file_cut_short_while_read_is_an_error);
	suite_add_tcase(suite, file);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(make_suite());
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
