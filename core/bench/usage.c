/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/usage.h"

#include <dirent.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/process_usage.h"
#include "core/client/service_http.h"

#define HOST_SIZE 256
#define LISTENING 0x0a /* the state in /proc/net/tcp */
#define SOCKETS_LIMIT 16

static void use_of_process(struct bench_use *use, pid_t pid)
{
	struct process_usage usage;
	*use = (struct bench_use){.seen = pid != 0 && process_usage_read(pid, &usage)};
	if (use->seen) {
		use->cpu = usage.cpu;
		use->resident = (double)usage.resident;
	}
}

bool bench_usage_find_metric(const char *page, const char *name, double *value)
{
	char line[128];
	snprintf(line, sizeof line, "\n%s ", name);
	const char *at = strstr(page, line);
	if (at != NULL)
		*value = strtod(at + strlen(line), NULL);
	return at != NULL;
}

static void use_of_server(struct bench_use *use, const struct config *config)
{
	struct text body = {0};
	char why[256];
	*use = (struct bench_use){0};
	if (config->http_addr == NULL || config->http_addr[0] == '\0')
		return;
	long status = service_http_get(config, "/metrics", &body, why, sizeof why);
	use->seen = status == 200 && !body.failed && body.data != NULL &&
	            bench_usage_find_metric(body.data, "process_cpu_seconds_total", &use->cpu) &&
	            bench_usage_find_metric(body.data, "process_resident_memory_bytes", &use->resident);
	text_free(&body);
}

void bench_usage_take(struct bench_usage *usage, const struct config *config, pid_t baseline, pid_t broker)
{
	if (baseline != 0)
		use_of_process(&usage->server, baseline);
	else
		use_of_server(&usage->server, config);
	use_of_process(&usage->broker, broker);
	use_of_process(&usage->own, getpid());
}

/* Host and port of the server that a connection leads to. */
static bool find_peer(natsConnection *connection, char host[HOST_SIZE], unsigned *port)
{
	char url[HOST_SIZE];
	if (natsConnection_GetConnectedUrl(connection, url, sizeof url) != NATS_OK)
		return false;
	char *begin = strstr(url, "://"), *at = strrchr(url, '@');
	begin = at != NULL ? at + 1 : begin != NULL ? begin + 3 : url;
	char *colon = strrchr(begin, ':');
	if (colon == NULL)
		return false;
	*colon = '\0';
	*port = (unsigned)strtoul(colon + 1, NULL, 10);
	size_t length = strlen(begin);
	if (begin[0] == '[' && length > 1 && begin[length - 1] == ']') {
		begin[length - 1] = '\0';
		begin++;
	}
	snprintf(host, HOST_SIZE, "%s", begin);
	return true;
}

/* An address is this host's if a socket can be bound to it. */
static bool is_own_address(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool own = fd >= 0 && bind(fd, address->ai_addr, address->ai_addrlen) == 0;
	if (fd >= 0)
		close(fd);
	return own;
}

bool bench_usage_is_local(natsConnection *connection)
{
	char host[HOST_SIZE];
	unsigned port;
	struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM};
	if (!find_peer(connection, host, &port) || getaddrinfo(host, NULL, &hints, &list) != 0)
		return false;
	bool own = false;
	for (const struct addrinfo *one = list; one != NULL && !own; one = one->ai_next)
		own = is_own_address(one);
	freeaddrinfo(list);
	return own;
}

/* Appends the inodes of the sockets that listen on a port. Returns the new count. */
static size_t find_listening(const char *path, unsigned port, unsigned long inode[SOCKETS_LIMIT], size_t count)
{
	char line[512];
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return count;
	while (count < SOCKETS_LIMIT && fgets(line, sizeof line, file) != NULL) {
		unsigned local, state;
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*d %lu", &local, &state,
		           &inode[count]) == 3 &&
		    local == port && state == LISTENING)
			count++;
	}
	fclose(file);
	return count;
}

static bool holds_one(pid_t pid, const unsigned long *inode, size_t count)
{
	char path[64], target[64];
	snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
	DIR *folder = opendir(path);
	if (folder == NULL)
		return false;
	bool found = false;
	for (const struct dirent *entry; !found && (entry = readdir(folder)) != NULL;) {
		unsigned long number;
		ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
		target[length > 0 ? length : 0] = '\0';
		if (sscanf(target, "socket:[%lu]", &number) != 1)
			continue;
		for (size_t i = 0; i < count; i++)
			found = found || inode[i] == number;
	}
	closedir(folder);
	return found;
}

pid_t bench_usage_find_broker(natsConnection *connection)
{
	char host[HOST_SIZE];
	unsigned port;
	unsigned long inode[SOCKETS_LIMIT];
	if (!find_peer(connection, host, &port) || !bench_usage_is_local(connection))
		return 0;
	size_t count = find_listening("/proc/net/tcp", port, inode, 0);
	count = find_listening("/proc/net/tcp6", port, inode, count);
	DIR *folder = count > 0 ? opendir("/proc") : NULL;
	pid_t found = 0;
	if (folder == NULL)
		return 0;
	for (const struct dirent *entry; found == 0 && (entry = readdir(folder)) != NULL;) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid > 0 && holds_one(pid, inode, count))
			found = pid;
	}
	closedir(folder);
	return found;
}
