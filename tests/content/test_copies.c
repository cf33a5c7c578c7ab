/* SPDX-License-Identifier: Apache-2.0
 * The copies of uploads: what they hold, when they end, and their limits. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/content/copies.h"
#include "tests/harness/folder.h"
#include "tests/harness/storage_server.h"
#include "tests/harness/suite.h"

#define SMALL INT64_C(1000)
#define LARGE INT64_C(200000)

static struct storage_server server;
static char folder[FOLDER_PATH_SIZE], files[FOLDER_PATH_SIZE + 16];
static struct content_options options;
static struct content *reader;
static struct copies *copies;
static char error[COPY_ERROR_SIZE];
static bool gone;

static void setup(void)
{
	storage_server_start(&server, FILE_SERVER_LOOPBACK, NULL, NULL);
	ck_assert(folder_create(folder));
	snprintf(files, sizeof files, "%s/files", folder);
	options = (struct content_options){.copy_memory = SMALL, .copy_dir = files};
	reader = content_create(&options);
	copies = NULL;
}

static void teardown(void)
{
	copies_destroy(copies);
	content_destroy(reader);
	storage_server_stop(&server);
	folder_remove(folder);
}

static struct shared_copy *obtain_from(const char *id, const char *path, int64_t size, bool digest)
{
	char url[128];
	if (copies == NULL)
		copies = copies_create(&options);
	snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server.port, path);
	const struct copy_source source = {
		.id = id, .url = url, .size = size, .deadline = clock_now() + MINUTE, .cancel_fd = -1};
	return copies_obtain(copies, &source, reader, digest, &gone, error);
}

static struct shared_copy *obtain(const char *id, int64_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/ok/%lld", (long long)size);
	return obtain_from(id, path, size, false);
}

static void assert_usage(size_t count, int64_t memory, int64_t disk)
{
	struct copies_usage usage;
	copies_usage(copies, &usage);
	ck_assert_uint_eq(usage.count, count);
	ck_assert_int_eq(usage.bytes[COPY_IN_MEMORY], memory);
	ck_assert_int_eq(usage.bytes[COPY_ON_DISK], disk);
}

static void assert_bytes(const struct copy *copy, int64_t size)
{
	unsigned char byte;
	ck_assert_int_eq(copy_size(copy), size);
	for (int64_t i = 0; i < size; i += size / 50 + 1) {
		ck_assert_int_eq(copy_read(copy, &byte, 1, i), 1);
		ck_assert_uint_eq(byte, storage_server_byte((uint64_t)i));
	}
	ck_assert_int_eq(copy_read(copy, &byte, 1, size), 0);
}

START_TEST(made_once)
{
	struct shared_copy *first = obtain("a", SMALL), *second = obtain("a", SMALL), *other = obtain("b", LARGE);
	ck_assert(first != NULL && first == second && other != NULL);
	ck_assert_uint_eq(atomic_load(&server.requests), 2);
	assert_bytes(shared_copy_get(first), SMALL);
	assert_bytes(shared_copy_get(other), LARGE);
	assert_usage(2, SMALL, LARGE);
	copies_put_back(copies, first);
	copies_put_back(copies, second);
	copies_put_back(copies, other);
	assert_usage(2, SMALL, LARGE);
	/* An upload with another URL, or another size, may be another one. */
	first = obtain_from("a", "/ok/1000?again", SMALL, false);
	ck_assert_uint_eq(atomic_load(&server.requests), 3);
	copies_put_back(copies, first);
	first = obtain("a", SMALL - 1);
	ck_assert_uint_eq(atomic_load(&server.requests), 4);
	copies_put_back(copies, first);
	assert_usage(2, SMALL - 1, LARGE);
}
END_TEST

