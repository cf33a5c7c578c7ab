/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/fixture_nats.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/limits.h"

#define UNDER_LIMIT 12
#define GREETING_SIZE 2048

/* The server's greeting, one line of JSON; "": no server is there. */
static void greet(unsigned port, char info[GREETING_SIZE])
{
	info[0] = '\0';
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && poll(&ready, 1, 1000) == 1) {
		ssize_t got = read(fd, info, GREETING_SIZE - 1);
		info[got > 0 ? got : 0] = '\0';
	}
	close(fd);
}

bool nats_answers(unsigned port)
{
	char info[GREETING_SIZE];
	greet(port, info);
	/* JetStream is ready before the server accepts connections. */
	return strncmp(info, "INFO ", 5) == 0 && strstr(info, "\"jetstream\":true") != NULL;
}

bool nats_is_version(unsigned port, const char *prefix)
{
	char info[GREETING_SIZE], member[64];
	greet(port, info);
	snprintf(member, sizeof member, "\"version\":\"%s", prefix);
	return strstr(info, member) != NULL;
}

static bool write_configuration(struct nats_fixture *nats)
{
	char text[8192];
	int length = snprintf(text, sizeof text, "listen: \"127.0.0.1:%u\"\njetstream { store_dir: \"%s\"", nats->port,
	                      nats->folder);
	if (nats->options.max_store != 0)
		length +=
			snprintf(text + length, sizeof text - (size_t)length, ", max_file_store: %zu", nats->options.max_store);
	length += snprintf(text + length, sizeof text - (size_t)length, " }\n");
	if (nats->options.max_payload != 0)
		length +=
			snprintf(text + length, sizeof text - (size_t)length, "max_payload: %zu\n", nats->options.max_payload);
	if (nats->options.username != NULL)
		length +=
			snprintf(text + length, sizeof text - (size_t)length, "authorization { user: \"%s\", password: \"%s\" }\n",
		             nats->options.username, nats->options.password);
	if (nats->options.name != NULL)
		length += snprintf(text + length, sizeof text - (size_t)length, "server_name: %s\n", nats->options.name);
	if (nats->options.lines != NULL)
		length += snprintf(text + length, sizeof text - (size_t)length, "%s", nats->options.lines);
	return (size_t)length < sizeof text && folder_write(nats->folder, "nats.conf", text, (size_t)length);
}

static bool ready_or_dead(void *closure)
{
	struct nats_fixture *nats = closure;
	return process_wait(&nats->process, 0) || nats_answers(nats->port);
}

/* Debian's nats-server is not in every user's PATH. NATS_SERVER names another release. */
static const char *server_path(void)
{
	const char *named = getenv("NATS_SERVER");
	if (named != NULL && *named != '\0')
		return named;
	return access("/usr/sbin/nats-server", X_OK) == 0 ? "/usr/sbin/nats-server" : "nats-server";
}

bool nats_fixture_restart(struct nats_fixture *nats)
{
	char conf[FOLDER_PATH_SIZE + 16], log[FOLDER_PATH_SIZE + 16];
	snprintf(conf, sizeof conf, "%s/nats.conf", nats->folder);
	snprintf(log, sizeof log, "%s/nats.log", nats->folder);
	const char *path = server_path();
	const char *argv[UNDER_LIMIT + 4];
	size_t count = 0;
	for (; nats->options.under != NULL && count < UNDER_LIMIT && nats->options.under[count] != NULL; count++)
		argv[count] = nats->options.under[count];
	memcpy(argv + count, (const char *const[]){path, "-c", conf, NULL}, 4 * sizeof *argv);
	if (!write_configuration(nats))
		return false;
	if (!process_start(&nats->process, &(struct process_options){.argv = argv, .log = log}))
		return false;
	return wait_until(ready_or_dead, nats, TEST_LIMIT) && nats->process.pid != 0;
}

struct reload {
	struct nats_fixture *nats;
	size_t before;
};

