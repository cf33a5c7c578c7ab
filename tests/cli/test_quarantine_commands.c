/* SPDX-License-Identifier: Apache-2.0
 * `postprocessing quarantine --folder`: notes that are hard to show, and exports that are cut short. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/encoding.h"
#include "core/quarantine/folder.h"
#include "tests/harness/folder.h"
#include "tests/harness/process.h"
#include "tests/harness/suite.h"

#define LIMIT (60 * SECOND)
#define OUTPUT_SIZE ((size_t)64 * 1024)

static char folder[FOLDER_PATH_SIZE];
static unsigned char public_key[SEAL_KEY];
static char output[OUTPUT_SIZE]; /* standard output */
static char error[SEAL_ERROR_SIZE];

static const char *below(const char *name)
{
	static char path[16][FOLDER_PATH_SIZE + 64];
	static unsigned next;
	char *one = path[next++ % 16];
	snprintf(one, sizeof path[0], "%s/%.50s", folder, name);
	return one;
}

static void setup(void)
{
	size_t length = SEAL_KEY;
	ck_assert(folder_create(folder));
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	ck_assert_int_eq(EVP_PKEY_get_raw_public_key(key, public_key, &length), 1);
	FILE *file = fopen(below("key.pem"), "we");
	ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	EVP_PKEY_free(key);
	ck_assert(mkdir(below("hidden"), 0700) == 0 && mkdir(below("out"), 0700) == 0);
}

static void teardown(void)
{
	folder_remove(folder);
}

/* Seals so many zero bytes. */
static void seal(const char *id, const char *details, size_t size)
{
	static char zeros[1 << 20];
	char name[ENTRY_NAME_SIZE], file[ENTRY_FILE_SIZE], digits[2 * EVP_MAX_MD_SIZE + 1], path[FOLDER_PATH_SIZE + 64];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length;
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	ck_assert_int_eq(EVP_DigestInit_ex(hash, EVP_sha256(), NULL), 1);
	for (size_t left = size, part; left > 0; left -= part) {
		part = left < sizeof zeros ? left : sizeof zeros;
		ck_assert_int_eq(EVP_DigestUpdate(hash, zeros, part), 1);
	}
	ck_assert_int_eq(EVP_DigestFinal_ex(hash, digest, &length), 1);
	EVP_MD_CTX_free(hash);
	hex_encode(digits, digest, length);
	const struct note note = {.id = id,
	                          .step = "scan",
	                          .filename = "file",
	                          .sha256 = digits,
	                          .verdict = "infected",
	                          .details = details,
	                          .reason = "Eicar",
	                          .size = (int64_t)size,
	                          .time = clock_now()};
	char *text = note_encode(&note, public_key);
	ck_assert(entry_name(id, "scan", name));
	snprintf(path, sizeof path, "%s/%s", below("hidden"), entry_file(name, ENTRY_SEALED, file));
	int sealed = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct sealer *sealer = sealer_begin(sealed, public_key, text, error);
	ck_assert_msg(sealer != NULL, "%s", error);
	for (size_t left = size, part; left > 0; left -= part) {
		part = left < sizeof zeros ? left : sizeof zeros;
		ck_assert(sealer_write(sealer, zeros, part, error));
	}
	ck_assert(sealer_end(sealer, error));
	sealer_free(sealer);
	close(sealed);
	free(text);
}

static void start(struct process *process, const char *const *words)
{
	const char *argv[16] = {"./postprocessing", "quarantine"};
	for (size_t i = 0; i < 12 && words[i] != NULL; i++)
		argv[i + 2] = words[i];
	ck_assert(process_start(process, &(struct process_options){.argv = argv, .log = below("log"), .pipe_out = true}));
}

static int command(const char *const *words)
{
	struct process process = PROCESS_NONE;
	start(&process, words);
	process_read_all(&process, output, sizeof output);
	ck_assert(process_wait(&process, LIMIT));
	int status = process.status;
	process_end(&process);
	return status;
}
#define COMMAND(...) command((const char *const[]){__VA_ARGS__, NULL})

static void assert_said(const char *what)
{
	static char said[1 << 16];
	ck_assert(folder_read(folder, "log", said, sizeof said));
	ck_assert_msg(strstr(said, what) != NULL, "%s", said);
}

/* Details are a module's. Whatever is in them, the JSON has the rest of the note. */
START_TEST(notes_as_json)
{
	static const char *const details[] = {"{\"n\":1}", "{\"n\":123456789012345678901234567890}",
	                                      "{\"n\":\"a\\u0000b\"}", "{\"n\":1e999}", "{\"n\":\"\\ud800\"}"};
	for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
		seal("u1", details[i], 10);
		ck_assert_int_eq(COMMAND("list", "--folder", below("hidden"), "--json"), 0);
		json_t *list = json_loads(output, JSON_ALLOW_NUL, NULL), *entry = json_array_get(list, 0);
		ck_assert_msg(json_is_string(json_object_get(entry, "id")), "%s", output);
		ck_assert_str_eq(json_string_value(json_object_get(entry, "id")), "u1");
		ck_assert_int_eq(json_integer_value(json_object_get(entry, "size")), 10);
		ck_assert(json_object_get(entry, "details") != NULL || json_object_get(entry, "error") != NULL);
		ck_assert(i > 2 || json_object_get(entry, "error") == NULL);
		json_decref(list);
		ck_assert_int_eq(COMMAND("show", "--folder", below("hidden"), "u1"), 0);
		ck_assert_msg(strstr(output, "Details    {\"n\":") != NULL, "%s", output);
	}
}
END_TEST

