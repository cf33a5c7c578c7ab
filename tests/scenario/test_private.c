/* SPDX-License-Identifier: Apache-2.0
 * The embedded broker in trouble: its disk was full, it is killed, another program listens on its old port. Time
 * limits that are a minute otherwise are seconds here. */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/broker/broker.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

/* The state folder as the service sees it. */
static const char *state_folder(void)
{
	static char path[FOLDER_PATH_SIZE + 64];
	snprintf(path, sizeof path, "/proc/%d/root%s/state", (int)scenario.service.pid, scenario.folder);
	return path;
}

static bool is_connected(void *closure)
{
	(void)closure;
	struct broker_address address;
	natsOptions *options = NULL;
	char why[256];
	if (!broker_endpoint_read(state_folder(), &address, why, sizeof why))
		return false;
	bool good = natsOptions_Create(&options) == NATS_OK && natsOptions_SetURL(options, address.endpoint) == NATS_OK &&
	            natsOptions_SetUserInfo(options, address.username, address.password) == NATS_OK &&
	            natsOptions_SetMaxReconnect(options, 0) == NATS_OK &&
	            natsConnection_Connect(&scenario.connection, options) == NATS_OK &&
	            natsConnection_JetStream(&scenario.js, scenario.connection, NULL) == NATS_OK;
	natsOptions_Destroy(options);
	broker_endpoint_free(&address);
	return good;
}

/* Connects to the broker at its present address. */
static void reconnect(void)
{
	recorder_free(&scenario.recorder);
	jsCtx_Destroy(scenario.js);
	natsConnection_Destroy(scenario.connection);
	scenario.js = NULL;
	scenario.connection = NULL;
	ck_assert_msg(wait_until(is_connected, NULL, TEST_LIMIT), "the embedded broker is not found");
	scenario.recorder.js = scenario.js;
}

static pid_t broker_process(void)
{
	char folder[FOLDER_PATH_SIZE + 80], text[32] = "";
	snprintf(folder, sizeof folder, "%s/broker", state_folder());
	ck_assert(folder_read(folder, "nats.pid", text, sizeof text));
	return (pid_t)strtol(text, NULL, 10);
}

struct words {
	const char *text;
	size_t count;
};

static bool is_said(void *closure)
{
	const struct words *words = closure;
	return scenario_log_count(&scenario, words->text) >= words->count;
}

static void await_log_again(const char *text, size_t count)
{
	struct words words = {text, count};
	ck_assert_msg(wait_until(is_said, &words, TEST_LIMIT), "not logged %zu times: %s", count, text);
}

/* A separate file system for the broker, visible only to a process that keeps it and to those that enter its
 * namespace. */
static struct process keeper;
static char keeper_pid[16];
static const char *const enter[] = {"nsenter", "-t", keeper_pid, "-U", "-m", "--preserve-credentials", NULL};

static bool mount_store(void)
{
	static const char command[] =
		"mkdir -p \"$0\" && chmod 700 \"$0\" && mount -t tmpfs -o size=8m,mode=700 none \"$0\" && echo mounted && exec cat";
	char store[FOLDER_PATH_SIZE + 32], line[16];
	snprintf(store, sizeof store, "%s/state", scenario.folder);
	ck_assert_int_eq(mkdir(store, 0700), 0);
	snprintf(store, sizeof store, "%s/state/broker", scenario.folder);
	const char *argv[] = {"unshare", "-r", "-m", "sh", "-c", command, store, NULL};
	ck_assert(process_start(
		&keeper, &(struct process_options){.argv = argv, .log = "/dev/null", .pipe_in = true, .pipe_out = true}));
	if (!process_read_line(&keeper, line, sizeof line, TEST_LIMIT))
		return false;
	snprintf(keeper_pid, sizeof keeper_pid, "%d", (int)keeper.pid);
	return true;
}

