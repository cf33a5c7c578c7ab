/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/scenario.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/jetstream/gap.h"
#include "tests/harness/fetch.h"

#define LOG_LIMIT ((size_t)4 << 20)

static char *read_log(const struct scenario *scenario)
{
	char *text = malloc(LOG_LIMIT);
	ck_assert_ptr_nonnull(text);
	if (!folder_read(scenario->folder, "service.log", text, LOG_LIMIT))
		text[0] = '\0';
	return text;
}

static void write_configuration(struct scenario *scenario)
{
	const struct scenario_options *options = &scenario->options;
	char build[FOLDER_PATH_SIZE], text[8192], steps[512] = "", events[160] = "";
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	if (options->steps != NULL)
		snprintf(steps, sizeof steps, "steps = %s\n", options->steps);
	if (!options->embedded)
		snprintf(events, sizeof events, "[events]\nendpoint = 127.0.0.1:%u\n", scenario->nats.port);
	int length = snprintf(text, sizeof text,
	                      "[postprocessing]\nplugin_dir = %s/plugins/.libs\nstate_dir = %s/state\n%s"
	                      "[http]\naddr = 127.0.0.1:0\n%s%s",
	                      build, scenario->folder, steps, events, options->ini != NULL ? options->ini : "");
	ck_assert_uint_lt((size_t)length, sizeof text);
	ck_assert(folder_write(scenario->folder, "postprocessing.ini", text, (size_t)length));
}

void scenario_open(struct scenario *scenario, const struct scenario_options *options)
{
	*scenario = (struct scenario){.service = PROCESS_NONE, .nats.process = PROCESS_NONE};
	if (options != NULL)
		scenario->options = *options;
	ck_assert(folder_create(scenario->folder));
	if (scenario->options.host == NULL)
		scenario->options.host = FILE_SERVER_LOOPBACK;
	storage_server_start(&scenario->storage, scenario->options.host, NULL, NULL);
	if (!scenario->options.embedded)
		ck_assert(nats_fixture_start(&scenario->nats, scenario->options.nats));
	if (scenario->options.no_broker)
		ck_assert(nats_fixture_halt(&scenario->nats));
	else if (!scenario->options.embedded)
		scenario_connect(scenario, scenario->nats.url, scenario->nats.options.username,
		                 scenario->nats.options.password);
	write_configuration(scenario);
}

void scenario_connect(struct scenario *scenario, const char *url, const char *username, const char *password)
{
	natsOptions *options = NULL;
	ck_assert_int_eq(natsOptions_Create(&options), NATS_OK);
	ck_assert_int_eq(natsOptions_SetURL(options, url), NATS_OK);
	ck_assert_int_eq(natsOptions_SetMaxReconnect(options, -1), NATS_OK);
	ck_assert_int_eq(natsOptions_SetReconnectWait(options, 50), NATS_OK);
	ck_assert_int_eq(natsOptions_SetReconnectBufSize(options, 0), NATS_OK);
	if (username != NULL)
		ck_assert_int_eq(natsOptions_SetUserInfo(options, username, password), NATS_OK);
	ck_assert_int_eq(natsConnection_Connect(&scenario->connection, options), NATS_OK);
	natsOptions_Destroy(options);
	ck_assert_int_eq(natsConnection_JetStream(&scenario->js, scenario->connection, NULL), NATS_OK);
	scenario->recorder.js = scenario->js;
}

static void disconnect(struct scenario *scenario)
{
	recorder_free(&scenario->recorder);
	jsCtx_Destroy(scenario->js);
	natsConnection_Destroy(scenario->connection);
	scenario->js = NULL;
	scenario->connection = NULL;
}