static bool is_empty(const char *path)
{
	DIR *listing = opendir(path);
	size_t count = 0;
	ck_assert_ptr_nonnull(listing);
	while (readdir(listing) != NULL)
		count++;
	closedir(listing);
	return count == 2;
}

/* Whether the process has a file of this folder open. */
static bool has_open(pid_t pid, const char *path)
{
	char fds[64], link[FOLDER_PATH_SIZE + 256];
	const struct dirent *found;
	bool is = false;
	snprintf(fds, sizeof fds, "/proc/%d/fd", (int)pid);
	DIR *listing = opendir(fds);
	while (listing != NULL && !is && (found = readdir(listing)) != NULL) {
		ssize_t length = readlinkat(dirfd(listing), found->d_name, link, sizeof link - 1);
		link[length > 0 ? length : 0] = '\0';
		is = strncmp(link, path, strlen(path)) == 0;
	}
	if (listing != NULL)
		closedir(listing);
	return is;
}

/* The export of a large file is killed: nothing of the file is left. */
START_TEST(killed_export)
{
	struct process process = PROCESS_NONE;
	const char *out = below("out"), *file = below("out/file");
	seal("u1", "{}", (size_t)96 << 20);
	start(&process, (const char *const[]){"export", "--folder", below("hidden"), "--key", below("key.pem"), "--output",
	                                      file, "u1", NULL});
	nanos until = clock_monotonic() + LIMIT;
	while (!has_open(process.pid, out) && clock_monotonic() < until)
		;
	ck_assert(process_signal(&process, SIGKILL));
	ck_assert(process_wait(&process, LIMIT));
	ck_assert_int_eq(process.status, 128 + SIGKILL);
	process_end(&process);
	ck_assert(is_empty(out));
	ck_assert_int_eq(COMMAND("export", "--folder", below("hidden"), "--key", below("key.pem"), "--output", file, "u1"),
	                 0);
	ck_assert(!is_empty(out));
	ck_assert_int_eq(COMMAND("export", "--folder", below("hidden"), "--key", below("key.pem"), "--output", file, "u1"),
	                 2);
	assert_said("the file exists; choose another --output");
	ck_assert_int_eq(
		COMMAND("export", "--folder", below("hidden"), "--key", below("key.pem"), "--output", below("no/file"), "u1"),
		2);
	assert_said("no/file: No such file or directory");
}
END_TEST

/* A note beside the sealed file that cannot be read was not changed. */
START_TEST(note_that_cannot_be_read)
{
	char name[ENTRY_NAME_SIZE], file[ENTRY_FILE_SIZE], path[FOLDER_PATH_SIZE + 128];
	seal("u1", "{}", 10);
	ck_assert(entry_name("u1", "scan", name));
	snprintf(path, sizeof path, "%s/%s", below("hidden"), entry_file(name, ENTRY_NOTE, file));
	ck_assert(symlink("elsewhere", path) == 0);
	ck_assert_int_eq(
		COMMAND("export", "--folder", below("hidden"), "--key", below("key.pem"), "--output", below("out/file"), "u1"),
		2);
	assert_said(".json: it is a symbolic link. If you trust the sealed note, delete ");
	ck_assert(is_empty(below("out")));
}
END_TEST

/* Nothing is removed that cannot be noted. */
START_TEST(purge_that_cannot_be_noted)
{
	char ini[4 * FOLDER_PATH_SIZE];
	seal("u1", "{}", 10);
	seal("u2", "{}", 10);
	FILE *file = fopen(below("public.pem"), "we");
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, SEAL_KEY);
	ck_assert_int_eq(PEM_write_PUBKEY(file, key), 1);
	fclose(file);
	EVP_PKEY_free(key);
	snprintf(ini, sizeof ini, "[quarantine]\nfolder = %s\npublic_key = %s\n[audit]\nfile = %s\n", below("hidden"),
	         below("public.pem"), below("audit.log"));
	ck_assert(folder_write(folder, "p.ini", ini, strlen(ini)));
	ck_assert_int_eq(mkfifo(below("audit.log"), 0600), 0);
	ck_assert_int_eq(COMMAND("purge", "-c", below("p.ini"), "--reason", "all", "--older-than", "1ns"), 2);
	assert_said("audit.log: not a regular file; nothing is removed");
	ck_assert_str_eq(output, "");
	ck_assert_int_eq(COMMAND("list", "-c", below("p.ini")), 0);
	ck_assert_msg(strstr(output, "u1") != NULL && strstr(output, "u2") != NULL, "%s", output);
	ck_assert_int_eq(unlink(below("audit.log")), 0);
	ck_assert_int_eq(COMMAND("purge", "-c", below("p.ini"), "--reason", "all", "--older-than", "1ns"), 0);
	ck_assert_msg(strstr(output, "2 removed for good:") != NULL, "%s", output);
	ck_assert(is_empty(below("hidden")));
	ck_assert_int_eq(COMMAND("purge", "-c", below("p.ini"), "--reason", "all", "--older-than", "1ns"), 0);
	ck_assert_str_eq(output, "nothing to remove\n");
	ck_assert_int_eq(COMMAND("purge", "-c", below("p.ini"), "--reason", "all", "--older-than", "1ns", "--json"), 0);
	ck_assert_str_eq(output, "[]\n");
	ck_assert(folder_read(folder, "audit.log", output, sizeof output));
	ck_assert_msg(strstr(output, "\"purged\",\"upload\":\"u1\"") != NULL &&
	                  strstr(output, "\"purged\",\"upload\":\"u2\"") != NULL,
	              "%s", output);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {notes_as_json, killed_export, note_that_cannot_be_read, purge_that_cannot_be_noted};
	return suite_run_with("quarantine_commands", setup, teardown, tests, sizeof tests / sizeof tests[0], 120);
}
