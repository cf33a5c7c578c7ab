/* SPDX-License-Identifier: Apache-2.0
 * The quarantine and the audit log through the whole service, and the commands on both. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/quarantine/folder.h"
#include "tests/scenario/storage.h"

#define SIZE 300000

static struct scenario scenario;
static char keys[FOLDER_PATH_SIZE], text[1 << 16];
static char bytes[SIZE];

static void write_keys(void)
{
	char path[FOLDER_PATH_SIZE + 16];
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	snprintf(path, sizeof path, "%s/private.pem", keys);
	FILE *file = fopen(path, "w");
	ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	snprintf(path, sizeof path, "%s/public.pem", keys);
	file = fopen(path, "w");
	ck_assert_int_eq(PEM_write_PUBKEY(file, key), 1);
	fclose(file);
	EVP_PKEY_free(key);
}

/* Two steps that put their upload into the quarantine: a in a process, b on a thread. */
static void begin_with(const char *steps, bool hidden, const char *lines)
{
	static char modules[FOLDER_PATH_SIZE + 64], ini[2048];
	static const char *environment[2];
	char build[FOLDER_PATH_SIZE];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	ck_assert(folder_create(keys));
	write_keys();
	snprintf(modules, sizeof modules, "POSTPROCESSING_PLUGIN_DIR=%s/tests/modules/.libs", build);
	environment[0] = modules;
	snprintf(ini, sizeof ini,
	         "[step:a]\nmodule = reader\ndo = hide\nretry_backoff = 1s\n"
	         "[step:b]\nmodule = reader\ndo = read hide\nisolation = thread\n"
	         "%sfolder = %s/hidden\n%spublic_key = %s/public.pem\n%s\n[audit]\nfile = %s/audit.log\n",
	         hidden ? "[quarantine]\n" : "#", keys, hidden ? "" : "#", keys, lines, keys);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 31 + i / 251);
	scenario_begin(&scenario, &(struct scenario_options){.steps = steps, .ini = ini, .env = environment}, false);
	storage_server_put(&scenario.storage, "/large", bytes, SIZE);
}

static void begin(const char *steps, const char *lines)
{
	begin_with(steps, true, lines);
}

static void end(void)
{
	scenario_close(&scenario);
	folder_remove(keys);
}

static size_t count(const char *where, const char *what)
{
	size_t found = 0;
	for (const char *at = where; (at = strstr(at, what)) != NULL; at++)
		found++;
	return found;
}

static size_t audited(const char *what)
{
	static char audit[1 << 16];
	return folder_read(keys, "audit.log", audit, sizeof audit) ? count(audit, what) : 0;
}

static bool is_audited(void *closure)
{
	return audited(closure) > 0;
}

static void await_audit(const char *what)
{
	ck_assert_msg(wait_until(is_audited, (void *)(uintptr_t)what, TEST_LIMIT), "not in the audit log: %s", what);
}

static bool has_entries(void *closure)
{
	return scenario_metric(&scenario, "postprocessing_quarantine_entries") == *(const uint64_t *)closure;
}

static void await_entries(uint64_t entries)
{
	ck_assert(wait_until(has_entries, &entries, TEST_LIMIT));
}

START_TEST(uploads_are_sealed)
{
	begin("a,b", "");
	storage_expect(&scenario, "u1", "/large", SIZE, "continue");
	await_audit("\"act\":\"quarantined\",\"upload\":\"u1\",\"step\":\"a\"");
	await_audit("\"act\":\"quarantined\",\"upload\":\"u1\",\"step\":\"b\"");
	await_entries(2);
	ck_assert_uint_gt(scenario_metric(&scenario, "postprocessing_quarantine_bytes"), 2 * SIZE);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_quarantined_total"), 2);
	scenario_await_log(&scenario, "upload u1: a: a copy is in the quarantine: Eicar");
	scenario_await_log(&scenario, "/hidden: copies: 0, bytes: 0, no max_size");
	/* The service restarts: the entries stay, and the same upload replaces its own. */
	scenario_kill_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	scenario_await_log(&scenario, "/hidden: copies: 2, bytes: 60");
	await_entries(2);
	storage_expect(&scenario, "u2", "/large", SIZE, "continue");
	await_entries(4);
	ck_assert_uint_eq(audited("\"act\":\"quarantined\""), 4);
	end();
}
END_TEST

