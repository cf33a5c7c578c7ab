/* SPDX-License-Identifier: Apache-2.0
 * The folder of the quarantine: what is in it after success, failure, a full disk, and the death of the writer. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/quarantine/quarantine.h"
#include "tests/harness/folder.h"
#include "tests/harness/suite.h"

#define DIGEST "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static char above[FOLDER_PATH_SIZE], path[FOLDER_PATH_SIZE + 16];
static unsigned char private_key[SEAL_KEY];
static struct quarantine_settings settings;
static struct quarantine *quarantine;
static char error[SEAL_ERROR_SIZE];

static atomic_uint additions;

static void note_added(void *closure, const struct note *note)
{
	ck_assert_ptr_eq(closure, path);
	ck_assert_str_eq(note->step, "scan");
	atomic_fetch_add(&additions, 1);
}

static atomic_uint failures;

static void note_failed(void *closure, const struct note *note, const char *why)
{
	ck_assert_ptr_eq(closure, path);
	ck_assert_str_eq(note->step, "scan");
	ck_assert_str_ne(why, "");
	atomic_fetch_add(&failures, 1);
}

static struct quarantine *create(void)
{
	const struct quarantine_options options = {path, "host-1", settings, note_added, note_failed, path};
	return quarantine_create(&options, error);
}

static void setup(void)
{
	size_t length = SEAL_KEY;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	settings = (struct quarantine_settings){.retention = 0};
	ck_assert_int_eq(EVP_PKEY_get_raw_private_key(key, private_key, &length), 1);
	ck_assert_int_eq(EVP_PKEY_get_raw_public_key(key, settings.key, &length), 1);
	EVP_PKEY_free(key);
	ck_assert(folder_create(above));
	snprintf(path, sizeof path, "%s/quarantine", above);
	quarantine = create();
	ck_assert_msg(quarantine != NULL, "%s", error);
}

static void teardown(void)
{
	quarantine_destroy(quarantine);
	folder_remove(above);
}

/* A file of one byte, repeated. */
static int content_of(char byte, size_t size)
{
	char chunk[4096];
	int file = memfd_create("content", MFD_CLOEXEC);
	memset(chunk, byte, sizeof chunk);
	for (size_t done = 0; done < size; done += sizeof chunk)
		ck_assert(write(file, chunk, sizeof chunk) == (ssize_t)sizeof chunk);
	ck_assert(ftruncate(file, (off_t)size) == 0);
	return file;
}

static struct note note_of(const char *id)
{
	return (struct note){.id = id,
	                     .step = "scan",
	                     .filename = "report \"1\"\n.exe",
	                     .sha256 = DIGEST,
	                     .verdict = "infected",
	                     .details = "{\"scanner\":\"clamd\"}",
	                     .reason = "Eicar-Test",
	                     .user = "einstein"};
}

static bool add(const char *id, char byte, size_t size)
{
	const struct note note = note_of(id);
	int file = content_of(byte, size);
	bool good = quarantine_add(quarantine, &note, &(struct quarantine_source){file, (int64_t)size, 0, -1}, error);
	close(file);
	return good;
}

static int open_folder(void)
{
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert(folder >= 0);
	return folder;
}

/* Checks an entry: its content and its note. Returns the length of its content; -1: there is no entry. */
static ssize_t check_entry(const char *id, char byte)
{
	char name[ENTRY_NAME_SIZE];
	const void *bytes;
	struct read_note read;
	ssize_t count, length = 0;
	int folder = open_folder();
	ck_assert(entry_name(id, "scan", name));
	int file = folder_open_sealed(folder, name);
	close(folder);
	if (file < 0) {
		ck_assert_int_eq(errno, ENOENT);
		return -1;
	}
	struct unsealer *unsealer = unsealer_open(file, error);
	ck_assert_msg(unsealer != NULL && unsealer_unlock(unsealer, private_key, error), "%s", error);
	while ((count = unsealer_read(unsealer, &bytes, error)) > 0) {
		for (ssize_t i = 0; i < count; i++)
			ck_assert_int_eq(((const char *)bytes)[i], byte);
		length += count;
	}
	ck_assert_msg(count == 0, "%s", error);
	ck_assert(note_decode(unsealer_note(unsealer), &read));
	ck_assert_str_eq(read.note.id, id);
	ck_assert_int_eq(read.note.size, length);
	note_clear(&read);
	unsealer_free(unsealer);
	close(file);
	return length;
}

