/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/http/file_server.h"
#include "tests/harness/fetch.h"
#include "tests/harness/folder.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

#define LARGE (3 * 1024 * 1024 + 17)

struct scene {
	struct file_server *server;
	char folder[FOLDER_PATH_SIZE];
	char path[FOLDER_PATH_SIZE + 16];
	char why[256];
};

static void scene_start(struct scene *scene)
{
	ck_assert(folder_create(scene->folder));
	snprintf(scene->path, sizeof scene->path, "%s/file", scene->folder);
	scene->server = file_server_start(NULL, NULL, scene->why, sizeof scene->why);
	ck_assert_msg(scene->server != NULL, "%s", scene->why);
}

static void scene_end(struct scene *scene)
{
	file_server_stop(scene->server);
	ck_assert(folder_remove(scene->folder));
}

static bool scene_add(struct scene *scene, char url[FILE_URL_SIZE], int64_t *length)
{
	return file_server_add(scene->server, scene->path, url, length, scene->why, sizeof scene->why);
}

static int open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(folder);
	int count = 0;
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

static bool descriptors_are(void *closure)
{
	return open_descriptors() == *(int *)closure;
}

/* Fills a buffer with bytes that do not repeat at intervals near a page's size. */
static unsigned char *make_bytes(size_t length)
{
	unsigned char *bytes = malloc(length);
	ck_assert_ptr_nonnull(bytes);
	uint64_t state = 88172645463325252u;
	for (size_t i = 0; i < length; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		bytes[i] = (unsigned char)state;
	}
	return bytes;
}

START_TEST(a_file_is_served_until_the_server_stops)
{
	struct scene scene;
	int before = open_descriptors();
	scene_start(&scene);
	ck_assert(folder_write(scene.folder, "file", "hello\0you", 9));
	char url[FILE_URL_SIZE], other[FILE_URL_SIZE];
	int64_t length = 0;
	ck_assert(scene_add(&scene, url, &length));
	ck_assert_int_eq(length, 9);
	ck_assert_int_eq(strncmp(url, "http://127.0.0.1:", 17), 0);
	ck_assert_uint_eq(strspn(strrchr(url, '/') + 1, "0123456789abcdef"), 32);
	ck_assert(scene_add(&scene, other, &length));
	ck_assert_str_ne(url, other);
	struct fetch fetch;
	for (int i = 0; i < 2; i++) {
		fetch_url(&fetch, url, NULL, NULL);
		ck_assert_int_eq(fetch.status, 200);
		ck_assert_uint_eq(fetch.length, 9);
		ck_assert_mem_eq(fetch.body, "hello\0you", 9);
	}
	fetch_url(&fetch, url, "HEAD", NULL);
	ck_assert_int_eq(fetch.status, 200);
	fetch_url(&fetch, other, NULL, NULL);
	ck_assert_int_eq(fetch.status, 200);
	scene_end(&scene);
	ck_assert_msg(wait_until(descriptors_are, &before, TEST_LIMIT), "descriptors leak");
}
END_TEST

START_TEST(each_transfer_has_another_part)
{
	struct scene scene;
	scene_start(&scene);
	unsigned char *bytes = make_bytes(100);
	ck_assert(folder_write(scene.folder, "file", (const char *)bytes, 100));
	char url[FILE_URL_SIZE], other[FILE_URL_SIZE];
	int64_t length;
	ck_assert(scene_add(&scene, url, &length) && scene_add(&scene, other, &length));
	ck_assert_uint_eq(file_server_vary(scene.server, "http://127.0.0.1/data/0", 10), 0);
	ck_assert_uint_eq(file_server_vary(scene.server, url, 101), 0);
	ck_assert_uint_eq(file_server_vary(scene.server, url, 60), 3);
	struct fetch fetch;
	for (size_t i = 0; i < 7; i++) {
		fetch_url(&fetch, url, NULL, NULL);
		ck_assert_int_eq(fetch.status, 200);
		ck_assert_uint_eq(fetch.length, 60);
		ck_assert_mem_eq(fetch.body, bytes + i % 3 * FILE_SHIFT, 60);
	}
	fetch_url(&fetch, other, NULL, NULL);
	ck_assert_uint_eq(fetch.length, 100);
	free(bytes);
	scene_end(&scene);
}
END_TEST

START_TEST(other_files_are_not_served)
{
	struct scene scene;
	scene_start(&scene);
	ck_assert(folder_write(scene.folder, "file", "hello", 5));
	char url[FILE_URL_SIZE], wrong[2 * FILE_URL_SIZE];
	int64_t length;
	ck_assert(scene_add(&scene, url, &length));
	struct fetch fetch;
	char *token = strrchr(url, '/') + 1;
	int base = (int)(strstr(url, "/data/") - url);
	const char *const path[] = {
		"", "/", "/data", "/data/", "/data/00000000000000000000000000000000", "/data/../../etc/passwd"};
	for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
		snprintf(wrong, sizeof wrong, "%.*s%s", base, url, path[i]);
		fetch_url(&fetch, wrong, NULL, NULL);
		ck_assert_msg(fetch.status == 404, "%s: %ld", wrong, fetch.status);
	}
	snprintf(wrong, sizeof wrong, "%s0", url);
	fetch_url(&fetch, wrong, NULL, NULL);
	ck_assert_int_eq(fetch.status, 404);
	fetch_url(&fetch, url, "PUT", NULL);
	ck_assert_int_eq(fetch.status, 405);
	token[31] = token[31] == '0' ? '1' : '0';
	fetch_url(&fetch, url, NULL, NULL);
	ck_assert_int_eq(fetch.status, 404);
	scene_end(&scene);
}
END_TEST

