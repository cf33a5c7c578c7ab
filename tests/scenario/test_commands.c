/* SPDX-License-Identifier: Apache-2.0
 * The commands beside the service, as people and scripts use them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/upload/record.h"
#include "tests/harness/fetch.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

static void start_command(struct process *process, const char *const *argv, const char *const *env)
{
	char log[FOLDER_PATH_SIZE + 32];
	snprintf(log, sizeof log, "%s/command.log", scenario.folder);
	ck_assert(
		process_start(process, &(struct process_options){.argv = argv, .env = env, .log = log, .pipe_out = true}));
}

/* Runs a command to its end; its output goes to `text`. Returns its exit status. */
static int run_command(const char *const *argv, const char *const *env, char *text, size_t size)
{
	struct process process = PROCESS_NONE;
	start_command(&process, argv, env);
	text[0] = '\0';
	for (size_t used = 0; process_read_line(&process, text + used, size - used, TEST_LIMIT); used = strlen(text))
		ck_assert_uint_lt(strlen(text), size - 1);
	ck_assert(process_wait(&process, TEST_LIMIT));
	int status = process.status;
	process_end(&process);
	return status;
}

/* The upload that the command has announced; NULL: none yet. */
static const struct recorded *announced(void)
{
	recorder_update(&scenario.recorder);
	for (size_t i = 0; i < scenario.recorder.count; i++)
		if (strcmp(scenario.recorder.message[i].type, "BytesReceived") == 0)
			return &scenario.recorder.message[i];
	return NULL;
}

static bool is_announced(void *closure)
{
	(void)closure;
	return announced() != NULL;
}

/* Submits a file, waits until its step waits, and ends the command with this signal. Returns its exit status. */
static int submit_and_end(int signal_number, const char *timeout)
{
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], id[64], text[4096];
	struct process submit = PROCESS_NONE;
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 1h\n"},
	               false);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/file", scenario.folder);
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	start_command(&submit, (const char *const[]){"./postprocessing", "submit", "-c", ini, "-t", timeout, path, NULL},
	              NULL);
	ck_assert(wait_until(is_announced, NULL, TEST_LIMIT));
	snprintf(id, sizeof id, "%s", announced()->upload);
	if (signal_number != 0) {
		records_await(&scenario, id, "phase", "waiting");
		ck_assert(process_signal(&submit, signal_number));
	}
	ck_assert(process_wait(&submit, TEST_LIMIT));
	int status = submit.status;
	process_end(&submit);
	/* Nothing continues: the record only shows people what has become of it. */
	records_await(&scenario, id, "phase", "ended");
	json_t *record = records_read(&scenario, id);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(record, "Status"), "Outcome")), "abort");
	json_decref(record);
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"show", id, NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "steps     delay"
	                           "state") != NULL &&
	                  strstr(text, "reason    withdrawn by submit in step delay") != NULL,
	              "%s", text);
	scenario_close(&scenario);
	return status;
}

START_TEST(interrupted_submit_withdraws)
{
	ck_assert_int_eq(submit_and_end(SIGINT, "1h"), 128 + SIGINT);
}
END_TEST

START_TEST(terminated_submit_withdraws)
{
	ck_assert_int_eq(submit_and_end(SIGTERM, "1h"), 128 + SIGTERM);
}
END_TEST

START_TEST(impatient_submit_withdraws)
{
	ck_assert_int_eq(submit_and_end(0, "2s"), 2);
}
END_TEST

/* The broker stores what is published but does not confirm it: the service may have what the command believes lost. */
START_TEST(unsure_submit_withdraws)
{
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], text[512];
	jsStreamConfig stream;
	scenario_open(&scenario, NULL);
	jsStreamConfig_Init(&stream);
	stream.Name = "main-queue";
	stream.NoAck = true;
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/file", scenario.folder);
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	const char *const argv[] = {"./postprocessing", "submit", "-c", ini, path, NULL};
	ck_assert_int_eq(run_command(argv, NULL, text, sizeof text), 2);
	ck_assert_msg(strstr(text, "(the broker did not confirm the upload's event or its withdrawal; a service may still "
	                           "process it)") != NULL,
	              "%s", text);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(scenario.recorder.count, 2);
	const struct recorded *message = scenario.recorder.message;
	ck_assert_str_eq(message[0].type, "BytesReceived");
	ck_assert_str_eq(message[1].type, "UploadReady");
	ck_assert_str_eq(message[1].upload, message[0].upload);
	ck_assert(json_is_true(json_object_get(message[1].payload, "Failed")));
	scenario_close(&scenario);
}
END_TEST