/* The number of files whose names end so. */
static size_t count_files(const char *suffix)
{
	DIR *listing = opendir(path);
	const struct dirent *found;
	size_t count = 0;
	while ((found = readdir(listing)) != NULL) {
		size_t length = strlen(found->d_name);
		count += length > strlen(suffix) && strcmp(found->d_name + length - strlen(suffix), suffix) == 0;
	}
	closedir(listing);
	return count;
}

static void assert_usage(uint64_t entries, uint64_t added, uint64_t failed)
{
	struct quarantine_usage usage;
	ck_assert(quarantine_usage(quarantine, &usage));
	ck_assert_uint_eq(usage.entries, entries);
	ck_assert_uint_eq(additions, added);
	ck_assert_uint_eq(failures, failed);
	ck_assert(entries == 0 || usage.bytes > 0);
}

static void assert_mode(const char *file, unsigned mode)
{
	struct stat info;
	ck_assert(stat(file, &info) == 0);
	ck_assert_uint_eq(info.st_mode & 07777, mode);
}

START_TEST(test_entry)
{
	char name[ENTRY_NAME_SIZE], file[sizeof path + ENTRY_FILE_SIZE], text[4096];
	struct read_note read;
	ck_assert_msg(add("u1", 'a', 200000), "%s", error);
	ck_assert_int_eq(check_entry("u1", 'a'), 200000);
	assert_usage(1, 1, 0);
	assert_mode(path, 0700);
	ck_assert(entry_name("u1", "scan", name));
	snprintf(file, sizeof file, "%s/%s.sealed", path, name);
	assert_mode(file, 0600);
	snprintf(file, sizeof file, "%s/%s.json", path, name);
	assert_mode(file, 0600);
	snprintf(file, sizeof file, "%s.json", name);
	ck_assert(folder_read(path, file, text, sizeof text));
	ck_assert(note_decode(text, &read));
	ck_assert_str_eq(read.note.filename, "report \"1\"\n.exe");
	ck_assert_str_eq(read.note.sha256, DIGEST);
	ck_assert_str_eq(read.note.verdict, "infected");
	ck_assert_str_eq(read.note.details, "{\"scanner\":\"clamd\"}");
	ck_assert_str_eq(read.note.reason, "Eicar-Test");
	ck_assert_str_eq(read.note.user, "einstein");
	ck_assert_str_eq(read.note.space, "");
	ck_assert_str_eq(read.note.instance, "host-1");
	ck_assert(read.note.time <= clock_now() && read.note.time > clock_now() - MINUTE);
	note_clear(&read);
	/* Content is nowhere in the clear. */
	int folder = open_folder(), sealed = folder_open_sealed(folder, name);
	char *bytes = malloc(300000);
	ssize_t length = pread(sealed, bytes, 300000, 0);
	ck_assert(length > 200000 && memmem(bytes, (size_t)length, "aaaaaaaa", 8) == NULL);
	free(bytes);
	close(sealed);
	close(folder);
}
END_TEST

START_TEST(test_same_again)
{
	ck_assert(add("u1", 'a', 1000));
	ck_assert(add("u1", 'b', 70000));
	ck_assert(add("u2", 'c', 0));
	ck_assert_int_eq(check_entry("u1", 'b'), 70000);
	ck_assert_int_eq(check_entry("u2", 'c'), 0);
	assert_usage(2, 3, 0);
	ck_assert_uint_eq(count_files(".json"), 2);
	ck_assert_uint_eq(count_files(".tmp"), 0);
}
END_TEST

