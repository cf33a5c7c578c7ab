/* SPDX-License-Identifier: Apache-2.0
 * The ways in which a module takes its upload's bytes: as a stream, again, as a file, and by their digest; in worker
 * processes and on threads. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/quarantine/quarantine.h"
#include "core/steps/workers.h"
#include "tests/config/config_fixture.h"
#include "tests/harness/folder.h"
#include "tests/harness/limits.h"
#include "tests/harness/storage_server.h"
#include "tests/harness/suite.h"
#include "tests/steps/worker_fixture.h"

/* Beyond it, copies are on disk. */
#define MEMORY INT64_C(100000)
#define FEW INT64_C(1000)
#define SOME INT64_C(90000)
#define MANY INT64_C(3000000)

static struct config_fixture fixture;
static struct modules *modules;
static struct steps *steps;
static struct workers *workers;
static struct mailbox mailbox;
static struct log log_file = {.fd = -1};
static struct storage_server storage;
static struct content_options content;
static char folder[96];

static const char *const isolations[] = {"process", "thread"};
#define BOTH 2

/* Two steps of the module with these words. */
static void open_steps(int isolation, const char *first, const char *second)
{
	char text[2048];
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	fixture_open(&fixture);
	snprintf(
		text, sizeof text,
		"[postprocessing]\nplugin_dir = %s\nsteps = one, two\nworkers = 2\n"
		"[step:one]\nmodule = reader\nisolation = %s\ndo = %s\n[step:two]\nmodule = reader\nisolation = %s\ndo = %s\n",
		FIXTURES, isolations[isolation], first, isolations[isolation], second);
	fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	modules = modules_create(fixture.config->plugin_dir, worker_fixture());
	steps = steps_create(fixture.config, modules, worker_fixture(), &fixture.problems);
	assert_sound(&fixture);
	mailbox_init(&mailbox);
	snprintf(folder, sizeof folder, "%s/copies", fixture.folder);
	content.copy_dir = folder;
	content.copy_memory = MEMORY;
	workers = workers_create(steps, &content, &log_file, &mailbox);
	ck_assert_ptr_nonnull(workers);
}

static void close_steps(void)
{
	struct copies_usage usage;
	copies_forget(workers_copies(workers), "upload");
	copies_usage(workers_copies(workers), &usage);
	ck_assert_uint_eq(usage.count, 0);
	ck_assert_int_eq(usage.bytes[COPY_IN_MEMORY] + usage.bytes[COPY_ON_DISK], 0);
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	steps_destroy(steps);
	modules_destroy(modules);
	mailbox_destroy(&mailbox);
	fixture_close(&fixture);
	storage_server_stop(&storage);
	content = (struct content_options){0};
}

static struct run *submit(size_t step, const char *path, int64_t size, unsigned attempt)
{
	char url[128];
	snprintf(url, sizeof url, "http://127.0.0.1:%u%s%lld", storage.port, path, (long long)size);
	struct upload *upload =
		upload_create(&(struct upload){.id = "upload", .filename = "name", .url = url, .filesize = size});
	struct run *run = run_create(upload);
	upload_release(upload);
	run->step = step;
	run->attempt = attempt;
	run->allowed = MINUTE;
	workers_submit(workers, run);
	return run;
}

static struct run *await_run(void)
{
	for (;;) {
		struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
		ck_assert_msg(mail != NULL, "a run does not end");
		ck_assert_ptr_null(mail->next);
		if (mail->kind == MAIL_RUN)
			return (struct run *)(void *)mail;
		free(mail);
	}
}

static struct run *perform(size_t step, const char *path, int64_t size)
{
	submit(step, path, size, 1);
	return await_run();
}

static unsigned long long sum_of(int64_t size)
{
	unsigned long long sum = 0;
	for (int64_t i = 0; i < size; i++)
		sum += storage_server_byte((uint64_t)i) * ((unsigned long long)i + 1);
	return sum;
}

static const char *digest_of(int64_t size)
{
	static char text[65];
	unsigned char raw[SHA256_DIGEST_LENGTH], *bytes = malloc((size_t)size + 1);
	ck_assert_ptr_nonnull(bytes);
	for (int64_t i = 0; i < size; i++)
		bytes[i] = storage_server_byte((uint64_t)i);
	SHA256(bytes, (size_t)size, raw);
	free(bytes);
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(text + 2 * i, 3, "%02x", raw[i]);
	return text;
}