/* Nothing is known of the file when its time is over. */
START_TEST(timeout_without_news)
{
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], text[512];
	jsStreamConfig stream;
	scenario_open(&scenario, NULL);
	jsStreamConfig_Init(&stream);
	stream.Name = "main-queue";
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/file", scenario.folder);
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	const char *const argv[] = {"./postprocessing", "submit", "-t", "100ms", "-c", ini, path, NULL};
	ck_assert_int_eq(run_command(argv, NULL, text, sizeof text), 2);
	ck_assert_msg(strstr(text, "  (timed out; see `postprocessing show ") != NULL, "%s", text);
	scenario_close(&scenario);
}
END_TEST

/* Writes the record of an upload that a step has rejected. */
static void plant_rejected(const char *upload)
{
	static const char *const steps[] = {"virusscan"};
	struct text value = {0};
	char key[RECORD_KEY_SIZE];
	kvStore *bucket = NULL;
	struct record record = {.owner = "test", .writer = "test"};
	record.upload = upload_create(&(struct upload){.id = upload, .url = "http://x", .step = steps, .step_count = 1});
	record.status = (struct status){.step = 1,
	                                .decided = 1,
	                                .outcome = OUTCOME_ABORT,
	                                .phase = PHASE_CONFIRMING,
	                                .due = clock_now() + HOUR,
	                                .reason = "encrypted: Odd.Zip"};
	record_encode(&value, &record);
	record_key(NULL, upload, key);
	ck_assert_int_eq(js_KeyValue(&bucket, scenario.js, "postprocessing"), NATS_OK);
	ck_assert_int_eq(kvStore_Put(NULL, bucket, key, value.data, (int)value.length), NATS_OK);
	kvStore_Destroy(bucket);
	text_free(&value);
	upload_release(record.upload);
}

/* The test is the service. What it publishes last, the record, is what the command needs. */
START_TEST(submit_waits_for_the_reason)
{
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], text[4096], id[64];
	struct process submit = PROCESS_NONE;
	jsStreamConfig stream;
	scenario_open(&scenario, NULL);
	jsStreamConfig_Init(&stream);
	stream.Name = "main-queue";
	ck_assert_int_eq(js_AddStream(NULL, scenario.js, &stream, NULL, NULL), NATS_OK);
	records_plant(&scenario, records_foreign(&scenario, "another", "/none", "virusscan", "virusscan", ""));
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/file", scenario.folder);
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	start_command(&submit, (const char *const[]){"./postprocessing", "submit", "--json", "-c", ini, path, NULL}, NULL);
	ck_assert(wait_until(is_announced, NULL, TEST_LIMIT));
	snprintf(id, sizeof id, "%s", announced()->upload);
	storage_say(&scenario, "PostprocessingFinished",
	            json_pack("{s:s, s:s, s:s}", "UploadID", id, "Filename", "file", "Outcome", "abort"));
	/* So late that a command that looks once finds no reason. */
	usleep(200000);
	plant_rejected(id);
	process_read_all(&submit, text, sizeof text);
	ck_assert(process_wait(&submit, TEST_LIMIT));
	ck_assert_int_eq(submit.status, 1);
	ck_assert_msg(strstr(text, "\"detail\": \"virusscan: encrypted: Odd.Zip\"") != NULL, "%s", text);
	process_end(&submit);
	scenario_close(&scenario);
}
END_TEST