/* Full: nothing old goes, and what is replaced gives its room. */
START_TEST(test_max_size)
{
	settings.max_size = 20000;
	quarantine_set(quarantine, &settings);
	ck_assert(add("u1", 'a', 15000));
	ck_assert(!add("u2", 'b', 15000));
	ck_assert_msg(strstr(error, "not quarantined: the quarantine is full: ") == error, "%s", error);
	/* For this one, no purge would make room. */
	ck_assert(!add("u4", 'e', 20000));
	ck_assert_msg(strstr(error, "not quarantined: the copy (20") == error &&
	                  strstr(error, " bytes) is larger than max_size (20000 bytes)") != NULL &&
	                  strstr(error, "purge") == NULL,
	              "%s", error);
	ck_assert(add("u1", 'c', 15500));
	ck_assert(add("u3", 'd', 100));
	ck_assert_int_eq(check_entry("u1", 'c'), 15500);
	ck_assert_int_eq(check_entry("u2", 'b'), -1);
	assert_usage(2, 3, 2);
	ck_assert_uint_eq(count_files(".tmp"), 0);
}
END_TEST

static void assert_check(const char *wrong)
{
	error[0] = '\0';
	ck_assert(quarantine_check(quarantine, error) == (wrong == NULL));
	ck_assert_msg(strstr(error, wrong != NULL ? wrong : "") != NULL, "%s", error);
	ck_assert_uint_eq(count_files(".tmp"), 0);
}

/* The check fails as long as the copy that failed would fail again, and is about the last copy only. */
START_TEST(test_check)
{
	char name[ENTRY_NAME_SIZE], file[sizeof path + ENTRY_FILE_SIZE];
	assert_check(NULL);
	settings.max_size = 20000;
	quarantine_set(quarantine, &settings);
	ck_assert(add("u1", 'a', 15000));
	assert_check(NULL);
	ck_assert(!add("u2", 'b', 15000));
	assert_check("the quarantine is full: ");
	ck_assert(add("u3", 'c', 100));
	assert_check(NULL);
	ck_assert(!add("u2", 'b', 15000));
	assert_check("the quarantine is full: ");
	ck_assert(entry_name("u1", "scan", name));
	snprintf(file, sizeof file, "%s/%s.sealed", path, name);
	ck_assert_int_eq(unlink(file), 0);
	assert_check(NULL);
	ck_assert(!add("u4", 'd', 20000));
	assert_check("is larger than max_size (20000 bytes)");
	settings.max_size = 0;
	quarantine_set(quarantine, &settings);
	assert_check(NULL);
}
END_TEST

START_TEST(test_check_of_the_folder)
{
	char moved[sizeof path + 16];
	snprintf(moved, sizeof moved, "%s.moved", path);
	ck_assert_int_eq(rename(path, moved), 0);
	FILE *file = fopen(path, "w");
	fclose(file);
	ck_assert(!quarantine_check(quarantine, error));
	ck_assert_msg(strstr(error, path) == error, "%s", error);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rename(moved, path), 0);
	assert_check(NULL);
	/* Root may write everywhere. */
	ck_assert_int_eq(chmod(path, 0500), 0);
	if (geteuid() != 0)
		assert_check("no file can be created in the folder: Permission denied");
	ck_assert_int_eq(chmod(path, 0700), 0);
	assert_check(NULL);
}
END_TEST

static void remove_entry(void *closure, const struct entry_info *entry)
{
	ck_assert(folder_remove_entry(*(const int *)closure, entry));
}

static void *add_one(void *closure)
{
	const struct note note = note_of(closure);
	char why[SEAL_ERROR_SIZE] = "";
	int file = content_of('a', 20000);
	if (quarantine_add(quarantine, &note, &(struct quarantine_source){file, 20000, 0, -1}, why))
		why[0] = '\0';
	close(file);
	return why[0] != '\0' ? strdup(why) : NULL;
}

/* Several at once, for which there is room: none counts twice when it gets its name. */
START_TEST(test_room_for_all)
{
	static char ids[][4] = {"u1", "u2", "u3", "u4"};
	enum { THREADS = sizeof ids / sizeof ids[0] };
	pthread_t thread[THREADS];
	settings.max_size = THREADS * 21000;
	quarantine_set(quarantine, &settings);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < THREADS; i++)
			ck_assert_int_eq(pthread_create(&thread[i], NULL, add_one, ids[i]), 0);
		for (int i = 0; i < THREADS; i++) {
			void *why;
			ck_assert_int_eq(pthread_join(thread[i], &why), 0);
			ck_assert_msg(why == NULL, "%s", (const char *)why);
		}
		int folder = open_folder();
		ck_assert(folder_each(folder, remove_entry, &folder));
		close(folder);
	}
}
END_TEST

