/* SPDX-License-Identifier: Apache-2.0 */

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <nats/nats.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/broker/broker.h"
#include "core/broker/broker_home.h"
#include "tests/harness/folder.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

struct scene {
	char folder[FOLDER_PATH_SIZE];
	char state[FOLDER_PATH_SIZE + 16]; /* the path has quotes and a backslash, and does not exist yet */
	struct log log;
	struct broker *broker;
	char why[512];
};

static void scene_open(struct scene *scene)
{
	char path[FOLDER_PATH_SIZE + 16];
	ck_assert(folder_create(scene->folder));
	snprintf(scene->state, sizeof scene->state, "%s/a \"b\\c/d", scene->folder);
	snprintf(path, sizeof path, "%s/log", scene->folder);
	scene->log = (struct log){.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), .level = LOG_DEBUG};
	ck_assert_int_ge(scene->log.fd, 0);
	scene->broker = NULL;
}

static bool scene_try(struct scene *scene)
{
	scene->broker = broker_start(scene->state, &scene->log, scene->why, sizeof scene->why);
	return scene->broker != NULL;
}

static void scene_start(struct scene *scene)
{
	ck_assert_msg(scene_try(scene), "%s", scene->why);
}

/* The process ID of its nats-server; 0: none was started. */
static pid_t child_of(const struct scene *scene)
{
	char text[32];
	char folder[FOLDER_PATH_SIZE + 32];
	snprintf(folder, sizeof folder, "%s/broker", scene->state);
	return folder_read(folder, "nats.pid", text, sizeof text) ? (pid_t)atol(text) : 0;
}

static void scene_stop(struct scene *scene)
{
	broker_stop(scene->broker);
	scene->broker = NULL;
}

static void scene_close(struct scene *scene)
{
	scene_stop(scene);
	close(scene->log.fd);
	ck_assert(folder_remove(scene->folder));
	nats_Close();
}

/* password NULL: that of the address. */
static natsStatus open_jetstream(const struct broker_address *address, const char *password,
                                 natsConnection **connection, jsCtx **js)
{
	natsOptions *options = NULL;
	natsStatus status = natsOptions_Create(&options);
	if (address->changing != NULL)
		pthread_mutex_lock(address->changing);
	if (status == NATS_OK)
		status = natsOptions_SetURL(options, address->endpoint);
	if (status == NATS_OK)
		status = natsOptions_SetUserInfo(options, address->username, password != NULL ? password : address->password);
	if (address->changing != NULL)
		pthread_mutex_unlock(address->changing);
	if (status == NATS_OK)
		status = natsConnection_Connect(connection, options);
	if (status == NATS_OK)
		status = natsConnection_JetStream(js, *connection, NULL);
	natsOptions_Destroy(options);
	return status;
}

/* Makes sure that there is a stream with `count` messages, after adding one if `add`. */
static natsStatus use_stream(const struct broker_address *address, bool add, uint64_t *count)
{
	natsConnection *connection = NULL;
	jsCtx *js = NULL;
	jsStreamInfo *info = NULL;
	jsStreamConfig config;
	natsStatus status = open_jetstream(address, NULL, &connection, &js);
	jsStreamConfig_Init(&config);
	config.Name = "s";
	if (status == NATS_OK && add && js_GetStreamInfo(&info, js, "s", NULL, NULL) == NATS_NOT_FOUND)
		status = js_AddStream(NULL, js, &config, NULL, NULL);
	jsStreamInfo_Destroy(info);
	info = NULL;
	if (status == NATS_OK && add)
		status = js_Publish(NULL, js, "s", "x", 1, NULL, NULL);
	if (status == NATS_OK)
		status = js_GetStreamInfo(&info, js, "s", NULL, NULL);
	*count = status == NATS_OK ? info->State.Msgs : 0;
	jsStreamInfo_Destroy(info);
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	return status;
}

static void assert_stream(const struct broker_address *address, bool add, uint64_t expected)
{
	uint64_t count;
	natsStatus status = use_stream(address, add, &count);
	ck_assert_msg(status == NATS_OK, "%s", natsStatus_GetText(status));
	ck_assert_uint_eq(count, expected);
}