/* A file that a step has not fully looked at does not look like a clean one. */
START_TEST(submit_shows_verdicts)
{
	static char file[2048];
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], text[4096];
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\nmax_scan_size = 1KB\n"},
	               true);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/file", scenario.folder);
	for (unsigned part = 0; part < 2; part++) {
		ck_assert(folder_write(scenario.folder, "file", file, part == 0 ? 1000 : sizeof file));
		ck_assert_int_eq(run_command((const char *const[]){"./postprocessing", "submit", "-c", ini, path, NULL}, NULL,
		                             text, sizeof text),
		                 0);
		ck_assert_msg(strstr(text, part == 0 ? "s  file" : "s  file  (virusscan: partial: only the first 1000 bytes") !=
		                  NULL,
		              "%s", text);
		ck_assert_msg(part != 0 || strchr(text, '(') == NULL, "%s", text);
	}
	scenario_close(&scenario);
}
END_TEST

/* The find of a scanner looks the same whether it rejects the file or not, and in JSON. */
START_TEST(submit_shows_finds)
{
	static const char *const outcome[] = {"continue", "abort"};
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], text[4096], infected[64];
	char eicar[EICAR_SIZE + 1];
	eicar_make(eicar);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(infected, sizeof infected, "[step:virusscan]\ninfected = %s\n", outcome[i]);
		scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan", .ini = infected}, true);
		snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
		snprintf(path, sizeof path, "%s/file", scenario.folder);
		ck_assert(folder_write(scenario.folder, "file", eicar, EICAR_SIZE));
		ck_assert_int_eq(run_command((const char *const[]){"./postprocessing", "submit", "-c", ini, path, NULL}, NULL,
		                             text, sizeof text),
		                 i);
		ck_assert_msg(strstr(text, "s  file  (virusscan: infected: " EICAR_NAME ")") != NULL, "%s", text);
		ck_assert_int_eq(
			run_command((const char *const[]){"./postprocessing", "submit", "--json", "-c", ini, path, NULL}, NULL,
		                text, sizeof text),
			i);
		ck_assert_msg(strstr(text, "\"detail\": \"virusscan: infected: " EICAR_NAME "\"") != NULL, "%s", text);
		scenario_close(&scenario);
	}
}
END_TEST

static bool command_says(void *closure)
{
	char said[4096];
	return folder_read(scenario.folder, "command.log", said, sizeof said) && strstr(said, closure) != NULL;
}

/* No record is written when a run begins. The service knows that the upload is no longer queued, and until when. */
START_TEST(run_that_hangs)
{
	static char running[] = "slow running, until 20";
	static const char ini[] =
		"[step:slow]\nmodule = exec\nallow = exec\ninput = none\ncommand = /bin/sleep 3600\ndeadline = 1h\n";
	char file[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], address[64], text[8192], id[64];
	struct process submit = PROCESS_NONE;
	scenario_begin(&scenario, &(struct scenario_options){.steps = "slow", .ini = ini}, false);
	snprintf(file, sizeof file, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/file", scenario.folder);
	snprintf(address, sizeof address, "POSTPROCESSING_DEBUG_ADDR=127.0.0.1:%u", scenario_http_port(&scenario));
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	start_command(&submit, (const char *const[]){"./postprocessing", "submit", "-c", file, path, NULL},
	              (const char *const[]){address, NULL});
	ck_assert(wait_until(command_says, running, TEST_LIMIT));
	snprintf(id, sizeof id, "%s", announced()->upload);
	records_await(&scenario, id, "phase", "queued");
	const char *const words[][4] = {{"list", NULL}, {"list", "--state", "running", NULL}, {"show", id, NULL}};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		ck_assert_int_eq(scenario_command(&scenario, words[i], text, sizeof text), 0);
		const char *since = strstr(text, "running since 20");
		ck_assert_msg(since != NULL && strstr(since, "Z, until 20") != NULL && strstr(since, "Z (in 59m") != NULL, "%s",
		              text);
	}
	ck_assert_int_eq(
		scenario_command(&scenario, (const char *const[]){"list", "--state", "queued", NULL}, text, sizeof text), 0);
	ck_assert_str_eq(text, "no matching uploads");
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"show", "--json", id, NULL}, text, sizeof text),
	                 0);
	ck_assert_msg(strstr(text, "\"running\": {") != NULL && strstr(text, "\"phase\": \"queued\"") != NULL, "%s", text);
	/* Without an answer of the service, the record says at least since when. */
	ck_assert_int_eq(run_command((const char *const[]){"./postprocessing", "show", "-c", file, id, NULL},
	                             (const char *const[]){"POSTPROCESSING_DEBUG_ADDR=127.0.0.1:1", NULL}, text,
	                             sizeof text),
	                 0);
	ck_assert_msg(strstr(text, "queued or running since 20") != NULL && strstr(text, "Z; next check at 20") != NULL,
	              "%s", text);
	ck_assert(process_signal(&submit, SIGTERM));
	ck_assert(process_wait(&submit, TEST_LIMIT));
	process_end(&submit);
	scenario_close(&scenario);
}
END_TEST