START_TEST(test_cancelled_and_late)
{
	const struct note note = note_of("u1");
	int file = content_of('a', 1000), cancel = eventfd(1, EFD_CLOEXEC);
	ck_assert(add("u1", 'z', 5));
	ck_assert(!quarantine_add(quarantine, &note, &(struct quarantine_source){file, 1000, 0, cancel}, error));
	ck_assert_str_eq(error, "not quarantined: it was cancelled");
	ck_assert(!quarantine_add(quarantine, &note, &(struct quarantine_source){file, 1000, clock_now() - 1, -1}, error));
	ck_assert_str_eq(error, "not quarantined: it was not finished before the step's deadline");
	ck_assert(!quarantine_add(quarantine, &note, &(struct quarantine_source){file, 1001, 0, -1}, error));
	ck_assert_str_eq(error, "not quarantined: the copy of the upload is cut short");
	ck_assert(!quarantine_add(quarantine, &note, &(struct quarantine_source){file, 999, 0, -1}, error));
	ck_assert_str_eq(error, "not quarantined: the copy of the upload is longer than it was");
	ck_assert_int_eq(check_entry("u1", 'z'), 5); /* the earlier entry stays */
	ck_assert_uint_eq(count_files(".tmp"), 0);
	assert_usage(1, 1, 4);
	close(file);
	close(cancel);
}
END_TEST