void scenario_close(struct scenario *scenario)
{
	if (scenario->service.pid != 0)
		scenario_stop_service(scenario);
	ck_assert_msg(scenario_log_count(scenario, SCENARIO_SECRET) == 0, "the log contains a secret");
	disconnect(scenario);
	if (scenario->clamd.pid != 0)
		scenario_stop_clamd(scenario);
	storage_server_stop(&scenario->storage);
	nats_fixture_end(&scenario->nats);
	ck_assert(folder_remove(scenario->folder));
	/* Not nats_Close(): after TLS it frees what OpenSSL frees once more when the process ends. */
}

void scenario_start_clamd(struct scenario *scenario, const char *lines)
{
	char path[FOLDER_PATH_SIZE + 16];
	ck_assert(fixture_clamd_start(&scenario->clamd, lines));
	snprintf(path, sizeof path, "%s/clamd.sock", scenario->folder);
	unlink(path);
	ck_assert_int_eq(symlink(scenario->clamd.socket, path), 0);
}

void scenario_stop_clamd(struct scenario *scenario)
{
	fixture_clamd_stop(&scenario->clamd);
}

static bool is_connected(void *closure)
{
	return natsConnection_FlushTimeout(closure, 1000) == NATS_OK;
}

void scenario_start_broker(struct scenario *scenario)
{
	ck_assert(nats_fixture_restart(&scenario->nats));
	if (scenario->connection == NULL)
		scenario_connect(scenario, scenario->nats.url, scenario->nats.options.username,
		                 scenario->nats.options.password);
	else
		ck_assert_msg(wait_until(is_connected, scenario->connection, TEST_LIMIT),
		              "the test cannot connect to the broker again");
}

void scenario_start_service(struct scenario *scenario)
{
	char ini[FOLDER_PATH_SIZE + 32], log[FOLDER_PATH_SIZE + 32], socket[FOLDER_PATH_SIZE + 64];
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario->folder);
	snprintf(log, sizeof log, "%s/service.log", scenario->folder);
	snprintf(socket, sizeof socket, "ANTIVIRUS_CLAMAV_SOCKET=%s/clamd.sock", scenario->folder);
	char build[FOLDER_PATH_SIZE], program[FOLDER_PATH_SIZE + 64];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	snprintf(program, sizeof program, "%s/%s", build,
	         scenario->options.hasty ? "tests/scenario/postprocessing_hasty" : "postprocessing");
	const char *argv[16];
	size_t count = 0;
	for (; scenario->options.under != NULL && scenario->options.under[count] != NULL; count++) {
		ck_assert_uint_lt(count + 5, sizeof argv / sizeof argv[0]);
		argv[count] = scenario->options.under[count];
	}
	memcpy(argv + count, (const char *const[]){program, "server", "-c", ini, NULL}, 5 * sizeof *argv);
	const char *env[16] = {socket};
	for (size_t i = 0; scenario->options.env != NULL && scenario->options.env[i] != NULL; i++) {
		ck_assert_uint_lt(i + 2, sizeof env / sizeof env[0]);
		env[i + 1] = scenario->options.env[i];
	}
	ck_assert(process_start(&scenario->service, &(struct process_options){.argv = argv, .env = env, .log = log}));
}

unsigned scenario_http_port(const struct scenario *scenario)
{
	static const char words[] = "health and metrics on http://127.0.0.1:";
	char *log = read_log(scenario);
	unsigned port = 0;
	for (const char *at = log; (at = strstr(at, words)) != NULL; at += sizeof words - 1)
		port = (unsigned)strtoul(at + sizeof words - 1, NULL, 10);
	free(log);
	return port;
}

static void fetch(const struct scenario *scenario, const char *path, struct fetch *result)
{
	char url[128];
	unsigned port = scenario_http_port(scenario);
	*result = (struct fetch){0};
	if (port == 0)
		return;
	snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
	fetch_url(result, url, NULL, NULL);
}

long scenario_http(const struct scenario *scenario, const char *path)
{
	struct fetch result;
	fetch(scenario, path, &result);
	return result.status;
}

