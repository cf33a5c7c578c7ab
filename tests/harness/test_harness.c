/* SPDX-License-Identifier: Apache-2.0
 * Tests of the fixtures themselves, on which other tests rely. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <nats/nats.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/fixture_nats.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

START_TEST(a_process_gives_its_lines_and_its_status)
{
	const char *const argv[] = {"/bin/sh", "-c", "read a; echo \"got $a $X\"; echo two; exit 3", NULL};
	const char *const env[] = {"X=y", NULL};
	struct process process;
	char line[64];
	ck_assert(process_start(&process,
	                        &(struct process_options){.argv = argv, .env = env, .pipe_in = true, .pipe_out = true}));
	ck_assert(!process_wait(&process, 0));
	ck_assert_int_eq(write(process.in, "hi\n", 3), 3);
	ck_assert(process_read_line(&process, line, sizeof line, TEST_LIMIT));
	ck_assert_str_eq(line, "got hi y");
	ck_assert(process_read_line(&process, line, sizeof line, TEST_LIMIT));
	ck_assert_str_eq(line, "two");
	ck_assert(!process_read_line(&process, line, sizeof line, TEST_LIMIT));
	ck_assert(process_wait(&process, TEST_LIMIT));
	ck_assert_int_eq(process.status, 3);
	process_end(&process);
}
END_TEST

START_TEST(a_process_that_hangs_is_ended)
{
	const char *const argv[] = {"cat", NULL};
	struct process process;
	ck_assert(process_start(&process, &(struct process_options){.argv = argv, .pipe_in = true}));
	ck_assert(process_signal(&process, SIGSTOP));
	process_end(&process);
	ck_assert_int_eq(process.status, 128 + SIGTERM);
	ck_assert(!process_signal(&process, SIGTERM));
	const char *const missing[] = {"/nonexistent/program", NULL};
	ck_assert(process_start(&process, &(struct process_options){.argv = missing}));
	ck_assert(process_wait(&process, TEST_LIMIT));
	ck_assert_int_eq(process.status, 127);
}
END_TEST

static natsStatus publish(const struct nats_fixture *nats, const char *user, const char *password, bool create)
{
	natsOptions *options = NULL;
	natsConnection *connection = NULL;
	jsCtx *js = NULL;
	jsStreamConfig config;
	natsStatus status = natsOptions_Create(&options);
	if (status == NATS_OK)
		status = natsOptions_SetURL(options, nats->url);
	if (status == NATS_OK && user != NULL)
		status = natsOptions_SetUserInfo(options, user, password);
	if (status == NATS_OK)
		status = natsConnection_Connect(&connection, options);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = jsStreamConfig_Init(&config);
	config.Name = "s";
	if (status == NATS_OK && create)
		status = js_AddStream(NULL, js, &config, NULL, NULL);
	if (status == NATS_OK)
		status = js_Publish(NULL, js, "s", "x", 1, NULL, NULL);
	jsCtx_Destroy(js);
	natsConnection_Destroy(connection);
	natsOptions_Destroy(options);
	return status;
}

START_TEST(a_port_is_reserved_once)
{
	unsigned port = port_reserve();
	ck_assert(port >= 20000 && port < 32768);
	ck_assert(!port_taken(port));
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert(port_taken(port));
	close(fd);
}
END_TEST

START_TEST(a_nats_server_keeps_port_and_store)
{
	struct nats_fixture nats;
	ck_assert(nats_fixture_start(&nats, &(struct nats_options){.username = "u", .password = "p", .max_payload = 4096}));
	ck_assert_int_eq(publish(&nats, "u", "p", true), NATS_OK);
	ck_assert_int_ne(publish(&nats, "u", "q", false), NATS_OK);
	ck_assert(nats_fixture_kill(&nats));
	ck_assert(!nats_answers(nats.port));
	ck_assert(nats_fixture_restart(&nats));
	ck_assert_int_eq(publish(&nats, "u", "p", false), NATS_OK);
	ck_assert(nats_fixture_pause(&nats));
	ck_assert(!nats_answers(nats.port));
	ck_assert(nats_fixture_resume(&nats));
	ck_assert_int_eq(publish(&nats, "u", "p", false), NATS_OK);
	ck_assert(nats_fixture_halt(&nats));
	ck_assert(!port_taken(nats.port));
	char folder[FOLDER_PATH_SIZE];
	memcpy(folder, nats.folder, sizeof folder);
	nats_fixture_end(&nats);
	ck_assert_int_ne(access(folder, F_OK), 0);
	nats_Close();
}
END_TEST

static bool is_gone(void *closure)
{
	return kill(*(pid_t *)closure, 0) != 0;
}

START_TEST(children_die_with_their_test)
{
	int pipes[2];
	ck_assert_int_eq(pipe(pipes), 0);
	pid_t owner = fork();
	ck_assert_int_ge(owner, 0);
	if (owner == 0) {
		const char *const argv[] = {"sleep", "600", NULL};
		struct process process;
		if (!process_start(&process, &(struct process_options){.argv = argv}) ||
		    write(pipes[1], &process.pid, sizeof process.pid) != sizeof process.pid)
			_exit(1);
		pause();
		_exit(0);
	}
	pid_t child = 0;
	ck_assert_int_eq(read(pipes[0], &child, sizeof child), sizeof child);
	ck_assert_int_eq(kill(child, 0), 0);
	ck_assert_int_eq(kill(owner, SIGKILL), 0);
	ck_assert_int_eq(waitpid(owner, NULL, 0), owner);
	ck_assert(wait_until(is_gone, &child, TEST_LIMIT));
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_process_gives_its_lines_and_its_status, a_process_that_hangs_is_ended,
	                              a_port_is_reserved_once, a_nats_server_keeps_port_and_store,
	                              children_die_with_their_test};
	return suite_run("harness", tests, sizeof tests / sizeof tests[0], 120);
}