/* Gone, or a zombie that has not been reaped yet. */
static bool is_over(pid_t pid)
{
	char proc[64], text[256];
	snprintf(proc, sizeof proc, "/proc/%ld", (long)pid);
	const char *name_end = folder_read(proc, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;
	return name_end == NULL || name_end[2] == 'Z' || name_end[2] == 'X';
}

static void assert_mode(const char *state, const char *name, mode_t expected)
{
	char path[FOLDER_PATH_SIZE + 64];
	struct stat status;
	snprintf(path, sizeof path, "%s/broker/%s", state, name);
	ck_assert_msg(stat(path, &status) == 0, "%s", path);
	ck_assert_msg((status.st_mode & 07777) == expected, "%s: %o", path, (unsigned)status.st_mode & 07777);
}

static bool file_holds(const char *folder, const char *name, const char *text)
{
	char *bytes = calloc(1, 1 << 20);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_msg(folder_read(folder, name, bytes, 1 << 20), "%s/%s", folder, name);
	/* /proc separates them with NULs. */
	bool found = memmem(bytes, 1 << 20, text, strlen(text)) != NULL;
	free(bytes);
	return found;
}

START_TEST(it_starts_private_and_stops)
{
	struct scene scene;
	scene_open(&scene);
	scene_start(&scene);
	const struct broker_address *address = broker_address(scene.broker);
	ck_assert_int_eq(strncmp(address->endpoint, "nats://127.0.0.1:", 17), 0);
	ck_assert_uint_ge(strlen(address->password), 32);
	assert_stream(address, true, 1);
	natsConnection *connection = NULL;
	jsCtx *js = NULL;
	ck_assert_int_ne(open_jetstream(address, "wrong", &connection, &js), NATS_OK);
	assert_mode(scene.state, "", 0700);
	assert_mode(scene.state, "nats.conf", 0600);
	assert_mode(scene.state, "endpoint", 0600);
	assert_mode(scene.state, "nats.log", 0600);
	char proc[64], broker[FOLDER_PATH_SIZE + 32];
	snprintf(proc, sizeof proc, "/proc/%ld", (long)child_of(&scene));
	snprintf(broker, sizeof broker, "%s/broker", scene.state);
	ck_assert(file_holds(proc, "cmdline", "nats.conf"));
	ck_assert(!file_holds(proc, "cmdline", address->password));
	ck_assert(!file_holds(proc, "environ", address->password));
	ck_assert(!file_holds(broker, "nats.log", address->password));
	ck_assert(!file_holds(scene.folder, "log", address->password));
	unsigned port = (unsigned)atoi(strrchr(address->endpoint, ':') + 1);
	ck_assert(port_taken(port));
	pid_t pid = child_of(&scene);
	scene_stop(&scene);
	ck_assert(!port_taken(port));
	ck_assert_int_ne(kill(pid, 0), 0);
	scene_close(&scene);
}
END_TEST

START_TEST(the_commands_find_it)
{
	struct scene scene;
	struct broker_address found;
	scene_open(&scene);
	ck_assert(!broker_endpoint_read(scene.state, &found, scene.why, sizeof scene.why));
	ck_assert_ptr_nonnull(strstr(scene.why, "no service"));
	scene_start(&scene);
	const struct broker_address *address = broker_address(scene.broker);
	ck_assert(broker_endpoint_read(scene.state, &found, scene.why, sizeof scene.why));
	ck_assert_str_eq(found.endpoint, address->endpoint);
	ck_assert_str_eq(found.username, address->username);
	ck_assert_str_eq(found.password, address->password);
	broker_endpoint_free(&found);
	ck_assert_ptr_null(found.password);
	scene_stop(&scene);
	ck_assert(!broker_endpoint_read(scene.state, &found, scene.why, sizeof scene.why));
	const char *const bad[] = {"", "{", "[]", "{\"url\":1,\"username\":\"\",\"password\":\"\"}", "{\"url\":\"x\"}"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char broker[FOLDER_PATH_SIZE + 32];
		snprintf(broker, sizeof broker, "%s/broker", scene.state);
		ck_assert(folder_write(broker, "endpoint", bad[i], strlen(bad[i])));
		ck_assert_msg(!broker_endpoint_read(scene.state, &found, scene.why, sizeof scene.why), "%s", bad[i]);
	}
	scene_close(&scene);
}
END_TEST

static bool has_another_child(void *closure)
{
	struct scene *scene = ((void **)closure)[0];
	pid_t before = *(pid_t *)((void **)closure)[1], now = child_of(scene);
	uint64_t count;
	return now != 0 && now != before && use_stream(broker_address(scene->broker), false, &count) == NATS_OK;
}

START_TEST(a_killed_child_comes_back_with_its_store)
{
	struct scene scene;
	scene_open(&scene);
	scene_start(&scene);
	for (uint64_t round = 1; round <= 3; round++) {
		assert_stream(broker_address(scene.broker), true, round);
		pid_t before = child_of(&scene);
		ck_assert_int_eq(kill(before, SIGKILL), 0);
		ck_assert(wait_until(has_another_child, (void *[]){&scene, &before}, TEST_LIMIT));
		assert_stream(broker_address(scene.broker), false, round);
	}
	ck_assert(file_holds(scene.folder, "log", "died (signal 9, Killed)"));
	scene_close(&scene);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_a_pause)
{
	struct scene scene;
	scene_open(&scene);
	scene_start(&scene);
	/* The broker is dead, starting or up again when it is stopped. Each must end. */
	ck_assert_int_eq(kill(child_of(&scene), SIGKILL), 0);
	nanos start = clock_monotonic();
	scene_stop(&scene);
	ck_assert_int_lt(clock_monotonic() - start, 9 * SECOND);
	scene_close(&scene);
}
END_TEST

/* A service in a process of its own; returns the ID of its nats-server. */
static pid_t fork_owner(struct scene *scene, pid_t *child)
{
	int pipes[2];
	ck_assert_int_eq(pipe(pipes), 0);
	pid_t owner = fork();
	ck_assert_int_ge(owner, 0);
	if (owner == 0) {
		bool started = scene_try(scene);
		pid_t pid = started ? child_of(scene) : 0;
		uint64_t count;
		started = started && use_stream(broker_address(scene->broker), true, &count) == NATS_OK;
		if (!started || write(pipes[1], &pid, sizeof pid) != sizeof pid)
			_exit(1);
		pause();
		_exit(0);
	}
	close(pipes[1]);
	*child = 0;
	ssize_t got = read(pipes[0], child, sizeof *child);
	close(pipes[0]);
	ck_assert_int_eq(got, sizeof *child);
	return owner;
}

START_TEST(it_ends_with_a_killed_service_and_the_next_takes_over)
{
	struct scene scene;
	struct broker_address before;
	pid_t child;
	scene_open(&scene);
	pid_t owner = fork_owner(&scene, &child);
	ck_assert(broker_endpoint_read(scene.state, &before, scene.why, sizeof scene.why));
	assert_stream(&before, true, 2);
	ck_assert_int_eq(kill(owner, SIGKILL), 0);
	ck_assert_int_eq(waitpid(owner, NULL, 0), owner);
	scene_start(&scene);
	ck_assert(is_over(child));
	ck_assert_str_ne(broker_address(scene.broker)->password, before.password);
	assert_stream(broker_address(scene.broker), false, 2);
	broker_endpoint_free(&before);
	scene_close(&scene);
}
END_TEST

static void *start_in_thread(void *closure)
{
	scene_try(closure);
	return NULL;
}

static bool owner_is_locked(void *closure)
{
	const struct scene *scene = closure;
	char path[FOLDER_PATH_SIZE + 32];
	snprintf(path, sizeof path, "%s/broker/owner", scene->state);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
	close(fd);
	return locked;
}

START_TEST(the_next_service_waits_until_the_store_is_free)
{
	struct scene scene;
	char path[FOLDER_PATH_SIZE + 32];
	pthread_t thread;
	scene_open(&scene);
	scene_start(&scene);
	scene_stop(&scene);
	/* This test plays the nats-server that has not ended yet. */
	snprintf(path, sizeof path, "%s/broker/lock", scene.state);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, start_in_thread, &scene), 0);
	ck_assert(wait_until(owner_is_locked, &scene, TEST_LIMIT));
	ck_assert_int_ne(pthread_tryjoin_np(thread, NULL), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_msg(scene.broker != NULL, "%s", scene.why);
	assert_stream(broker_address(scene.broker), true, 1);
	scene_close(&scene);
}
END_TEST