bool scenario_has(const struct scenario *scenario, const char *thing, char *reason, size_t size)
{
	struct fetch result;
	size_t i;
	const json_t *check;
	bool has = false;
	if (reason != NULL)
		reason[0] = '\0';
	fetch(scenario, "/readyz", &result);
	json_t *answer = json_loads(result.body, 0, NULL);
	ck_assert_msg(result.status == 0 || json_is_array(json_object_get(answer, "checks")), "/readyz: %s", result.body);
	json_array_foreach(json_object_get(answer, "checks"), i, check)
	{
		const char *of = json_string_value(json_object_get(check, "thing")),
				   *why = json_string_value(json_object_get(check, "reason"));
		ck_assert(of != NULL && why != NULL && json_string_value(json_object_get(check, "since")) != NULL);
		if (strcmp(of, thing) != 0)
			continue;
		has = json_is_true(json_object_get(check, "ready"));
		if (reason != NULL)
			snprintf(reason, size, "%s", why);
	}
	json_decref(answer);
	return has;
}

struct expectation {
	const struct scenario *scenario;
	const char *thing, *fault;
	char reason[512];
};

static bool is_met(void *closure)
{
	struct expectation *expectation = closure;
	bool has = scenario_has(expectation->scenario, expectation->thing, expectation->reason, sizeof expectation->reason);
	if (expectation->fault == NULL)
		return has;
	return !has && expectation->reason[0] != '\0' && strstr(expectation->reason, expectation->fault) != NULL;
}

void scenario_await_has(struct scenario *scenario, const char *thing)
{
	struct expectation expectation = {.scenario = scenario, .thing = thing};
	ck_assert_msg(wait_until(is_met, &expectation, TEST_LIMIT), "%s: %s", thing, expectation.reason);
}

void scenario_await_fault(struct scenario *scenario, const char *thing, const char *text)
{
	struct expectation expectation = {.scenario = scenario, .thing = thing, .fault = text};
	ck_assert_msg(wait_until(is_met, &expectation, TEST_LIMIT), "%s: \"%s\", not: %s", thing, expectation.reason, text);
}

uint64_t scenario_metric(const struct scenario *scenario, const char *name)
{
	struct fetch result;
	char line[128];
	fetch(scenario, "/metrics", &result);
	ck_assert_int_eq(result.status, 200);
	snprintf(line, sizeof line, "\n%s ", name);
	const char *at = strstr(result.body, line);
	ck_assert_msg(at != NULL, "no metric %s", name);
	return strtoull(at + strlen(line), NULL, 10);
}

static bool is_ready_or_over(void *closure)
{
	struct scenario *scenario = closure;
	return process_wait(&scenario->service, 0) || scenario_http(scenario, "/readyz") == 200;
}

void scenario_await_ready(struct scenario *scenario)
{
	ck_assert_msg(wait_until(is_ready_or_over, scenario, TEST_LIMIT), "the service does not become ready");
	ck_assert_msg(scenario->service.pid != 0, "the service ended with status %d", scenario->service.status);
}

void scenario_stop_service(struct scenario *scenario)
{
	ck_assert(process_signal(&scenario->service, SIGTERM));
	ck_assert_msg(process_wait(&scenario->service, 2 * TEST_LIMIT), "the service does not end");
	ck_assert_msg(scenario->service.status == 0, "the service ended with status %d", scenario->service.status);
}

void scenario_kill_service(struct scenario *scenario)
{
	ck_assert(process_signal(&scenario->service, SIGKILL));
	ck_assert(process_wait(&scenario->service, TEST_LIMIT));
}

void scenario_begin(struct scenario *scenario, const struct scenario_options *options, bool clamd)
{
	scenario_open(scenario, options);
	if (clamd)
		scenario_start_clamd(scenario, NULL);
	scenario_start_service(scenario);
	scenario_await_ready(scenario);
}