/* The Result of these words, when all is well. */
static const char *expected(const char *words, int64_t size)
{
	static char text[4096];
	const char *place = size <= MEMORY ? "sealed" : "on disk";
	size_t used = (size_t)snprintf(text, sizeof text, "\"");
	while (*words != '\0') {
		size_t length = strcspn(words, " "), left = sizeof text - used;
		if (strncmp(words, "read", length) == 0)
			used += (size_t)snprintf(text + used, left, "read %lld:%llx; ", (long long)size, sum_of(size));
		else if (strncmp(words, "some", length) == 0)
			used += (size_t)snprintf(text + used, left, "some; ");
		else if (strncmp(words, "hide", length) == 0)
			used += (size_t)snprintf(text + used, left, "hidden; ");
		else if (strncmp(words, "sha", length) == 0)
			used += (size_t)snprintf(text + used, left, "sha %s; ", digest_of(size));
		else if (strncmp(words, "known", length) == 0)
			used += (size_t)snprintf(text + used, left, "known %s; ", digest_of(size));
		else if (strncmp(words, "unknown", length) == 0)
			used += (size_t)snprintf(text + used, left, "unknown; ");
		else if (strncmp(words, "file", length) == 0 || strncmp(words, "attack", length) == 0)
			used +=
				(size_t)snprintf(text + used, left, "file %lld:%llx at 0 %s; ", (long long)size, sum_of(size), place);
		if (strncmp(words, "attack", length) == 0)
			used += (size_t)snprintf(text + used, sizeof text - used, "write refused, map refused, reopen refused; ");
		words += length + strspn(words + length, " ");
	}
	snprintf(text + used, sizeof text - used, "\"");
	return text;
}

static void assert_result(struct run *run, const char *words, int64_t size)
{
	ck_assert_msg(run->outcome == OUTCOME_CONTINUE, "%s: %s", words, run->reason);
	ck_assert_str_eq(run->result, expected(words, size));
	run_free(run);
}

static const int64_t sizes[] = {0, 1, FEW, SOME, MANY};
#define SIZES ((int)(sizeof sizes / sizeof sizes[0]))

static const struct {
	const char *words;
	unsigned few, many; /* requests to storage, when all bytes come in one piece, and when they do not */
} ways[] = {
	{"read", 1, 1},
	{"read rewind read rewind read", 1, 3},
	{"read rewind read rewind read rewind read rewind read", 1, 3},
	{"some rewind read", 1, 2},
	{"rewind read", 1, 1},
	{"file", 1, 1},
	{"file read", 1, 1},
	{"file rewind read rewind read", 1, 1},
	{"some file read file", 1, 2},
	{"read file rewind read", 1, 2},
	{"sha", 1, 1},
	{"sha file read sha", 1, 1},
	{"file sha", 1, 1},
	{"read sha", 1, 2},
	{"attack", 1, 1},
};
#define WAYS ((int)(sizeof ways / sizeof ways[0]))

/* Twice, as a worker process gets few bytes with the request from the second run on. */
START_TEST(each_way)
{
	const char *words = ways[_i / SIZES % WAYS].words;
	int64_t size = sizes[_i % SIZES];
	/* A module on a thread is trusted. */
	if (_i / SIZES / WAYS == 1 && strcmp(words, "attack") == 0)
		return;
	open_steps(_i / SIZES / WAYS, words, "read");
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&storage.requests, 0);
		assert_result(perform(0, "/ok/", size), words, size);
		unsigned requests = atomic_load(&storage.requests), most = ways[_i / SIZES % WAYS].many;
		ck_assert_msg(requests <= most, "%u requests, not %u", requests, most);
		if (size <= FEW && _i / SIZES / WAYS == 0)
			ck_assert_uint_eq(requests, ways[_i / SIZES % WAYS].few);
		if (size == MANY)
			ck_assert_uint_eq(requests, most);
		copies_forget(workers_copies(workers), "upload");
	}
	close_steps();
}
END_TEST

/* Whatever the steps need, storage is asked once, if the first of them needs a copy. */
START_TEST(steps_share)
{
	static const char *const second[] = {"file", "sha", "read", "read rewind read", "some file read sha"};
	const char *words = second[_i / SIZES % 5];
	int64_t size = sizes[_i % SIZES];
	open_steps(_i / SIZES / 5, "file sha", words);
	for (unsigned i = 0; i < 3; i++)
		assert_result(perform(0, "/ok/", size), "file sha", size);
	for (unsigned i = 0; i < 3; i++)
		assert_result(perform(1, "/ok/", size), words, size);
	ck_assert_uint_eq(atomic_load(&storage.requests), 1);
	close_steps();
}
END_TEST