/* Each descriptor has its own position, and none can write. */
START_TEST(descriptors)
{
	static const int64_t sizes[] = {SMALL, LARGE};
	char byte;
	struct stat status;
	struct shared_copy *shared = obtain("a", sizes[_i]);
	const struct copy *copy = shared_copy_get(shared);
	int one = copy_open(copy), two = copy_open(copy);
	ck_assert(one >= 0 && two >= 0);
	ck_assert_int_eq(read(one, &byte, 1), 1);
	ck_assert_int_eq(lseek(one, 0, SEEK_CUR), 1);
	ck_assert_int_eq(lseek(two, 0, SEEK_CUR), 0);
	ck_assert_int_eq(fcntl(one, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_int_eq(write(one, "x", 1), -1);
	ck_assert_int_eq(ftruncate(one, 0), -1);
	ck_assert_ptr_eq(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, one, 0), MAP_FAILED);
	ck_assert_int_eq(fstat(one, &status), 0);
	ck_assert_int_eq(status.st_size, sizes[_i]);
	ck_assert_int_eq(status.st_mode & 07777, 0444);
	/* No name in the folder, and none can be given. */
	ck_assert_uint_eq(status.st_nlink, 0);
	/* The last user keeps the bytes. */
	copies_forget(copies, "a");
	copies_put_back(copies, shared);
	assert_usage(0, 0, 0);
	ck_assert_int_eq(read(two, &byte, 1), 1);
	close(one);
	close(two);
}
END_TEST

START_TEST(digests)
{
	/* Of the bytes 0 1 2, as sha256sum says. */
	struct shared_copy *shared = obtain("a", 3);
	ck_assert_ptr_null(shared_copy_digest(shared));
	copies_put_back(copies, shared);
	shared = obtain_from("a", "/ok/3", 3, true);
	ck_assert_str_eq(shared_copy_digest(shared), "ae4b3280e56e2faf83f414a6e3dabe9d5fbe18976544c05fed121accb85b53fc");
	ck_assert_uint_eq(atomic_load(&server.requests), 1);
	copies_put_back(copies, shared);
	shared = obtain_from("b", "/ok/0", 0, true);
	ck_assert_str_eq(shared_copy_digest(shared), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	copies_put_back(copies, shared);
	/* A cancelled one gives no digest, and the copy stays. */
	const struct copy_source source = {
		.id = "c", .url = "http://127.0.0.1/c", .size = 5, .cancel_fd = -1, .bytes = "bytes"};
	shared = copies_obtain(copies, &source, reader, false, &gone, error);
	ck_assert_ptr_nonnull(shared);
	ck_assert_uint_eq(atomic_load(&server.requests), 2);
	copies_put_back(copies, shared);
	assert_usage(3, 8, 0);
}
END_TEST

START_TEST(a_size_that_is_unknown)
{
	struct shared_copy *shared = obtain_from("a", "/ok/1000", -1, false);
	assert_bytes(shared_copy_get(shared), SMALL);
	assert_usage(1, 0, SMALL);
	copies_put_back(copies, shared);
	copies_destroy(copies);
	copies = NULL;
	options.copy_space = LARGE;
	ck_assert_ptr_null(obtain_from("b", "/ok/200001", -1, false));
	ck_assert_msg(strstr(error, "larger than what is left of [content] copy_space") != NULL, "%s", error);
	assert_usage(0, 0, 0);
	shared = obtain_from("b", "/ok/200000", -1, false);
	ck_assert_ptr_nonnull(shared);
	assert_usage(1, 0, LARGE);
	copies_put_back(copies, shared);
}
END_TEST

/* Room is taken from what nothing uses, the longest unused first. */
START_TEST(room)
{
	options.copy_space = 2 * LARGE;
	struct shared_copy *one = obtain("one", LARGE), *two = obtain("two", LARGE);
	copies_put_back(copies, one);
	copies_put_back(copies, two);
	struct shared_copy *three = obtain("three", LARGE);
	assert_usage(2, 0, 2 * LARGE);
	unsigned requests = atomic_load(&server.requests);
	two = obtain("two", LARGE);
	ck_assert_uint_eq(atomic_load(&server.requests), requests);
	copies_put_back(copies, two);
	copies_put_back(copies, three);
	/* Small ones are on disk when there is no room in memory. */
	struct shared_copy *held[COPIES_IN_MEMORY + 1];
	char id[16];
	for (unsigned i = 0; i <= COPIES_IN_MEMORY; i++) {
		snprintf(id, sizeof id, "%u", i);
		held[i] = obtain(id, SMALL);
		ck_assert_int_eq(copy_place(shared_copy_get(held[i])), i < COPIES_IN_MEMORY ? COPY_IN_MEMORY : COPY_ON_DISK);
	}
	assert_usage(COPIES_IN_MEMORY + 2, COPIES_IN_MEMORY * SMALL, LARGE + SMALL);
	for (unsigned i = 0; i <= COPIES_IN_MEMORY; i++)
		copies_put_back(copies, held[i]);
}
END_TEST

START_TEST(not_too_many)
{
	char id[16];
	options.copy_memory = 1 << 20;
	for (unsigned i = 0; i < COPIES_MOST + 10; i++) {
		snprintf(id, sizeof id, "%u", i);
		struct shared_copy *shared = obtain(id, 1);
		ck_assert_ptr_nonnull(shared);
		copies_put_back(copies, shared);
	}
	assert_usage(COPIES_MOST, COPIES_MOST, 0);
}
END_TEST

START_TEST(unused_for_a_time)
{
	struct shared_copy *used = obtain("used", SMALL), *unused = obtain("unused", LARGE);
	copies_put_back(copies, unused);
	nanos now = clock_monotonic();
	copies_tidy(copies, now + COPIES_IDLE - SECOND);
	assert_usage(2, SMALL, LARGE);
	copies_tidy(copies, now + COPIES_IDLE);
	assert_usage(1, SMALL, 0);
	copies_put_back(copies, used);
	copies_tidy(copies, clock_monotonic() + COPIES_IDLE);
	assert_usage(0, 0, 0);
}
END_TEST

static const struct {
	const char *path, *error;
	bool gone;
} failures[] = {
	{"/cut/1000", "before all bytes had arrived", false},
	{"/cut/200000", "before all bytes had arrived", false},
	{"/ok/999", "but the upload has", false},
	{"/ok/1001", "but the upload has", false},
	{"/chunked/1001", "more bytes than the upload", false},
	{"/status/404", "answered 404", true},
	{"/status/500", "answered 500", false},
};

START_TEST(bytes_that_cannot_be_had)
{
	int64_t size = strcmp(failures[_i].path, "/cut/200000") == 0 ? LARGE : SMALL;
	ck_assert_ptr_null(obtain_from("a", failures[_i].path, size, true));
	ck_assert_msg(strstr(error, failures[_i].error) != NULL, "%s", error);
	ck_assert_int_eq(gone, failures[_i].gone);
	assert_usage(0, 0, 0);
}
END_TEST

START_TEST(a_folder_that_cannot_be_used)
{
	ck_assert(folder_write(folder, "files", "", 0));
	ck_assert_ptr_null(obtain("a", LARGE));
	ck_assert_msg(strstr(error, "[content] copy_dir: ") != NULL && strstr(error, files) != NULL, "%s", error);
	unlink(files);
	ck_assert_int_eq(mkdir(files, 0700), 0);
	ck_assert_int_eq(chmod(files, 0777), 0);
	ck_assert_ptr_null(obtain("a", LARGE));
	ck_assert_msg(strstr(error, "other users could change") != NULL, "%s", error);
	/* What fits into memory needs none, and it is looked at each time. */
	struct shared_copy *shared = obtain("b", SMALL);
	ck_assert_ptr_nonnull(shared);
	copies_put_back(copies, shared);
	rmdir(files);
	shared = obtain("a", LARGE);
	ck_assert_msg(shared != NULL, "%s", error);
	copies_put_back(copies, shared);
}
END_TEST

/* A file system of a megabyte. */
START_TEST(a_full_disk)
{
	struct statvfs info;
	ck_assert_int_eq(mkdir(files, 0700), 0);
	if (mount("tmpfs", files, "tmpfs", 0, "size=1m,mode=0700") != 0)
		return; /* not root, or not allowed to */
	struct shared_copy *first = obtain("a", 800000);
	ck_assert_msg(first != NULL, "%s", error);
	ck_assert_ptr_null(obtain("b", 250000));
	ck_assert_msg(strstr(error, "no room on the disk for a copy of the upload: ") != NULL &&
	                  strstr(error, "([content] copy_dir)") != NULL,
	              "%s", error);
	/* Without an announced size, it is noticed on the way. */
	ck_assert_ptr_null(obtain_from("c", "/ok/400000", -1, false));
	ck_assert_msg(strstr(error, "No space left on device ([content] copy_dir)") != NULL, "%s", error);
	assert_usage(1, 0, 800000);
	/* A copy that nothing uses gives way. */
	copies_put_back(copies, first);
	first = obtain("b", 250000);
	ck_assert_msg(first != NULL, "%s", error);
	assert_usage(1, 0, 250000);
	copies_forget(copies, "b");
	copies_put_back(copies, first);
	/* Nothing is left of any of them. */
	ck_assert_int_eq(statvfs(files, &info), 0);
	ck_assert_uint_eq(info.f_bfree, info.f_blocks);
	ck_assert_int_eq(umount(files), 0);
}
END_TEST

static void *cancel_soon(void *closure)
{
	const uint64_t one = 1;
	nanosleep(&(struct timespec){0, 100000000}, NULL);
	ck_assert_int_eq(write(*(int *)closure, &one, sizeof one), sizeof one);
	return NULL;
}

static bool try_until(nanos deadline, int cancel_fd)
{
	char url[128];
	snprintf(url, sizeof url, "http://127.0.0.1:%u/ok/200000", server.port);
	const struct copy_source source = {
		.id = "waiting", .url = url, .size = LARGE, .deadline = deadline, .cancel_fd = cancel_fd};
	struct shared_copy *shared = copies_obtain(copies, &source, reader, false, &gone, error);
	if (shared != NULL)
		copies_put_back(copies, shared);
	return shared != NULL;
}

START_TEST(waiting_for_room)
{
	pthread_t thread;
	int cancel = eventfd(0, EFD_CLOEXEC);
	options.copy_space = LARGE;
	struct shared_copy *holder = obtain("holder", LARGE);
	ck_assert(!try_until(clock_now() + 200 * MILLISECOND, -1));
	ck_assert_msg(strstr(error, "other uploads took all of [content] copy_space until the step's deadline") != NULL,
	              "%s", error);
	ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
	ck_assert(!try_until(clock_now() + MINUTE, cancel));
	ck_assert_msg(strstr(error, "cancelled") != NULL, "%s", error);
	pthread_join(thread, NULL);
	copies_put_back(copies, holder);
	ck_assert(try_until(clock_now() + MINUTE, -1));
	assert_usage(1, 0, LARGE);
	close(cancel);
}
END_TEST

/* Many threads, few uploads, and little room. */
static void *use_copies(void *closure)
{
	struct content *own = content_create(&options);
	unsigned number = (unsigned)(uintptr_t)closure;
	char id[16], url[128], why[COPY_ERROR_SIZE];
	bool lost;
	for (unsigned i = 0; i < 60; i++) {
		int64_t size = (i + number) % 3 == 0 ? LARGE : SMALL;
		snprintf(id, sizeof id, "%u-%lld", (i + number) % 5, (long long)size);
		snprintf(url, sizeof url, "http://127.0.0.1:%u/ok/%lld", server.port, (long long)size);
		const struct copy_source source = {
			.id = id, .url = url, .size = size, .deadline = clock_now() + MINUTE, .cancel_fd = -1};
		struct shared_copy *shared = copies_obtain(copies, &source, own, i % 2 == 0, &lost, why);
		ck_assert_msg(shared != NULL, "%s", why);
		assert_bytes(shared_copy_get(shared), size);
		copies_put_back(copies, shared);
		if (i % 7 == 0)
			copies_forget(copies, id);
		copies_tidy(copies, clock_monotonic() + (i % 11 == 0 ? COPIES_IDLE : 0));
	}
	content_destroy(own);
	return NULL;
}

START_TEST(many_threads)
{
	pthread_t thread[6];
	options.copy_space = 3 * LARGE;
	copies = copies_create(&options);
	for (uintptr_t i = 0; i < 6; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, use_copies, (void *)i), 0);
	for (size_t i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	copies_tidy(copies, clock_monotonic() + COPIES_IDLE);
	assert_usage(0, 0, 0);
}
END_TEST

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	Suite *suite = suite_create("copies");
	TCase *tcase = tcase_create("copies");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, made_once);
	tcase_add_loop_test(tcase, descriptors, 0, 2);
	tcase_add_test(tcase, digests);
	tcase_add_test(tcase, a_size_that_is_unknown);
	tcase_add_test(tcase, room);
	tcase_add_test(tcase, not_too_many);
	tcase_add_test(tcase, unused_for_a_time);
	tcase_add_loop_test(tcase, bytes_that_cannot_be_had, 0, sizeof failures / sizeof failures[0]);
	tcase_add_test(tcase, a_folder_that_cannot_be_used);
	tcase_add_test(tcase, a_full_disk);
	tcase_add_test(tcase, waiting_for_room);
	tcase_add_test(tcase, many_threads);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