START_TEST(the_child_holds_the_lock)
{
	struct scene scene;
	char path[FOLDER_PATH_SIZE + 32], link[64], target[PATH_MAX] = "";
	scene_open(&scene);
	scene_start(&scene);
	snprintf(path, sizeof path, "%s/broker/lock", scene.state);
	bool found = false;
	int others = 0;
	for (int fd = 0; fd < 64; fd++) {
		snprintf(link, sizeof link, "/proc/%ld/fd/%d", (long)child_of(&scene), fd);
		ssize_t length = readlink(link, target, sizeof target - 1);
		target[length > 0 ? length : 0] = '\0';
		found = found || strcmp(target, path) == 0;
		/* nats-server must not inherit the log of this test. */
		others += strstr(target, "/log") != NULL || strstr(target, "/owner") != NULL;
	}
	ck_assert_msg(found, "%s", path);
	ck_assert_int_eq(others, 0);
	scene_close(&scene);
}
END_TEST

START_TEST(a_second_service_is_refused)
{
	struct scene scene, second;
	char number[32];
	scene_open(&scene);
	scene_start(&scene);
	second = scene;
	ck_assert(!scene_try(&second));
	snprintf(number, sizeof number, "process %ld)", (long)getpid());
	ck_assert_msg(strstr(second.why, "in use by another service") != NULL, "%s", second.why);
	ck_assert_msg(strstr(second.why, number) != NULL, "%s", second.why);
	assert_stream(broker_address(scene.broker), true, 1);
	struct broker_address address;
	ck_assert(broker_endpoint_read(scene.state, &address, scene.why, sizeof scene.why));
	broker_endpoint_free(&address);
	scene_close(&scene);
}
END_TEST