/* The step has a verdict and cannot act on it, so the end does not say that there is none. */
START_TEST(given_up)
{
	begin("a", "max_size = 1000\n[step:a]\nmax_retries = 1\n");
	storage_expect(&scenario, "u1", "/large", SIZE, "abort");
	scenario_await_log(&scenario, "warning upload u1: abort by a after all retries: ");
	ck_assert_uint_eq(scenario_log_count(&scenario, "no verdict"), 0);
	end();
}
END_TEST

static int command(const char *const *words)
{
	return scenario_command(&scenario, words, text, sizeof text);
}
#define COMMAND(...) command((const char *const[]){__VA_ARGS__, NULL})

static bool is_noted(void *closure)
{
	const char *what = closure;
	bool ready = scenario_has(&scenario, "quarantine", text, sizeof text);
	return ready && (what[0] == '\0' ? text[0] == '\0' : strstr(text, what) != NULL);
}

/* What /readyz notes of the quarantine; "": nothing. The service is ready in any case. */
static void await_note(const char *what)
{
	ck_assert_msg(wait_until(is_noted, (void *)(uintptr_t)what, TEST_LIMIT), "noted instead: %s", text);
	ck_assert_int_eq(scenario_http(&scenario, "/readyz"), 200);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_quarantine_noted"), what[0] != '\0');
}

/* Writes another value of the same length into the configuration, and has the service read it again. */
static void set_limit(const char *now, const char *then)
{
	char ini[4096];
	ck_assert(folder_read(scenario.folder, "postprocessing.ini", ini, sizeof ini));
	char *limit = strstr(ini, now);
	ck_assert_ptr_nonnull(limit);
	memcpy(limit, then, strlen(now));
	ck_assert(folder_write(scenario.folder, "postprocessing.ini", ini, strlen(ini)));
	ck_assert(process_signal(&scenario.service, SIGHUP));
	scenario_await_log(&scenario, "the new configuration is in effect");
}

/* Without room, the step fails and is retried, and the upload is not lost; with room, it goes on. */
START_TEST(full)
{
	begin("a", "max_size = 400000\n");
	scenario_await_log(&scenario, "/hidden: copies: 0, bytes: 0, max_size: 400000");
	storage_expect(&scenario, "u1", "/large", SIZE, "continue");
	storage_bytes_received(&scenario, "u2", "/large", SIZE);
	scenario_await_log(&scenario, "not quarantined: the quarantine is full: 30");
	scenario_await_log(&scenario, "upload u2: a: no copy is in the quarantine: the quarantine is full: ");
	scenario_await_log(&scenario, "`postprocessing quarantine purge` makes room");
	/* Each failure counts at once, also while no copy succeeds. */
	uint64_t logged = scenario_log_count(&scenario, "no copy is in the quarantine: ");
	ck_assert_uint_ge(scenario_metric(&scenario, "postprocessing_quarantine_failures_total"), logged);
	await_note("the quarantine is full: 30");
	scenario_await_log(&scenario, "error quarantine: not working: the quarantine is full: ");
	ck_assert_int_eq(COMMAND("health"), 0);
	ck_assert_msg(count(text, "the quarantine is full: ") == 1, "%s", text);
	ck_assert_int_eq(COMMAND("quarantine", "purge", "--reason", "full", "u1"), 0);
	storage_check_finished(&scenario, "u2", "continue");
	await_note("");
	scenario_await_log(&scenario, "quarantine: works again");
	await_entries(1);
	end();
}
END_TEST

/* A copy for which no purge could make room. */
START_TEST(too_large)
{
	begin("a", "max_size = 1000\n");
	storage_bytes_received(&scenario, "u1", "/large", SIZE);
	scenario_await_log(&scenario, "upload u1: a: no copy is in the quarantine: the copy (30");
	scenario_await_log(&scenario, " bytes) is larger than max_size (1000 bytes)");
	ck_assert_uint_eq(scenario_log_count(&scenario, "quarantine purge"), 0);
	await_note(" bytes) is larger than max_size (1000 bytes)");
	set_limit("max_size = 1000", "max_size = 1GB ");
	storage_check_finished(&scenario, "u1", "continue");
	await_entries(1);
	end();
}
END_TEST