/* What is known of the digest before a step asks for it, in the first step and in the second one. */
static const struct {
	const char *first, *second;
	unsigned requests; /* to storage, at most */
} knowledge[] = {
	{"unknown", "unknown", 0},
	{"unknown sha known", "known", 1},
	{"unknown file unknown", "unknown", 1},
	{"unknown sha read known", "known read known", 1},
	{"read unknown", "unknown", 1},
};
#define KNOWLEDGE ((int)(sizeof knowledge / sizeof knowledge[0]))

/* Twice, as a worker process gets few bytes with the request from the second run on. */
START_TEST(a_digest_that_is_known)
{
	const char *first = knowledge[_i / SIZES % KNOWLEDGE].first, *second = knowledge[_i / SIZES % KNOWLEDGE].second;
	int64_t size = sizes[_i % SIZES];
	open_steps(_i / SIZES / KNOWLEDGE, first, second);
	for (unsigned i = 0; i < 2; i++) {
		assert_result(perform(0, "/ok/", size), first, size);
		if (i == 0)
			ck_assert_uint_le(atomic_load(&storage.requests), knowledge[_i / SIZES % KNOWLEDGE].requests);
		assert_result(perform(1, "/ok/", size), second, size);
		copies_forget(workers_copies(workers), "upload");
	}
	/* It goes with the copy. */
	assert_result(perform(1, "/ok/", size), strstr(second, "read") != NULL ? "unknown read unknown" : "unknown", size);
	close_steps();
}
END_TEST

/* The next attempt finds the copy of a process that was killed. */
START_TEST(killed_with_the_file)
{
	open_steps(0, "file die read", "file");
	struct run *run = perform(0, "/ok/", sizes[_i]);
	ck_assert_msg(run->crashed, "%s", run->reason);
	run_free(run);
	submit(0, "/ok/", sizes[_i], 2);
	assert_result(await_run(), "file read", sizes[_i]);
	ck_assert_uint_eq(atomic_load(&storage.requests), 1);
	close_steps();
}
END_TEST

/* No name is there that a crash of the service could leave. */
START_TEST(a_file_has_no_name)
{
	open_steps(_i, "file wait", "file");
	struct run *run = submit(0, "/ok/", MANY, 1);
	struct copies_usage usage = {0};
	while (usage.count == 0) {
		poll(NULL, 0, 5);
		copies_usage(workers_copies(workers), &usage);
	}
	ck_assert_int_eq(usage.bytes[COPY_ON_DISK], MANY);
	DIR *names = opendir(folder);
	ck_assert_ptr_nonnull(names);
	for (struct dirent *entry; (entry = readdir(names)) != NULL;)
		ck_assert_int_eq(entry->d_name[0], '.');
	closedir(names);
	/* It is in use: forgetting it does not take it away. */
	copies_forget(workers_copies(workers), "upload");
	workers_cancel(workers, run);
	ck_assert_ptr_eq(await_run(), run);
	run_free(run);
	close_steps();
}
END_TEST

static const struct {
	const char *path, *reason;
} failures[] = {
	{"/cut/", "before all bytes had arrived"}, {"/cut-chunked/", "before all bytes had arrived"},
	{"/status/500?", "answered 500"},          {"/status/404?", "answered 404"},
	{"/ok/1", "but the upload has"},
};
#define FAILURES 5
static const char *const wanted[] = {"file", "sha", "some file", "read rewind read"};

START_TEST(bytes_that_cannot_be_had)
{
	int failure = _i / BOTH % FAILURES;
	open_steps(_i % BOTH, wanted[_i / BOTH / FAILURES], "file");
	for (unsigned i = 0; i < 4; i++) {
		int64_t size = sizes[i % 2 == 0 ? 4 : 2];
		struct run *run = perform(0, failures[failure].path, size);
		ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
		ck_assert_msg(!run->crashed && strstr(run->reason, failures[failure].reason) != NULL, "%s", run->reason);
		ck_assert_int_eq(run->gone, strstr(failures[failure].path, "404") != NULL);
		run_free(run);
		/* Nothing of it is kept, and the next one is good. */
		assert_result(perform(1, "/ok/", size), "file", size);
		copies_forget(workers_copies(workers), "upload");
	}
	close_steps();
}
END_TEST