START_TEST(test_full_disk)
{
	if (mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=0700") != 0)
		return; /* only root may do that */
	ck_assert(add("u1", 'a', 500000));
	ck_assert(!add("u2", 'b', 600000));
	ck_assert_msg(strstr(error, "not quarantined: no room on the disk: ") == error, "%s", error);
	assert_check("no room on the disk: ");
	ck_assert_int_eq(check_entry("u1", 'a'), 500000);
	ck_assert_int_eq(check_entry("u2", 'b'), -1);
	ck_assert_uint_eq(count_files(".tmp"), 0);
	ck_assert_uint_eq(count_files(".json"), 1);
	quarantine_destroy(quarantine);
	quarantine = NULL;
	ck_assert_int_eq(umount(path), 0);
}
END_TEST

/* A folder that others can write to is not used. */
START_TEST(test_open_folder)
{
	ck_assert(chmod(path, 0777) == 0);
	ck_assert(!add("u1", 'a', 10));
	ck_assert_msg(strstr(error, "writable by everybody") != NULL, "%s", error);
	ck_assert_ptr_null(create());
	ck_assert_uint_eq(count_files(".sealed"), 0);
}
END_TEST

static void pause_for(nanos time)
{
	nanosleep(&(struct timespec){.tv_sec = time / SECOND, .tv_nsec = time % SECOND}, NULL);
}

/* Writers are killed at any time. What they leave is whole entries and drafts, and the drafts go at the next start,
 * but not those of a writer that lives. */
START_TEST(test_killed)
{
	for (int round = 0; round < 30; round++) {
		fflush(NULL);
		pid_t child = fork();
		if (child == 0) {
			for (;;) {
				(void)add("u1", 'a', 300000);
				(void)add("u1", 'a', 100);
			}
		}
		pause_for(round * (2 * MILLISECOND / 3) + MILLISECOND);
		kill(child, SIGKILL);
		ck_assert(waitpid(child, NULL, 0) == child);
		ssize_t length = check_entry("u1", 'a');
		ck_assert(length == -1 || length == 300000 || length == 100);
	}
	int folder = open_folder();
	char name[DRAFT_NAME_SIZE], dead[DRAFT_NAME_SIZE];
	int draft = draft_create(folder, "00000000000000000000000000000000.sealed", name);
	int left = draft_create(folder, "00000000000000000000000000000001.sealed", dead);
	ck_assert(draft >= 0 && left >= 0);
	close(left);
	ck_assert_uint_ge(count_files(".tmp"), 2);
	quarantine_destroy(quarantine);
	quarantine = create();
	ck_assert_uint_eq(count_files(".tmp"), 1);
	ck_assert(add("u1", 'b', 1000));
	ck_assert_int_eq(check_entry("u1", 'b'), 1000);
	draft_drop(folder, draft, name);
	close(folder);
}
END_TEST

static void age(const char *id, nanos by)
{
	char name[ENTRY_NAME_SIZE], file[ENTRY_FILE_SIZE];
	nanos then = clock_now() - by;
	const struct timespec times[2] = {{then / SECOND, then % SECOND}, {then / SECOND, then % SECOND}};
	int folder = open_folder();
	ck_assert(entry_name(id, "scan", name));
	ck_assert(utimensat(folder, entry_file(name, ENTRY_SEALED, file), times, 0) == 0);
	close(folder);
}

static unsigned removals;
static char removed_id[64], damaged_id[64];

static void note_removed(void *closure, const struct note *note)
{
	(void)closure;
	removals++;
	if (note->step[0] == '\0')
		snprintf(damaged_id, sizeof damaged_id, "%s", note->id);
	snprintf(removed_id, sizeof removed_id, "%s", note->id);
}

START_TEST(test_retention)
{
	ck_assert(add("u1", 'a', 10) && add("u2", 'b', 10));
	age("u1", 2 * HOUR);
	ck_assert(quarantine_expire(quarantine, note_removed, NULL, error));
	ck_assert_uint_eq(removals, 0); /* for ever */
	settings.retention = HOUR;
	quarantine_set(quarantine, &settings);
	ck_assert(quarantine_expire(quarantine, note_removed, NULL, error));
	ck_assert_uint_eq(removals, 1);
	ck_assert_str_eq(removed_id, "u1");
	ck_assert_int_eq(check_entry("u1", 'a'), -1);
	ck_assert_int_eq(check_entry("u2", 'b'), 10);
	ck_assert_uint_eq(count_files(".json"), 1);
	ck_assert(quarantine_expire(quarantine, note_removed, NULL, error));
	ck_assert_uint_eq(removals, 1);
}
END_TEST

/* A damaged entry is removed when its time has come, and does not stop the others. */
START_TEST(test_retention_of_damaged)
{
	char name[ENTRY_NAME_SIZE], file[ENTRY_FILE_SIZE];
	ck_assert(add("u1", 'a', 10) && add("u2", 'b', 10));
	ck_assert(entry_name("u1", "scan", name));
	ck_assert(folder_write(path, entry_file(name, ENTRY_SEALED, file), "damaged", 7));
	age("u1", 2 * HOUR);
	age("u2", 2 * HOUR);
	settings.retention = HOUR;
	quarantine_set(quarantine, &settings);
	ck_assert(quarantine_expire(quarantine, note_removed, NULL, error));
	ck_assert_uint_eq(removals, 2);
	ck_assert_str_eq(damaged_id, name);
	assert_usage(0, 2, 0);
}
END_TEST

/* Of several processes that find the same entries too old, each entry is one's. */
START_TEST(test_retention_of_several)
{
	enum { PROCESSES = 4, ENTRIES = 20 };
	char id[16];
	int status, total = 0;
	pid_t child[PROCESSES];
	for (int i = 0; i < ENTRIES; i++) {
		snprintf(id, sizeof id, "u%d", i);
		ck_assert(add(id, 'a', 10));
		age(id, 2 * HOUR);
	}
	settings.retention = HOUR;
	quarantine_set(quarantine, &settings);
	fflush(NULL);
	for (int i = 0; i < PROCESSES; i++)
		if ((child[i] = fork()) == 0)
			_exit(quarantine_expire(quarantine, note_removed, NULL, error) ? (int)removals : 200);
	for (int i = 0; i < PROCESSES; i++) {
		ck_assert(waitpid(child[i], &status, 0) == child[i] && WIFEXITED(status) && WEXITSTATUS(status) < 200);
		total += WEXITSTATUS(status);
	}
	ck_assert_int_eq(total, ENTRIES);
	assert_usage(0, ENTRIES, 0);
}
END_TEST

static void note_entry(void *closure, const struct entry_info *entry)
{
	*(struct entry_info *)closure = *entry;
}

/* What was looked at is removed, and not the copy that has come in its place. */
START_TEST(test_replaced_before_removal)
{
	struct entry_info old, new;
	ck_assert(add("u1", 'a', 10));
	age("u1", 2 * HOUR);
	int folder = open_folder();
	ck_assert(folder_each(folder, note_entry, &old));
	ck_assert(add("u1", 'b', 10));
	ck_assert(!folder_remove_entry(folder, &old));
	ck_assert_int_eq(errno, ESTALE);
	ck_assert_int_eq(check_entry("u1", 'b'), 10);
	ck_assert_uint_eq(count_files(".json"), 1);
	ck_assert(folder_each(folder, note_entry, &new));
	ck_assert(folder_remove_entry(folder, &new));
	ck_assert_int_eq(check_entry("u1", 'b'), -1);
	ck_assert(!folder_remove_entry(folder, &new));
	ck_assert_int_eq(errno, ENOENT);
	close(folder);
}
END_TEST

/* Instances start, and clean the folder, while another one writes to it. */
START_TEST(test_cleaned_meanwhile)
{
	enum { CLEANERS = 3 };
	char name[DRAFT_NAME_SIZE];
	pid_t child[CLEANERS];
	int folder = open_folder();
	fflush(NULL);
	for (int i = 0; i < CLEANERS; i++)
		if ((child[i] = fork()) == 0)
			for (;;)
				folder_clean(folder);
	for (nanos until = clock_monotonic() + 2 * SECOND; clock_monotonic() < until;) {
		int draft = draft_create(folder, "00000000000000000000000000000000.sealed", name);
		ck_assert_msg(draft >= 0, "%s", strerror(errno));
		ck_assert_msg(faccessat(folder, name, F_OK, 0) == 0, "%s", strerror(errno));
		draft_drop(folder, draft, name);
	}
	for (int i = 0; i < CLEANERS; i++)
		ck_assert(kill(child[i], SIGKILL) == 0 && waitpid(child[i], NULL, 0) == child[i]);
	close(folder);
}
END_TEST

START_TEST(test_notes)
{
	struct read_note read;
	static const char *const bad[] = {"",
	                                  "null",
	                                  "{}",
	                                  "{\"id\":\"u\",\"step\":\"s\",\"time\":\"never\"}",
	                                  "{\"id\":1,\"step\":\"s\",\"time\":\"2026-01-01T00:00:00Z\"}",
	                                  "{\"id\":\"u\",\"time\":\"2026-01-01T00:00:00Z\"}"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert(!note_decode(bad[i], &read));
		ck_assert_str_eq(read.note.id, "");
		note_clear(&read);
	}
	/* All limits at once still give a note that fits. */
	char *name = malloc(70000), details[4097];
	memset(name, '\x01', 69999);
	name[69999] = '\0';
	memset(details, ' ', 4096);
	memcpy(details, "{}", 2);
	details[4096] = '\0';
	struct note note = note_of("u1");
	note.filename = name;
	note.details = details;
	char *text = note_encode(&note, settings.key);
	ck_assert_uint_le(strlen(text), SEAL_NOTE_LIMIT);
	ck_assert(note_decode(text, &read));
	note_clear(&read);
	free(text);
	free(name);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {test_entry,
	                              test_check,
	                              test_check_of_the_folder,
	                              test_same_again,
	                              test_max_size,
	                              test_room_for_all,
	                              test_cancelled_and_late,
	                              test_full_disk,
	                              test_open_folder,
	                              test_killed,
	                              test_retention,
	                              test_retention_of_damaged,
	                              test_retention_of_several,
	                              test_replaced_before_removal,
	                              test_cleaned_meanwhile,
	                              test_notes};
	return suite_run_with("quarantine", setup, teardown, tests, sizeof tests / sizeof tests[0], 60);
}