/* A quarantine that a reload adds is there after the next start only. Until then, no step may count on it. */
START_TEST(added_by_a_reload)
{
	char ini[4096];
	begin_with("a", false, "");
	scenario_await_ready(&scenario);
	ck_assert(folder_read(scenario.folder, "postprocessing.ini", ini, sizeof ini));
	char *commented = strstr(ini, "#folder"), *words = strstr(ini, "do = hide"), *key = strstr(ini, "#public_key");
	ck_assert(commented != NULL && words != NULL && key != NULL);
	*key = ' ';
	memmove(commented + strlen("[quarantine]\n"), commented + 1, strlen(commented));
	memcpy(commented, "[quarantine]\n", strlen("[quarantine]\n"));
	memmove(words + strlen("do = must hide"), words + strlen("do = hide"), strlen(words + strlen("do = hide")) + 1);
	memcpy(words, "do = must hide", strlen("do = must hide"));
	ck_assert(folder_write(scenario.folder, "postprocessing.ini", ini, strlen(ini)));
	ck_assert_int_eq(COMMAND("steps"), 0);
	ck_assert(process_signal(&scenario.service, SIGHUP));
	scenario_await_log(&scenario, "there is no quarantine");
	scenario_await_log(&scenario, "[quarantine] folder: takes effect only when the service is started again");
	scenario_await_log(&scenario, "reload refused");
	scenario_stop_service(&scenario);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	storage_expect(&scenario, "u1", "/large", SIZE, "continue");
	await_entries(1);
	end();
}
END_TEST

START_TEST(retention)
{
	begin("a", "retention = 1s\n");
	storage_expect(&scenario, "u1", "/large", SIZE, "continue");
	await_audit("\"act\":\"quarantined\"");
	await_audit("\"act\":\"purged_by_retention\",\"upload\":\"u1\",\"step\":\"a\"");
	await_entries(0);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_quarantine_expired_total"), 1);
	ck_assert_uint_eq(audited("purged_by_retention"), 1);
	end();
}
END_TEST

/* On standard error, by any of the commands so far. */
static void assert_said(const char *what)
{
	static char said[1 << 16];
	ck_assert(folder_read(scenario.folder, "command.log", said, sizeof said));
	ck_assert_msg(strstr(said, what) != NULL, "%s", said);
}

static const char *in_keys(const char *name)
{
	static char path[4][FOLDER_PATH_SIZE + 64];
	static unsigned next;
	char *one = path[next++ % 4];
	snprintf(one, sizeof path[0], "%s/%s", keys, name);
	return one;
}