size_t scenario_log_count(const struct scenario *scenario, const char *text)
{
	char *log = read_log(scenario);
	size_t count = 0;
	for (const char *at = log; (at = strstr(at, text)) != NULL; at += strlen(text))
		count++;
	free(log);
	return count;
}

struct words {
	const struct scenario *scenario;
	const char *text;
};

static bool is_logged(void *closure)
{
	const struct words *words = closure;
	return scenario_log_count(words->scenario, words->text) > 0;
}

void scenario_await_log(struct scenario *scenario, const char *text)
{
	struct words words = {scenario, text};
	ck_assert_msg(wait_until(is_logged, &words, TEST_LIMIT), "the log does not contain: %s", text);
}

int scenario_command(const struct scenario *scenario, const char *const *words, char *text, size_t size)
{
	char ini[FOLDER_PATH_SIZE + 32], log[FOLDER_PATH_SIZE + 32], address[64], socket[FOLDER_PATH_SIZE + 64];
	const char *argv[16] = {"./postprocessing"};
	const char *env[16] = {address, socket};
	size_t count = 1, used = 0;
	struct process process = PROCESS_NONE;
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario->folder);
	snprintf(log, sizeof log, "%s/command.log", scenario->folder);
	snprintf(address, sizeof address, "POSTPROCESSING_DEBUG_ADDR=127.0.0.1:%u", scenario_http_port(scenario));
	snprintf(socket, sizeof socket, "ANTIVIRUS_CLAMAV_SOCKET=%s/clamd.sock", scenario->folder);
	for (size_t i = 0; scenario->options.env != NULL && scenario->options.env[i] != NULL; i++)
		env[i + 2] = scenario->options.env[i];
	for (; *words != NULL; words++)
		argv[count++] = *words;
	argv[count++] = "-c";
	argv[count] = ini;
	ck_assert(
		process_start(&process, &(struct process_options){.argv = argv, .env = env, .log = log, .pipe_out = true}));
	text[0] = '\0';
	for (; process_read_line(&process, text + used, size - used, TEST_LIMIT); used = strlen(text))
		ck_assert_uint_lt(strlen(text), size - 1);
	ck_assert(process_wait(&process, TEST_LIMIT));
	int status = process.status;
	process_end(&process);
	return status;
}

/* Or there is none. */
static bool is_gap_read(const struct scenario *scenario)
{
	jsConsumerInfo *info = NULL;
	struct gap gap = {0};
	natsStatus status = js_GetConsumerInfo(&info, scenario->js, "main-queue", "postprocessing-pull-gap", NULL, NULL);
	bool read = status == NATS_OK && gap_read(&gap, info->Config->Description) && info->AckFloor.Consumer > 0 &&
	            info->AckFloor.Stream >= gap_end(&gap);
	jsConsumerInfo_Destroy(info);
	return read || status == NATS_NOT_FOUND;
}

static bool is_applied(void *closure)
{
	struct scenario *scenario = closure;
	jsConsumerInfo *info = NULL;
	if (js_GetConsumerInfo(&info, scenario->js, "main-queue", "postprocessing-pull", NULL, NULL) != NATS_OK)
		return false;
	bool applied = info->NumPending == 0 && info->NumAckPending == 0;
	jsConsumerInfo_Destroy(info);
	return applied && is_gap_read(scenario);
}

void scenario_await_applied(struct scenario *scenario)
{
	ck_assert_msg(wait_until(is_applied, scenario, TEST_LIMIT), "not all events were acknowledged");
}

struct asking {
	struct scenario *scenario;
	unsigned count;
};

static bool is_asked(void *closure)
{
	struct asking *asking = closure;
	return atomic_load(&asking->scenario->storage.requests) >= asking->count;
}

void scenario_await_requests(struct scenario *scenario, unsigned count)
{
	struct asking asking = {scenario, count};
	ck_assert_msg(wait_until(is_asked, &asking, TEST_LIMIT), "storage is not asked for an upload");
}