START_TEST(cancelled_while_it_is_copied)
{
	open_steps(_i % BOTH, wanted[_i / BOTH], "file");
	for (unsigned i = 0; i < 3; i++) {
		struct run *run = submit(0, "/stall/", i % 2 == 0 ? MANY : SOME, 1);
		poll(NULL, 0, 50);
		nanos start = clock_monotonic();
		workers_cancel(workers, run);
		ck_assert_ptr_eq(await_run(), run);
		ck_assert_int_lt(clock_monotonic() - start, 1500 * MILLISECOND);
		ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
		run_free(run);
	}
	close_steps();
}
END_TEST

/* Without room for a copy, there is a reason, and the stream. */
START_TEST(no_room)
{
	char text[256];
	content.copy_space = MANY - 1;
	open_steps(_i, "try-file rewind read", "file");
	snprintf(text, sizeof text,
	         "\"no file: no copy of the upload: the upload is larger than what is left of [content] copy_space; read "
	         "%lld:%llx; \"",
	         (long long)MANY, sum_of(MANY));
	struct run *run = perform(0, "/ok/", MANY);
	ck_assert_msg(run->outcome == OUTCOME_CONTINUE, "%s", run->reason);
	ck_assert_str_eq(run->result, text);
	run_free(run);
	run = perform(1, "/ok/", MANY);
	ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
	run_free(run);
	assert_result(perform(1, "/ok/", MANY - 1), "file", MANY - 1);
	close_steps();
}
END_TEST

/* The file system takes no more; nothing is cut short. */
START_TEST(a_full_disk)
{
	struct rlimit before, few;
	open_steps(_i, "try-file rewind read", "file");
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	few = before;
	few.rlim_cur = MANY / 2;
	setrlimit(RLIMIT_FSIZE, &few);
	struct run *run = perform(0, "/ok/", MANY);
	ck_assert_msg(run->outcome == OUTCOME_CONTINUE &&
	                  strstr(run->result, "no file: no room for a copy of the upload") != NULL,
	              "%s: %s", run->reason, run->result);
	run_free(run);
	run = perform(1, "/ok/", MANY);
	ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
	ck_assert_msg(strstr(run->reason, "no room for a copy of the upload") != NULL, "%s", run->reason);
	run_free(run);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_result(perform(1, "/ok/", MANY), "file", MANY);
	close_steps();
}
END_TEST

/* An upload that waits for room gets it, when another one has ended. */
START_TEST(room_is_awaited)
{
	char url[128];
	content.copy_space = MANY;
	open_steps(_i, "file wait", "file");
	struct run *holder = submit(0, "/ok/", MANY, 1);
	struct copies_usage usage = {0};
	while (usage.count == 0) {
		poll(NULL, 0, 5);
		copies_usage(workers_copies(workers), &usage);
	}
	snprintf(url, sizeof url, "http://127.0.0.1:%u/ok/%lld", storage.port, (long long)MANY);
	struct upload *upload =
		upload_create(&(struct upload){.id = "other", .filename = "name", .url = url, .filesize = MANY});
	struct run *other = run_create(upload);
	upload_release(upload);
	other->step = 1;
	other->allowed = MINUTE;
	workers_submit(workers, other);
	ck_assert_ptr_null(mailbox_receive(&mailbox, 300 * MILLISECOND));
	workers_cancel(workers, holder);
	ck_assert_ptr_eq(await_run(), holder);
	run_free(holder);
	assert_result(await_run(), "file", MANY);
	copies_forget(workers_copies(workers), "other");
	close_steps();
}
END_TEST

/* The quarantine of the tests: the private key, and what the entry of this run must be. */
static unsigned char private_key[SEAL_KEY];
static struct quarantine *quarantine;
static char hidden[FOLDER_PATH_SIZE];

static void open_quarantine(void)
{
	struct quarantine_options options = {.folder = hidden, .instance = "host"};
	char error[SEAL_ERROR_SIZE];
	size_t length = SEAL_KEY;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	ck_assert(folder_create(hidden));
	ck_assert_int_eq(EVP_PKEY_get_raw_private_key(key, private_key, &length), 1);
	ck_assert_int_eq(EVP_PKEY_get_raw_public_key(key, options.settings.key, &length), 1);
	EVP_PKEY_free(key);
	quarantine = quarantine_create(&options, error);
	ck_assert_msg(quarantine != NULL, "%s", error);
	workers_set_quarantine(workers, quarantine);
}

