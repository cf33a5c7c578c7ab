/* SPDX-License-Identifier: Apache-2.0
 * The service has no file descriptor left: what needs one is retried with pauses, and continues when there are some. */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

/* With this limit the service gets no descriptor, not even one that it has closed. */
#define NONE (STDERR_FILENO + 1)

/* Returns the previous limit. */
static rlim_t set_limit(rlim_t limit)
{
	struct rlimit before;
	ck_assert_int_eq(prlimit(scenario.service.pid, RLIMIT_NOFILE, NULL, &before), 0);
	struct rlimit after = {.rlim_cur = limit, .rlim_max = before.rlim_max};
	ck_assert_int_eq(prlimit(scenario.service.pid, RLIMIT_NOFILE, &after, NULL), 0);
	return before.rlim_cur;
}

/* Processor time that the service has used. */
static nanos used_time(void)
{
	char path[64], text[1024];
	unsigned long user, system;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)scenario.service.pid);
	FILE *file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
	fclose(file);
	ck_assert_int_eq(
		sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system), 2);
	return (nanos)(user + system) * (SECOND / sysconf(_SC_CLK_TCK));
}

static bool has_passed(void *closure)
{
	return clock_monotonic() >= *(nanos *)closure;
}

/* For two seconds the service is nearly idle. */
static void check_idle(void)
{
	nanos until = clock_monotonic() + 2 * SECOND, before = used_time();
	ck_assert(wait_until(has_passed, &until, TEST_LIMIT));
	nanos used = used_time() - before;
	ck_assert_msg(used < SECOND / 2, "%lld ms of processor time in 2 s", (long long)(used / MILLISECOND));
}

static bool is_retried(void *closure)
{
	(void)closure;
	recorder_update(&scenario.recorder);
	return recorder_count(&scenario.recorder, "PostprocessingRetry", "upload") >= 2;
}

START_TEST(a_scan_waits_for_descriptors)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\nretry_backoff = 100ms\n"},
	               true);
	rlim_t limit = set_limit(NONE);
	storage_bytes_received(&scenario, "upload", "/ok/300", 300);
	ck_assert(wait_until(is_retried, NULL, TEST_LIMIT));
	check_idle();
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), 0);
	set_limit(limit);
	storage_check_finished(&scenario, "upload", "continue");
	scenario_close(&scenario);
}
END_TEST

static bool is_not_ready(void *closure)
{
	(void)closure;
	return scenario_http(&scenario, "/readyz") == 503;
}

START_TEST(the_broker_is_reached_later)
{
	scenario_begin(&scenario, NULL, false);
	ck_assert(nats_fixture_kill(&scenario.nats));
	ck_assert(wait_until(is_not_ready, NULL, TEST_LIMIT));
	rlim_t limit = set_limit(NONE);
	ck_assert(nats_fixture_restart(&scenario.nats));
	storage_bytes_received(&scenario, "upload", "/none", 3);
	check_idle();
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 0);
	set_limit(limit);
	storage_check_finished(&scenario, "upload", "continue");
	scenario_close(&scenario);
}
END_TEST

/* A connection to the service's HTTP port that has sent a request. */
static int ask(void)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons((uint16_t)scenario_http_port(&scenario)),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), (ssize_t)sizeof request - 1);
	return fd;
}

START_TEST(a_probe_waits_for_descriptors)
{
	char answer[16] = "";
	scenario_begin(&scenario, NULL, false);
	rlim_t limit = set_limit(NONE);
	int fd = ask();
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	check_idle();
	ck_assert_int_eq(poll(&ready, 1, 0), 0);
	set_limit(limit);
	ck_assert_int_eq(poll(&ready, 1, (int)(TEST_LIMIT / MILLISECOND)), 1);
	ck_assert_int_eq(recv(fd, answer, 12, MSG_WAITALL), 12);
	ck_assert_str_eq(answer, "HTTP/1.1 200");
	close(fd);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_scan_waits_for_descriptors, the_broker_is_reached_later,
	                              a_probe_waits_for_descriptors};
	return scenario_run("scenario_descriptors", tests, sizeof tests / sizeof tests[0]);
}