/* A restart by the command, and after the loss of the bucket. */
START_TEST(submit_answers_a_restart)
{
	static char again[] = "  announced again, because a restart was requested";
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], id[64], url[256], text[4096];
	struct process submit = PROCESS_NONE;
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 1h\n"},
	               false);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/file", scenario.folder);
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	start_command(&submit, (const char *const[]){"./postprocessing", "submit", "-c", ini, path, NULL}, NULL);
	ck_assert(wait_until(is_announced, NULL, TEST_LIMIT));
	snprintf(id, sizeof id, "%s", announced()->upload);
	snprintf(url, sizeof url, "%s", json_string_value(json_object_get(announced()->payload, "URL")));
	records_await(&scenario, id, "phase", "waiting");
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"list", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "waiting until 20") != NULL && strstr(text, "), as the step asked, file") != NULL, "%s",
	              text);
	ck_assert_int_eq(
		scenario_command(&scenario, (const char *const[]){"resume", "-r", "-u", id, NULL}, text, sizeof text), 0);
	ck_assert(wait_until(command_says, again, TEST_LIMIT));
	const struct recorded *message = NULL;
	recorder_update(&scenario.recorder);
	for (size_t i = 0; i < scenario.recorder.count; i++)
		if (strcmp(scenario.recorder.message[i].type, "BytesReceived") == 0)
			message = &scenario.recorder.message[i];
	ck_assert_ptr_ne(message, announced());
	ck_assert_str_eq(message->upload, id);
	ck_assert_str_eq(json_string_value(json_object_get(message->payload, "URL")), url);
	/* The record is gone, so that the service asks storage, which the command is. */
	kvStore *bucket = NULL;
	char key[RECORD_KEY_SIZE];
	record_key(NULL, id, key);
	records_await(&scenario, id, "phase", "waiting");
	ck_assert_int_eq(js_KeyValue(&bucket, scenario.js, "postprocessing"), NATS_OK);
	ck_assert_int_eq(kvStore_Delete(bucket, key), NATS_OK);
	kvStore_Destroy(bucket);
	records_await_gone(&scenario, id);
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"resume", "-u", id, NULL}, text, sizeof text),
	                 0);
	recorder_await(&scenario.recorder, "RestartPostprocessing", id, 0);
	records_await(&scenario, id, "phase", "waiting");
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"resume", "-u", id, NULL}, text, sizeof text),
	                 0);
	ck_assert(process_wait(&submit, TEST_LIMIT));
	ck_assert_int_eq(submit.status, 0);
	process_end(&submit);
	scenario_close(&scenario);
}
END_TEST