/* Another program that listens on a port of 127.0.0.1. */
static int take_port(unsigned port)
{
	struct sockaddr_in taken = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&taken, sizeof taken), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

static bool is_announced(void *closure)
{
	struct scene *scene = ((void **)closure)[0];
	const struct broker_address *before = ((void **)closure)[1];
	struct broker_address now;
	if (!broker_endpoint_read(scene->state, &now, scene->why, sizeof scene->why))
		return false;
	bool other = strcmp(now.endpoint, before->endpoint) != 0 && strcmp(now.password, before->password) != 0;
	broker_endpoint_free(&now);
	return other;
}

/* The system offers the same port twice in a row about once in ten thousand times. */
START_TEST(no_port_is_chosen_twice_in_a_row)
{
	unsigned former = 0;
	for (unsigned i = 0; i < 50000; i++) {
		unsigned port = broker_port_choose(former);
		ck_assert_uint_ne(port, 0);
		ck_assert_uint_ne(port, former);
		former = port;
	}
}
END_TEST

START_TEST(each_start_has_a_port_and_a_password_of_its_own)
{
	struct scene scene;
	struct broker_address before;
	natsConnection *connection = NULL;
	jsCtx *js = NULL;
	scene_open(&scene);
	scene_start(&scene);
	for (unsigned round = 0; round < 2; round++) {
		ck_assert(broker_endpoint_read(scene.state, &before, scene.why, sizeof scene.why));
		assert_stream(&before, true, round + 1);
		pid_t child = child_of(&scene);
		ck_assert_int_eq(kill(child, SIGKILL), 0);
		ck_assert(wait_until(has_another_child, (void *[]){&scene, &child}, TEST_LIMIT));
		ck_assert(wait_until(is_announced, (void *[]){&scene, &before}, TEST_LIMIT));
		/* The earlier address is no longer valid. */
		ck_assert_int_ne(open_jetstream(&before, before.password, &connection, &js), NATS_OK);
		ck_assert_int_ne(open_jetstream(broker_address(scene.broker), before.password, &connection, &js), NATS_OK);
		close(take_port((unsigned)atoi(strrchr(before.endpoint, ':') + 1)));
		broker_endpoint_free(&before);
		ck_assert(broker_endpoint_read(scene.state, &before, scene.why, sizeof scene.why));
		assert_stream(&before, false, round + 1);
		broker_endpoint_free(&before);
	}
	scene_close(&scene);
}
END_TEST