static void assert_exported(const char *name)
{
	static char exported[SIZE + 1];
	struct stat info;
	FILE *file = fopen(in_keys(name), "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fread(exported, 1, sizeof exported, file), SIZE);
	ck_assert(fstat(fileno(file), &info) == 0 && (info.st_mode & 07777) == 0600);
	fclose(file);
	ck_assert_mem_eq(exported, bytes, SIZE);
}

START_TEST(commands)
{
	begin("a,b", "");
	ck_assert_int_eq(COMMAND("quarantine", "list", "--json"), 0);
	ck_assert_str_eq(text, "[]");
	storage_expect(&scenario, "u1", "/large", SIZE, "continue");
	ck_assert_int_eq(COMMAND("quarantine", "list"), 0);
	ck_assert_msg(count(text, "u1") == 2 && count(text, "infected") == 2 && count(text, "300000") == 2, "%s", text);
	ck_assert_int_eq(COMMAND("quarantine", "list", "--older-than", "1h", "--json"), 0);
	ck_assert_str_eq(text, "[]");
	ck_assert_int_eq(COMMAND("quarantine", "show", "u2"), 2);
	ck_assert_int_eq(COMMAND("quarantine", "show", "u1"), 2); /* of which step? */
	assert_said("choose one with --step (");
	ck_assert_int_eq(COMMAND("quarantine", "show", "-s", "b", "u1"), 0);
	ck_assert_msg(count(text, "SHA-256") == 1 && count(text, "Eicar") == 1, "%s", text);
	ck_assert_int_eq(COMMAND("quarantine", "show", "-s", "b", "--json", "u1"), 0);
	ck_assert_msg(count(text, "\"verdict\": \"infected\"") == 1 && count(text, "\"size\": 300000") == 1, "%s", text);

	ck_assert_int_eq(COMMAND("quarantine", "export", "-s", "a", "--key", in_keys("private.pem"), "--output",
	                         in_keys("out"), "--reason", "a look", "u1"),
	                 0);
	ck_assert_msg(count(text, "u1: exported to ") == 1, "%s", text);
	assert_exported("out");
	ck_assert_int_eq(COMMAND("show", "u1"), 0);
	ck_assert_msg(count(text, "copy      in the quarantine, from a; see `postprocessing quarantine show u1`") == 1 &&
	                  count(text, "copy      in the quarantine, from b; ") == 1,
	              "%s", text);
	ck_assert_uint_eq(audited("\"act\":\"exported\",\"upload\":\"u1\",\"step\":\"a\",\"user\":\""), 1);
	ck_assert_uint_eq(audited("\"reason\":\"a look\""), 1);
	/* Neither over a file, nor without the key. */
	ck_assert_int_eq(
		COMMAND("quarantine", "export", "-s", "a", "--key", in_keys("private.pem"), "--output", in_keys("out"), "u1"),
		2);
	assert_said("the file exists");
	ck_assert_int_eq(
		COMMAND("quarantine", "export", "-s", "a", "--key", in_keys("public.pem"), "--output", in_keys("out2"), "u1"),
		2);

	ck_assert_int_eq(COMMAND("quarantine", "purge", "u1"), 2); /* no reason */
	ck_assert_int_eq(COMMAND("quarantine", "purge", "--reason", "done", "u1", "u2"), 2);
	await_entries(2);
	ck_assert_int_eq(COMMAND("quarantine", "purge", "--reason", "done", "--json", "-s", "a", "u1"), 0);
	ck_assert_int_eq(COMMAND("show", "--json", "u1"), 0);
	ck_assert_msg(count(text, "\"quarantined\": [    \"b\"  ]") == 1, "%s", text);
	ck_assert_uint_eq(count(text, "\"id\": \"u1\""), 1);
	ck_assert_int_eq(COMMAND("quarantine", "purge", "--reason", "all", "--older-than", "1ns"), 0);
	ck_assert_uint_eq(audited("\"act\":\"purged\""), 2);
	ck_assert_uint_eq(audited("\"reason\":\"all\""), 1);
	ck_assert_int_eq(COMMAND("quarantine", "list", "--json"), 0);
	ck_assert_str_eq(text, "[]");
	end();
}
END_TEST

/* Each change of the sealed file or the note stops the export, and nothing is left of it. */
START_TEST(changed_files)
{
	char name[ENTRY_NAME_SIZE], file[ENTRY_FILE_SIZE];
	char hidden[FOLDER_PATH_SIZE + 64], *sealed = malloc(2 * SIZE), *changed = malloc(2 * SIZE), note[8192];
	begin("a", "");
	storage_expect(&scenario, "u1", "/large", SIZE, "continue");
	ck_assert(entry_name("u1", "a", name));
	snprintf(hidden, sizeof hidden, "%s/hidden", keys);
	int folder = open(hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC), opened = folder_open_sealed(folder, name);
	ssize_t length = read(opened, sealed, 2 * SIZE);
	ck_assert_int_gt(length, SIZE);
	close(opened);
	close(folder);
	const size_t places[] = {20, 60, 100, 2000, (size_t)length / 2, (size_t)length - 1};
	for (size_t i = 0; i <= sizeof places / sizeof places[0]; i++) {
		bool cut = i == sizeof places / sizeof places[0];
		memcpy(changed, sealed, (size_t)length);
		if (!cut)
			changed[places[i]] ^= 1;
		ck_assert(folder_write(hidden, entry_file(name, ENTRY_SEALED, file), changed, (size_t)length - 70000 * cut));
		ck_assert_int_eq(
			COMMAND("quarantine", "export", "--key", in_keys("private.pem"), "--output", in_keys("out"), name), 2);
		ck_assert(access(in_keys("out"), F_OK) != 0);
	}
	ck_assert(folder_write(hidden, entry_file(name, ENTRY_SEALED, file), sealed, (size_t)length));
	entry_file(name, ENTRY_NOTE, file);
	ck_assert(folder_read(hidden, file, note, sizeof note));
	note[strlen(note) - 5] ^= 1;
	ck_assert(folder_write(hidden, file, note, strlen(note)));
	ck_assert_int_eq(COMMAND("quarantine", "export", "--key", in_keys("private.pem"), "--output", in_keys("out"), "u1"),
	                 2);
	assert_said(".json differs from the sealed note. If you trust the sealed note, delete ");
	ck_assert_uint_eq(audited("exported"), 0);
	/* What counts is in the sealed file. The folder can be elsewhere, without a configuration. */
	snprintf(hidden, sizeof hidden, "%s/hidden/%s", keys, file);
	ck_assert(unlink(hidden) == 0);
	ck_assert_int_eq(COMMAND("quarantine", "export", "--folder", in_keys("hidden"), "--key", in_keys("private.pem"),
	                         "--output", in_keys("out"), "u1"),
	                 0);
	assert_exported("out");
	ck_assert_uint_eq(audited("exported"), 0);
	free(sealed);
	free(changed);
	end();
}
END_TEST

/* The service dies at any time. The uploads end once, and each has its two copies, whole. */
START_TEST(killed_in_between)
{
	enum { UPLOADS = 6 };
	char id[8], name[16];
	begin("a,b", "");
	for (int i = 0; i < UPLOADS; i++) {
		snprintf(id, sizeof id, "u%d", i);
		storage_bytes_received(&scenario, id, "/large", SIZE);
		usleep((useconds_t)(i * 12000));
		scenario_kill_service(&scenario);
		scenario_start_service(&scenario);
		scenario_await_ready(&scenario);
	}
	for (int i = 0; i < UPLOADS; i++) {
		snprintf(id, sizeof id, "u%d", i);
		storage_check_finished(&scenario, id, "continue");
		for (int step = 'a'; step <= 'b'; step++) {
			const char of[2] = {(char)step, '\0'};
			snprintf(name, sizeof name, "%s-%s", id, of);
			ck_assert_int_eq(COMMAND("quarantine", "export", "-s", of, "--key", in_keys("private.pem"), "--output",
			                         in_keys(name), id),
			                 0);
			assert_exported(name);
		}
	}
	await_entries(2 * UPLOADS);
	end();
}
END_TEST

/* A key that cannot be used is an error of the configuration; with another one, new copies are for that. */
START_TEST(another_key)
{
	begin("a", "");
	storage_expect(&scenario, "u1", "/large", SIZE, "continue");
	ck_assert(folder_write(keys, "public.pem", "nonsense", strlen("nonsense")));
	ck_assert_int_eq(COMMAND("steps"), 2);
	ck_assert(process_signal(&scenario.service, SIGHUP));
	scenario_await_log(&scenario, ": public_key: ");
	scenario_await_log(&scenario, "reload refused");
	ck_assert(rename(in_keys("private.pem"), in_keys("old.pem")) == 0);
	write_keys();
	ck_assert(process_signal(&scenario.service, SIGHUP));
	scenario_await_log(&scenario, "the new configuration is in effect");
	storage_expect(&scenario, "u2", "/large", SIZE, "continue");
	ck_assert_int_eq(COMMAND("quarantine", "export", "--key", in_keys("old.pem"), "--output", in_keys("out"), "u2"), 2);
	assert_said("u2: sealed for another key");
	ck_assert_int_eq(COMMAND("quarantine", "export", "--key", in_keys("private.pem"), "--output", in_keys("out"), "u2"),
	                 0);
	ck_assert_int_eq(COMMAND("quarantine", "export", "--key", in_keys("old.pem"), "--output", in_keys("out1"), "u1"),
	                 0);
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {uploads_are_sealed, full,     given_up,      too_large,         added_by_a_reload,
	                              retention,          commands, changed_files, killed_in_between, another_key};
	return scenario_run("quarantine", tests, sizeof tests / sizeof tests[0]);
}