/* Runs a command that sees the store; returns its exit status. */
static int run_inside(const char *command)
{
	char store[FOLDER_PATH_SIZE + 32];
	struct process process = PROCESS_NONE;
	snprintf(store, sizeof store, "%s/state/broker", scenario.folder);
	const char *argv[] = {enter[0], enter[1], enter[2], enter[3], enter[4], enter[5], "sh", "-c", command, store, NULL};
	ck_assert(process_start(&process, &(struct process_options){.argv = argv, .log = "/dev/null"}));
	ck_assert(process_wait(&process, TEST_LIMIT));
	return process.status;
}

/* Later versions recover by themselves. */
static bool it_will_hang(void)
{
	struct broker_address address;
	char why[256];
	ck_assert_msg(broker_endpoint_read(state_folder(), &address, why, sizeof why), "%s", why);
	bool old = nats_is_version((unsigned)strtoul(strrchr(address.endpoint, ':') + 1, NULL, 10), "2.9.");
	broker_endpoint_free(&address);
	return old;
}

static bool has_passed(void *closure)
{
	return clock_monotonic() >= *(nanos *)closure;
}

/* nats-server 2.9 does not answer any more, not even SIGTERM; other versions recover by themselves. */
START_TEST(the_disk_was_full)
{
	scenario_open(&scenario,
	              &(struct scenario_options){
					  .embedded = true, .hasty = true, .steps = "delay", .ini = "[step:delay]\nduration = 25s\n"});
	if (!mount_store()) {
		fprintf(stderr, "the_disk_was_full: skipped: no file system may be mounted here\n");
		process_end(&keeper);
		scenario_close(&scenario);
		return;
	}
	scenario.options.under = enter;
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	reconnect();
	storage_bytes_received(&scenario, "before", "/none", 3);
	records_await(&scenario, "before", "phase", "waiting");
	scenario_await_applied(&scenario);
	pid_t child = broker_process();
	bool hangs = it_will_hang();
	ck_assert_int_ne(run_inside("exec dd if=/dev/zero of=\"$0/filler\" bs=4096"), 0);
	/* Somebody writes more than the rest of the last page of a file. */
	static char bytes[5000];
	for (unsigned i = 0; i < 20; i++)
		js_PublishAsync(scenario.js, "main-queue", bytes, sizeof bytes, NULL);
	if (hangs)
		scenario_await_log(&scenario, "there is no room left in");
	/* While that does not help, it is not killed. */
	nanos until = clock_monotonic() + 8 * SECOND;
	ck_assert(wait_until(has_passed, &until, TEST_LIMIT));
	ck_assert_int_eq(broker_process(), child);
	ck_assert_int_eq(run_inside("exec rm \"$0/filler\""), 0);
	if (hangs) {
		scenario_await_log(&scenario, "accepts no more data: restarting it");
		await_log_again("the embedded broker is listening on ", 2);
	}
	scenario_await_ready(&scenario);
	reconnect();
	storage_expect(&scenario, "after", "/none", 3, "continue");
	storage_check_finished(&scenario, "before", "continue");
	ck_assert_uint_eq(scenario_log_count(&scenario, "there is no room left in"), hangs);
	scenario_close(&scenario);
	process_end(&keeper);
}
END_TEST

/* A program that listens where the broker was, and keeps what it receives. */
struct intruder {
	unsigned port;
	int fd;
	pthread_t thread;
	atomic_bool stop;
	pthread_mutex_t lock;
	char heard[1 << 16];
	size_t length;
};

static void listen_to(struct intruder *intruder, int fd)
{
	static const char info[] =
		"INFO {\"server_id\":\"X\",\"version\":\"2.9.10\",\"proto\":1,\"host\":\"127.0.0.1\",\"port\":4222,"
		"\"headers\":true,\"auth_required\":true,\"max_payload\":1048576,\"jetstream\":true}\r\n";
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	ssize_t got;
	(void)!write(fd, info, sizeof info - 1);
	while (!atomic_load(&intruder->stop) && intruder->length < sizeof intruder->heard - 1 &&
	       poll(&ready, 1, 1000) == 1 &&
	       (got = read(fd, intruder->heard + intruder->length, sizeof intruder->heard - 1 - intruder->length)) > 0)
		intruder->length += (size_t)got;
	close(fd);
}