START_TEST(a_nats_server_that_cannot_run_is_reported)
{
	struct scene scene;
	char script[FOLDER_PATH_SIZE + 16];
	scene_open(&scene);
	ck_assert_int_eq(setenv("POSTPROCESSING_NATS_SERVER", "/nonexistent/nats-server", 1), 0);
	ck_assert(!scene_try(&scene));
	ck_assert_str_eq(scene.why, "POSTPROCESSING_NATS_SERVER=/nonexistent/nats-server: program not found");
	ck_assert_int_eq(setenv("POSTPROCESSING_NATS_SERVER", "/bin/false", 1), 0);
	ck_assert(!scene_try(&scene));
	ck_assert_msg(strstr(scene.why, "/bin/false exited at startup (exit status 1)") != NULL, "%s", scene.why);
	snprintf(script, sizeof script, "%s/script", scene.folder);
	ck_assert(folder_write(scene.folder, "script", "#!/bin/sh\necho '[1] date [FTL] no memory of '$1; exit 7\n", 56));
	ck_assert_int_eq(chmod(script, 0700), 0);
	ck_assert_int_eq(setenv("POSTPROCESSING_NATS_SERVER", script, 1), 0);
	ck_assert(!scene_try(&scene));
	ck_assert_msg(strstr(scene.why, "(exit status 7): no memory of -c; see ") != NULL, "%s", scene.why);
	ck_assert(folder_write(scene.folder, "script", "#!/nonexistent\n", 15));
	ck_assert(!scene_try(&scene));
	ck_assert_msg(strstr(scene.why, "cannot be executed") != NULL, "%s", scene.why);
	/* Root runs no file that others can change, on whatever path it is reached. */
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(script, 0777), 0);
		ck_assert(!scene_try(&scene));
		ck_assert_msg(strstr(scene.why, "root runs only files that nobody else can change") != NULL, "%s", scene.why);
		ck_assert_int_eq(chdir(scene.folder), 0);
		ck_assert_int_eq(setenv("POSTPROCESSING_NATS_SERVER", "./script", 1), 0);
		ck_assert(!scene_try(&scene));
		ck_assert_msg(strstr(scene.why, "root runs only files that nobody else can change") != NULL, "%s", scene.why);
	}
	ck_assert_int_eq(unsetenv("POSTPROCESSING_NATS_SERVER"), 0);
	scene_start(&scene);
	scene_close(&scene);
}
END_TEST

START_TEST(an_unusable_state_folder_is_reported)
{
	struct scene scene;
	scene_open(&scene);
	ck_assert(folder_write(scene.folder, "a \"b\\c", "x", 1));
	ck_assert(!scene_try(&scene));
	ck_assert_msg(strstr(scene.why, "Not a directory") != NULL && strstr(scene.why, scene.state) != NULL, "%s",
	              scene.why);
	scene_close(&scene);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {it_starts_private_and_stops,
	                              the_commands_find_it,
	                              a_killed_child_comes_back_with_its_store,
	                              a_stop_does_not_wait_for_a_pause,
	                              it_ends_with_a_killed_service_and_the_next_takes_over,
	                              the_next_service_waits_until_the_store_is_free,
	                              the_child_holds_the_lock,
	                              a_second_service_is_refused,
	                              no_port_is_chosen_twice_in_a_row,
	                              each_start_has_a_port_and_a_password_of_its_own,
	                              a_nats_server_that_cannot_run_is_reported,
	                              an_unusable_state_folder_is_reported};
	return suite_run("broker", tests, sizeof tests / sizeof tests[0], 180);
}