static size_t count_reloads(const struct nats_fixture *nats)
{
	static char log[1 << 20];
	size_t count = 0;
	if (!folder_read(nats->folder, "nats.log", log, sizeof log))
		return 0;
	for (const char *at = log; (at = strstr(at, "Reloaded server configuration")) != NULL; at++)
		count++;
	return count;
}

static bool is_reloaded(void *closure)
{
	const struct reload *reload = closure;
	return count_reloads(reload->nats) > reload->before;
}

bool nats_fixture_reload(struct nats_fixture *nats)
{
	struct reload reload = {nats, count_reloads(nats)};
	return write_configuration(nats) && process_signal(&nats->process, SIGHUP) &&
	       wait_until(is_reloaded, &reload, TEST_LIMIT);
}

bool nats_fixture_start(struct nats_fixture *nats, const struct nats_options *options)
{
	*nats = (struct nats_fixture){.process = PROCESS_NONE};
	if (options != NULL)
		nats->options = *options;
	if (!folder_create(nats->folder))
		return false;
	/* A program that is no test may take the port before the server starts. The server then ends, and the next port is
	 * tried. */
	for (int attempt = 0; attempt < 5; attempt++) {
		nats->port = port_reserve();
		if (nats->port == 0)
			break;
		snprintf(nats->url, sizeof nats->url, "nats://127.0.0.1:%u", nats->port);
		if (nats_fixture_restart(nats))
			return true;
	}
	nats_fixture_end(nats);
	return false;
}

bool nats_fixture_halt(struct nats_fixture *nats)
{
	return process_signal(&nats->process, SIGTERM) && process_wait(&nats->process, TEST_LIMIT);
}

bool nats_fixture_kill(struct nats_fixture *nats)
{
	return process_signal(&nats->process, SIGKILL) && process_wait(&nats->process, TEST_LIMIT);
}

static bool replace_folder(const struct nats_fixture *nats, const char *from, const char *to)
{
	static const char command[] = "rm -rf \"$0/$2\" && cp -a \"$0/$1\" \"$0/$2\"";
	const char *argv[] = {"sh", "-c", command, nats->folder, from, to, NULL};
	struct process copy = PROCESS_NONE;
	return process_start(&copy, &(struct process_options){.argv = argv}) && process_wait(&copy, TEST_LIMIT) &&
	       copy.status == 0;
}

bool nats_fixture_keep(const struct nats_fixture *nats)
{
	return replace_folder(nats, "jetstream", "kept");
}

bool nats_fixture_put_back(const struct nats_fixture *nats)
{
	return replace_folder(nats, "kept", "jetstream");
}

bool nats_fixture_lose(const struct nats_fixture *nats)
{
	char path[FOLDER_PATH_SIZE + 16];
	snprintf(path, sizeof path, "%s/jetstream", nats->folder);
	return folder_remove(path);
}

bool nats_fixture_put_back_messages(const struct nats_fixture *nats, const char *stream)
{
	char from[256], to[256];
	snprintf(from, sizeof from, "kept/$G/streams/%s/msgs", stream);
	snprintf(to, sizeof to, "jetstream/$G/streams/%s/msgs", stream);
	return replace_folder(nats, from, to);
}

bool nats_fixture_pause(const struct nats_fixture *nats)
{
	int status;
	return process_signal(&nats->process, SIGSTOP) &&
	       waitpid(nats->process.pid, &status, WUNTRACED) == nats->process.pid && WIFSTOPPED(status);
}

bool nats_fixture_resume(const struct nats_fixture *nats)
{
	return process_signal(&nats->process, SIGCONT);
}

void nats_fixture_end(struct nats_fixture *nats)
{
	process_end(&nats->process);
	if (nats->folder[0] != '\0' && !folder_remove(nats->folder))
		fprintf(stderr, "%s could not be removed\n", nats->folder);
	nats->folder[0] = '\0';
}