static void assert_hidden(const char *step, int64_t size)
{
	char name[ENTRY_NAME_SIZE], error[SEAL_ERROR_SIZE];
	struct read_note read;
	const void *bytes;
	ssize_t count;
	int64_t length = 0;
	int opened = open(hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert(opened >= 0 && entry_name("upload", step, name));
	int file = folder_open_sealed(opened, name);
	struct unsealer *unsealer = unsealer_open(file, error);
	ck_assert_msg(unsealer != NULL && unsealer_unlock(unsealer, private_key, error), "%s", error);
	while ((count = unsealer_read(unsealer, &bytes, error)) > 0)
		for (ssize_t i = 0; i < count; i++, length++)
			ck_assert_uint_eq(((const unsigned char *)bytes)[i], storage_server_byte((uint64_t)length));
	ck_assert(count == 0 && length == size);
	ck_assert(note_decode(unsealer_note(unsealer), &read));
	ck_assert_str_eq(read.note.step, step);
	ck_assert_str_eq(read.note.filename, "name");
	ck_assert_str_eq(read.note.sha256, digest_of(size));
	ck_assert_str_eq(read.note.verdict, "infected");
	ck_assert_str_eq(read.note.details, "{\"n\":1}");
	ck_assert_str_eq(read.note.reason, "Eicar");
	note_clear(&read);
	unsealer_free(unsealer);
	close(file);
	close(opened);
}

static const char *const hiding[] = {"hide",           "read hide",           "some hide read", "hide read rewind read",
                                     "file hide read", "rewind sha hide hide"};
#define HIDING ((int)(sizeof hiding / sizeof hiding[0]))

/* Whatever the module has read before, the whole upload is in the quarantine, and read() goes on. */
START_TEST(quarantined)
{
	const char *words = hiding[_i / SIZES % HIDING];
	int64_t size = sizes[_i % SIZES];
	open_steps(_i / SIZES / HIDING, words, words);
	open_quarantine();
	for (size_t i = 0; i < 2; i++) {
		assert_result(perform(i, "/ok/", size), words, size);
		assert_hidden(i == 0 ? "one" : "two", size);
	}
	close_steps();
	quarantine_destroy(quarantine);
	folder_remove(hidden);
}
END_TEST

/* Without a quarantine, on one that is too small, and if the bytes cannot be had, the call fails and says why. */
START_TEST(not_quarantined)
{
	struct quarantine_settings settings = {.max_size = 10};
	open_steps(_i, "hide", "some hide");
	struct run *run = perform(0, "/ok/", SOME);
	ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
	ck_assert_str_eq(run->reason, "not quarantined: the service has no quarantine ([quarantine] folder)");
	run_free(run);
	open_quarantine();
	quarantine_set(quarantine, &settings);
	run = perform(1, "/ok/", MANY);
	ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
	/* Its size depends on the time in its note. */
	ck_assert_msg(strstr(run->reason, "not quarantined: the copy (30011") == run->reason &&
	                  strstr(run->reason, " bytes) is larger than max_size (10 bytes)") != NULL,
	              "%s", run->reason);
	run_free(run);
	copies_forget(workers_copies(workers), "upload");
	run = perform(0, "/cut/", MANY);
	ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
	ck_assert_str_ne(run->reason, "Eicar");
	run_free(run);
	close_steps();
	quarantine_destroy(quarantine);
	folder_remove(hidden);
}
END_TEST

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	Suite *suite = suite_create("bytes");
	TCase *tcase = tcase_create("bytes");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, each_way, 0, BOTH * WAYS * SIZES);
	tcase_add_loop_test(tcase, steps_share, 0, BOTH * 5 * SIZES);
	tcase_add_loop_test(tcase, a_digest_that_is_known, 0, BOTH * KNOWLEDGE * SIZES);
	tcase_add_loop_test(tcase, killed_with_the_file, 0, SIZES);
	tcase_add_loop_test(tcase, a_file_has_no_name, 0, BOTH);
	tcase_add_loop_test(tcase, bytes_that_cannot_be_had, 0, BOTH * FAILURES * 4);
	tcase_add_loop_test(tcase, cancelled_while_it_is_copied, 0, BOTH * 4);
	tcase_add_loop_test(tcase, no_room, 0, BOTH);
	tcase_add_loop_test(tcase, a_full_disk, 0, BOTH);
	tcase_add_loop_test(tcase, room_is_awaited, 0, BOTH);
	tcase_add_loop_test(tcase, quarantined, 0, BOTH * HIDING * SIZES);
	tcase_add_loop_test(tcase, not_quarantined, 0, BOTH);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