/* The record of a run still has the reason of the failure before it. */
START_TEST(submit_tells_attempts_apart)
{
	static const char ini[] = "[step:odd]\nmodule = exec\nallow = exec\ninput = none\nretry_backoff = 100ms\n"
							  "max_retries = 1\ncommand = /bin/ls /none\n";
	char file[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], text[4096];
	scenario_begin(&scenario, &(struct scenario_options){.steps = "odd", .ini = ini}, false);
	snprintf(file, sizeof file, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/file", scenario.folder);
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	ck_assert_int_eq(run_command((const char *const[]){"./postprocessing", "submit", "-c", file, path, NULL}, NULL,
	                             text, sizeof text),
	                 1);
	ck_assert(folder_read(scenario.folder, "command.log", text, sizeof text));
	ck_assert_msg(strstr(text, "  odd running, attempt 2 (before: exit status 2: ") != NULL, "%s", text);
	ck_assert_ptr_null(strstr(text, "  odd running: "));
	scenario_close(&scenario);
}
END_TEST

START_TEST(health_tells)
{
	char ini[FOLDER_PATH_SIZE + 32], text[4096];
	const char *const argv[] = {"./postprocessing", "health", "-c", ini, "--json", NULL};
	const char *const table[] = {"./postprocessing", "health", "-c", ini, NULL};
	/* Port 1 of the loopback, where nobody listens. */
	static const char *const nobody[] = {"POSTPROCESSING_DEBUG_ADDR=127.0.0.1:1", NULL};
	scenario_open(&scenario, NULL);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	ck_assert_int_eq(run_command(argv, nobody, text, sizeof text), 1);
	ck_assert_msg(strstr(text, "\"ready\": false") != NULL && strstr(text, "\"reason\": \"") != NULL, "%s", text);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	char address[64];
	snprintf(address, sizeof address, "POSTPROCESSING_DEBUG_ADDR=127.0.0.1:%u", scenario_http_port(&scenario));
	ck_assert_int_eq(run_command(argv, (const char *const[]){address, NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "\"ready\": true") != NULL && strstr(text, "\"thing\": \"consumer\"") != NULL, "%s",
	              text);
	ck_assert_int_eq(run_command(table, (const char *const[]){address, NULL}, text, sizeof text), 0);
	ck_assert_msg(strncmp(text, "readyTHING ", 11) == 0 && strstr(text, "  yes    20") != NULL, "%s", text);
	ck_assert(nats_fixture_halt(&scenario.nats));
	scenario_await_fault(&scenario, "broker", "");
	ck_assert_int_eq(run_command(table, (const char *const[]){address, NULL}, text, sizeof text), 1);
	ck_assert_msg(strstr(text, "  no ") != NULL && strstr(text, "unknown while the broker is unreachable") != NULL,
	              "%s", text);
	ck_assert_int_eq(run_command(argv, (const char *const[]){address, NULL}, text, sizeof text), 1);
	ck_assert_msg(strstr(text, "\"reason\": \"broker 127.0.0.1:") != NULL, "%s", text);
	scenario_close(&scenario);
}
END_TEST

/* With the state folder of another service, which could not listen on the address. */
START_TEST(health_tells_another_service)
{
	char address[64], state[FOLDER_PATH_SIZE + 64], text[4096];
	char ini[FOLDER_PATH_SIZE + 32], real[FOLDER_PATH_SIZE + 32], link[FOLDER_PATH_SIZE + 32];
	const char *const argv[] = {"./postprocessing", "health", "-c", ini, "--json", NULL};
	const char *const env[] = {address, state, NULL};
	scenario_begin(&scenario, NULL, false);
	scenario_await_ready(&scenario);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(address, sizeof address, "POSTPROCESSING_HTTP_ADDR=127.0.0.1:%u", scenario_http_port(&scenario));
	snprintf(state, sizeof state, "POSTPROCESSING_STATE_DIR=%s/other", scenario.folder);
	ck_assert_int_eq(run_command(argv, env, text, sizeof text), 1);
	ck_assert_msg(strstr(text, "another service answers there: it is ") != NULL &&
	                  strstr(text, "/state; that ") != NULL,
	              "%s", text);
	ck_assert_msg(strstr(text, "\"ready\": false") != NULL && strstr(text, "\"checks\": []") != NULL, "%s", text);
	/* The same if an instance has used it. */
	snprintf(real, sizeof real, "%s/other", scenario.folder);
	snprintf(link, sizeof link, "%s/link", scenario.folder);
	ck_assert_int_eq(mkdir(real, 0700), 0);
	ck_assert(folder_write(real, "instance-0", "host-2", 6));
	ck_assert_int_eq(run_command(argv, env, text, sizeof text), 1);
	/* Another path to the same folder. */
	snprintf(real, sizeof real, "%s/state", scenario.folder);
	ck_assert_int_eq(symlink(real, link), 0);
	snprintf(state, sizeof state, "POSTPROCESSING_STATE_DIR=%s", link);
	ck_assert_int_eq(run_command(argv, env, text, sizeof text), 0);
	scenario_close(&scenario);
}
END_TEST

/* The warnings of the start stay visible. */
START_TEST(warnings_are_counted)
{
	const char *const env[] = {"POSTPROCESSING_SETPS=virusscan", NULL};
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .env = env}, false);
	ck_assert_uint_eq(
		scenario_log_count(&scenario,
	                       "POSTPROCESSING_SETPS: nothing uses this variable; did you mean POSTPROCESSING_STEPS?"),
		1);
	ck_assert_uint_eq(scenario_log_count(&scenario, "ANTIVIRUS_CLAMAV_SOCKET: set, but unused"),
	                  1); /* every scenario has it */
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_config_warnings"), 2);
	scenario_close(&scenario);
}
END_TEST