START_TEST(only_regular_files_are_taken)
{
	struct scene scene;
	scene_start(&scene);
	char url[FILE_URL_SIZE];
	int64_t length;
	ck_assert(!scene_add(&scene, url, &length));
	ck_assert_ptr_nonnull(strstr(scene.why, "No such file"));
	ck_assert_int_eq(mkfifo(scene.path, 0600), 0);
	ck_assert(!scene_add(&scene, url, &length));
	ck_assert_ptr_nonnull(strstr(scene.why, "not a regular file"));
	ck_assert(!file_server_add(scene.server, scene.folder, url, &length, scene.why, sizeof scene.why));
	ck_assert_ptr_nonnull(strstr(scene.why, scene.folder));
	scene_end(&scene);
}
END_TEST

struct download {
	char url[FILE_URL_SIZE];
	struct fetch fetch;
};

static void *download_file(void *closure)
{
	struct download *download = closure;
	fetch_url(&download->fetch, download->url, NULL, NULL);
	return NULL;
}

START_TEST(large_files_arrive_whole_side_by_side)
{
	struct scene scene;
	scene_start(&scene);
	unsigned char *bytes = make_bytes(LARGE);
	ck_assert(folder_write(scene.folder, "file", bytes, LARGE));
	uint64_t checksum = fetch_checksum(FETCH_CHECKSUM_START, bytes, LARGE);
	free(bytes);
	struct download download[4];
	pthread_t thread[4];
	int64_t length;
	ck_assert(scene_add(&scene, download[0].url, &length));
	ck_assert_int_eq(length, LARGE);
	/* The file may be unlinked: the file that was added is served. */
	ck_assert_int_eq(unlink(scene.path), 0);
	for (size_t i = 0; i < 4; i++) {
		memmove(download[i].url, download[0].url, FILE_URL_SIZE);
		ck_assert_int_eq(pthread_create(&thread[i], NULL, download_file, &download[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		ck_assert_int_eq(download[i].fetch.status, 200);
		ck_assert_uint_eq(download[i].fetch.length, LARGE);
		ck_assert_uint_eq(download[i].fetch.checksum, checksum);
	}
	scene_end(&scene);
}
END_TEST

START_TEST(an_address_in_use_is_reported)
{
	struct scene scene;
	scene_start(&scene);
	char url[FILE_URL_SIZE], addr[FILE_URL_SIZE];
	int64_t length;
	ck_assert(folder_write(scene.folder, "file", "", 0));
	ck_assert(scene_add(&scene, url, &length));
	struct fetch fetch;
	fetch_url(&fetch, url, NULL, NULL);
	ck_assert_int_eq(fetch.status, 200);
	ck_assert_uint_eq(fetch.length, 0);
	snprintf(addr, sizeof addr, "%s", url + strlen("http://"));
	*strchr(addr, '/') = '\0';
	ck_assert_ptr_null(file_server_start(addr, NULL, scene.why, sizeof scene.why));
	ck_assert_ptr_nonnull(strstr(scene.why, addr));
	scene_end(&scene);
}
END_TEST

/* An address that stands for all addresses is not one to fetch from. */
START_TEST(others_can_reach_the_url)
{
	static const char *const everywhere[] = {"0.0.0.0:0", ":0", "[::]:0", "[::ffff:0.0.0.0]:0", "0:0"};
	static const char *const wrong[] = {"",           "http://",    "http:///x",    "http://:80",
	                                    "ftp://a",    "a:80",       "http://u:p@a", "http://a?x",
	                                    "http://a#x", "http://a b", "http://a\n",   "http://a\xe2\x80\xae"};
	char why[512], url[FILE_URL_SIZE], end[FILE_URL_SIZE];
	int64_t length;
	for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++) {
		ck_assert_msg(file_server_start(everywhere[i], NULL, why, sizeof why) == NULL, "%s", everywhere[i]);
		ck_assert_msg(strstr(why, "files cannot be fetched from it") != NULL, "%s", why);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_msg(file_server_start("0.0.0.0:0", wrong[i], why, sizeof why) == NULL, "%s", wrong[i]);
	struct file_server *server =
		file_server_start("0.0.0.0:0", "https://files.example.org:8443/a/b//", why, sizeof why);
	ck_assert_msg(server != NULL, "%s", why);
	ck_assert(file_server_add(server, "/etc/passwd", url, &length, why, sizeof why));
	ck_assert_int_eq(sscanf(url, "https://files.example.org:8443/a/b/data/%[0-9a-f]", end), 1);
	ck_assert_uint_eq(strlen(end), 32);
	file_server_stop(server);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_file_is_served_until_the_server_stops,
	                              each_transfer_has_another_part,
	                              other_files_are_not_served,
	                              only_regular_files_are_taken,
	                              large_files_arrive_whole_side_by_side,
	                              an_address_in_use_is_reported,
	                              others_can_reach_the_url};
	return suite_run("file_server", tests, sizeof tests / sizeof tests[0], 60);
}