static void *intrude(void *closure)
{
	struct intruder *intruder = closure;
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)intruder->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;
	intruder->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(intruder->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	while (!atomic_load(&intruder->stop) && bind(intruder->fd, (struct sockaddr *)&address, sizeof address) != 0)
		;
	listen(intruder->fd, 16);
	struct pollfd ready = {.fd = intruder->fd, .events = POLLIN};
	while (!atomic_load(&intruder->stop)) {
		int fd = poll(&ready, 1, 50) == 1 ? accept(intruder->fd, NULL, NULL) : -1;
		if (fd >= 0)
			listen_to(intruder, fd);
	}
	close(intruder->fd);
	return NULL;
}

static bool is_counted(void *closure)
{
	(void)closure;
	return scenario_metric(&scenario, "postprocessing_private_broker_restarts_total") >= 1;
}

START_TEST(a_listener_at_its_old_address_learns_nothing)
{
	static struct intruder intruder;
	struct broker_address before, after;
	char why[256];
	scenario_begin(&scenario, &(struct scenario_options){.embedded = true}, false);
	reconnect();
	ck_assert(broker_endpoint_read(state_folder(), &before, why, sizeof why));
	intruder.port = (unsigned)strtoul(strrchr(before.endpoint, ':') + 1, NULL, 10);
	ck_assert_int_eq(pthread_create(&intruder.thread, NULL, intrude, &intruder), 0);
	ck_assert_int_eq(kill(broker_process(), SIGKILL), 0);
	await_log_again("the embedded broker is listening on ", 2);
	scenario_await_ready(&scenario);
	reconnect();
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	ck_assert(broker_endpoint_read(state_folder(), &after, why, sizeof why));
	atomic_store(&intruder.stop, true);
	pthread_join(intruder.thread, NULL);
	intruder.heard[intruder.length] = '\0';
	ck_assert(wait_until(is_counted, NULL, TEST_LIMIT));
	ck_assert_str_ne(before.endpoint, after.endpoint);
	ck_assert_str_ne(before.password, after.password);
	ck_assert_msg(strstr(intruder.heard, after.password) == NULL, "the valid password was sent to another program");
	broker_endpoint_free(&before);
	broker_endpoint_free(&after);
	scenario_close(&scenario);
}
END_TEST

static bool is_waiting(void *closure)
{
	(void)closure;
	recorder_update(&scenario.recorder);
	return scenario.recorder.count > 0;
}

/* A command that waits for the service follows it to the broker's new address. */
START_TEST(submit_follows_it)
{
	char ini[FOLDER_PATH_SIZE + 32], file[FOLDER_PATH_SIZE + 32], log[FOLDER_PATH_SIZE + 32];
	struct process submit = PROCESS_NONE;
	scenario_begin(
		&scenario,
		&(struct scenario_options){.embedded = true, .steps = "delay", .ini = "[step:delay]\nduration = 8s\n"}, false);
	reconnect();
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(file, sizeof file, "%s/file", scenario.folder);
	snprintf(log, sizeof log, "%s/submit.log", scenario.folder);
	ck_assert(folder_write(scenario.folder, "file", "abc", 3));
	const char *argv[] = {"./postprocessing", "submit", "-c", ini, file, NULL};
	ck_assert(process_start(&submit, &(struct process_options){.argv = argv, .log = log}));
	ck_assert(wait_until(is_waiting, NULL, TEST_LIMIT));
	records_await(&scenario, scenario.recorder.message[0].upload, "phase", "waiting");
	ck_assert_int_eq(kill(broker_process(), SIGKILL), 0);
	await_log_again("the embedded broker is listening on ", 2);
	ck_assert(process_wait(&submit, 2 * TEST_LIMIT));
	ck_assert_int_eq(submit.status, 0);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {the_disk_was_full, a_listener_at_its_old_address_learns_nothing, submit_follows_it};
	return scenario_run("scenario: private", tests, sizeof tests / sizeof tests[0]);
}