START_TEST(unknown_options_are_refused)
{
	static const char *const command[] = {"server", "resume"};
	char text[1024];
	ck_assert(folder_create(scenario.folder));
	for (size_t i = 0; i < sizeof command / sizeof command[0]; i++)
		ck_assert_int_eq(
			run_command((const char *const[]){"./postprocessing", command[i], "--json", NULL}, NULL, text, sizeof text),
			2);
	ck_assert(folder_remove(scenario.folder));
}
END_TEST

/* An address from which nobody can fetch is refused before anything is announced; with a URL, the URL is announced. */
START_TEST(submit_is_reached_by_others)
{
	static const char *const everywhere[] = {"0.0.0.0:0", ":0", "[::]:0"};
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], text[4096], address[64], base[64];
	struct process submit = PROCESS_NONE;
	struct fetch fetch;
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 1h\n"},
	               false);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/file", scenario.folder);
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++) {
		const char *const argv[] = {"./postprocessing", "submit", "-c", ini, "-a", everywhere[i], path, NULL};
		ck_assert_int_eq(run_command(argv, NULL, text, sizeof text), 2);
		ck_assert(folder_read(scenario.folder, "command.log", text, sizeof text));
		ck_assert_msg(strstr(text, "--url") != NULL, "%s", text);
		ck_assert_ptr_null(announced());
	}
	unsigned port = port_reserve();
	snprintf(address, sizeof address, "0.0.0.0:%u", port);
	snprintf(base, sizeof base, "http://127.0.0.1:%u", port);
	start_command(
		&submit,
		(const char *const[]){"./postprocessing", "submit", "-c", ini, "--address", address, "--url", base, path, NULL},
		NULL);
	ck_assert(wait_until(is_announced, NULL, TEST_LIMIT));
	const char *url = json_string_value(json_object_get(announced()->payload, "URL"));
	ck_assert_int_eq(strncmp(url, base, strlen(base)), 0);
	fetch_url(&fetch, url, NULL, NULL);
	ck_assert_int_eq(fetch.status, 200);
	ck_assert_str_eq(fetch.body, "abc");
	ck_assert(process_signal(&submit, SIGHUP));
	ck_assert(process_wait(&submit, TEST_LIMIT));
	ck_assert_int_eq(submit.status, 128 + SIGHUP);
	process_end(&submit);
	scenario_close(&scenario);
}
END_TEST

/* A file name reaches a terminal only as printable text. */
START_TEST(names_do_not_control_the_terminal)
{
	static const char name[] = "a\xe2\x80\xae"
							   "b\xc2\x9b"
							   "31m\nc\xff";
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 64], text[4096], id[64];
	scenario_begin(&scenario, &(struct scenario_options){.steps = "delay", .ini = "[step:delay]\nduration = 1h\n"},
	               false);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/%s", scenario.folder, name);
	ck_assert(folder_write(scenario.folder, name, "abc", 3));
	struct process submit = PROCESS_NONE;
	start_command(&submit, (const char *const[]){"./postprocessing", "submit", "-c", ini, path, NULL}, NULL);
	ck_assert(wait_until(is_announced, NULL, TEST_LIMIT));
	snprintf(id, sizeof id, "%s", announced()->upload);
	records_await(&scenario, id, "phase", "waiting");
	/* The byte that is not UTF-8 does not reach the bus. */
	static const char shown[] = "a\\u202eb\\u009b31m\\x0ac\xef\xbf\xbd";
	ck_assert_int_eq(
		run_command((const char *const[]){"./postprocessing", "list", "-c", ini, NULL}, NULL, text, sizeof text), 0);
	ck_assert_msg(strstr(text, shown) != NULL, "%s", text);
	ck_assert_int_eq(
		run_command((const char *const[]){"./postprocessing", "show", "-c", ini, id, NULL}, NULL, text, sizeof text),
		0);
	ck_assert_msg(strstr(text, shown) != NULL, "%s", text);
	ck_assert_int_eq(run_command((const char *const[]){"./postprocessing", "list", "-c", ini, "--json", NULL}, NULL,
	                             text, sizeof text),
	                 0);
	ck_assert_msg(strstr(text, "a\\u202eb\\u009b31m\\nc") != NULL, "%s", text);
	ck_assert(process_signal(&submit, SIGTERM));
	ck_assert(process_wait(&submit, TEST_LIMIT));
	process_end(&submit);
	ck_assert(folder_read(scenario.folder, "command.log", text, sizeof text));
	ck_assert_msg(strstr(text, "a\\u202eb\\u009b31m\\x0ac\\xff") != NULL, "%s", text);
	ck_assert_ptr_null(strstr(text, "\xc2\x9b"));
	scenario_close(&scenario);
}
END_TEST

/* What a step says of its verdict is a table of words; scripts get it as it is. */
START_TEST(details_of_a_verdict)
{
	static const char details[] =
		"{\"reason\":\"Eicar \\u2014 \\u001b[31m\",\"scanner\":\"clamd (/run/clamav/clamd.ctl)\",\"n\":{\"a\": 1},"
		"\"bytes\":12345678901234567890,\"cached\":true}";
	char build[FOLDER_PATH_SIZE], modules[FOLDER_PATH_SIZE + 64], ini[1024], text[8192];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	snprintf(modules, sizeof modules, "POSTPROCESSING_PLUGIN_DIR=%s/tests/modules/.libs", build);
	snprintf(ini, sizeof ini, "[step:keeps]\nfile = /etc/hosts\ndetails = \"%s\"\n", details);
	scenario_begin(
		&scenario,
		&(struct scenario_options){.steps = "keeps", .ini = ini, .env = (const char *const[]){modules, NULL}}, false);
	storage_expect(&scenario, "one", "/none", 3, "abort");
	ck_assert_int_eq(scenario_command(&scenario, (const char *const[]){"show", "one", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "verdict   keeps: kept"
	                           "          reason   Eicar \xe2\x80\x94 \\x1b[31m"
	                           "          scanner  clamd (/run/clamav/clamd.ctl)"
	                           "          n        {\"a\":1}"
	                           "          bytes    12345678901234567890"
	                           "          cached   true") != NULL,
	              "%s", text);
	for (unsigned i = 0; i < 2; i++) {
		const char *const words[2][4] = {{"show", "--json", "one", NULL}, {"list", "--all", "--json", NULL}};
		ck_assert_int_eq(scenario_command(&scenario, words[i], text, sizeof text), 0);
		json_t *shown = json_loads(text, 0, NULL);
		const json_t *history = json_object_get(i == 0 ? shown : json_array_get(shown, 0), "history");
		const json_t *said = json_object_get(json_array_get(history, 0), "details");
		ck_assert_msg(json_object_size(said) == 5 && json_is_true(json_object_get(said, "cached")), "%s", text);
		ck_assert_str_eq(json_string_value(json_object_get(said, "scanner")), "clamd (/run/clamav/clamd.ctl)");
		json_decref(shown);
	}
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {interrupted_submit_withdraws,
	                              terminated_submit_withdraws,
	                              impatient_submit_withdraws,
	                              unsure_submit_withdraws,
	                              timeout_without_news,
	                              submit_waits_for_the_reason,
	                              submit_shows_verdicts,
	                              submit_shows_finds,
	                              submit_answers_a_restart,
	                              submit_tells_attempts_apart,
	                              run_that_hangs,
	                              names_do_not_control_the_terminal,
	                              details_of_a_verdict,
	                              submit_is_reached_by_others,
	                              health_tells,
	                              health_tells_another_service,
	                              unknown_options_are_refused,
	                              warnings_are_counted};
	return scenario_run("scenario_commands", tests, sizeof tests / sizeof tests[0]);
}
